"""Patterns of a supercell of single atoms, at every probe position: walls, defects, frozen phonons, random occupancy.

Every plane wave of the aperture goes once through all slices (PRISM without interpolation; Ophus,
doi:10.1186/s40679-017-0046-1); a pattern is their sum with the probe's phases. Unlike abTEM's PRISM it knows mistilt,
which moves the aperture on the mesh of plane waves; the atoms' potentials are abTEM's, the extra ``sim``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from polwidgets.electron import relativistic_gamma, wave_number, wavelength_A
from polwidgets.progress import Progress, silent
from polwidgets.simulate.detector import detector_matrix, on_detector, pixel_grid
from polwidgets.simulate.multislice import VOLT_ANGSTROM2
from polwidgets.simulate.probe import Probe

if TYPE_CHECKING:
    from ase import Atoms

WAVES = 32  # propagated together: their slices stay in the cache
POSITIONS = 256


def supercell_patterns(
    configurations: Sequence[Atoms],
    positions_A: NDArray[np.float64],
    *,
    voltage_kV: float,
    probe: Probe,
    ky: NDArray[np.float64],
    kx: NDArray[np.float64],
    sampling_A: float = 0.11,
    slice_thickness_A: float = 2.0,
    parametrization: str = "kirkland",
    device: str | torch.device = "cpu",
    progress: Progress = silent,
) -> NDArray[np.float32]:
    """Diffraction patterns at probe positions, averaged over configurations of the atoms.

    Parameters
    ----------
    configurations : sequence of ase.Atoms
        Periodic orthogonal supercells of one size, positions (down, right, beam) in angstrom.
    positions_A : array (position, 2)
        Probe positions (down, right), angstrom.
    probe : Probe
    ky, kx : arrays
        Detector coords from the beam's axis, evenly spaced, 1/angstrom.
    sampling_A : float
        Real-space sampling; two thirds of the wave numbers that it resolves are kept.

    Returns
    -------
    array (position, ky, kx)
        Fractions of the incident intensity a pixel.
    """
    edges = configurations[0].cell.lengths()
    tilt = probe.tilt_wave(voltage_kV)
    reach = max(np.abs(ky).max(), np.abs(kx).max()) + float(np.abs(tilt).max())
    half_width = (int(np.ceil(reach * edges[0])) + 2, int(np.ceil(reach * edges[1])) + 2)
    incoming = _aperture(probe, edges[:2], voltage_kV, tilt)
    k_step = (1 / edges[0], 1 / edges[1])
    amplitude = probe.amplitude(incoming * np.array(k_step), voltage_kV=voltage_kV, edge=max(k_step))
    amplitude /= np.sqrt((np.abs(amplitude) ** 2).sum())
    area = (ky[1] - ky[0]) * (kx[1] - kx[0]) / (k_step[0] * k_step[1])
    matrix = detector_matrix(pixel_grid(ky, kx) + tilt, k_step=k_step, half_width=half_width, blur=0.0, scale=float(area))
    total = np.zeros((len(positions_A), len(ky) * len(kx)), np.float32)
    for number, atoms in enumerate(configurations):
        transmission, thickness_A = _transmission(atoms, voltage_kV, sampling_A, slice_thickness_A, parametrization)

        def report(fraction: float, done: int = number) -> None:
            progress("propagate the supercell", (done + fraction) / len(configurations))

        columns = _columns(transmission.to(device), thickness_A, edges[:2], incoming, half_width, voltage_kV, report)
        weighted = columns * torch.from_numpy(amplitude).to(columns)[:, None]
        for start in range(0, len(positions_A), POSITIONS):
            part = slice(start, start + POSITIONS)
            angle = torch.from_numpy(-2 * np.pi * positions_A[part] @ (incoming * np.array(k_step)).T)
            wave = torch.polar(torch.ones_like(angle), angle).to(weighted) @ weighted
            total[part] += on_detector(matrix, (wave.real.square() + wave.imag.square()).cpu()).numpy()
    total /= len(configurations)
    return total.reshape(-1, len(ky), len(kx))


def _aperture(probe: Probe, edges: NDArray[np.float64], voltage_kV: float, tilt: NDArray[np.float64]) -> NDArray[np.int64]:
    """Plane waves (wave, 2) of the aperture, in steps of the supercell's reciprocal lattice."""
    radius = wave_number(probe.semiangle_mrad, voltage_kV) + float(np.hypot(*tilt)) + max(1 / edges)
    steps = [np.arange(-int(radius * edge) - 1, int(radius * edge) + 2) for edge in edges]
    grid = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 2)
    return grid[np.abs(probe.amplitude(grid / edges, voltage_kV=voltage_kV, edge=max(1 / edges))) > 0]


def _transmission(
    atoms: Atoms, voltage_kV: float, sampling_A: float, slice_thickness_A: float, parametrization: str
) -> tuple[torch.Tensor, float]:
    """Transmission (slice, row, column) of a supercell, and the thickness of a slice."""
    import abtem

    edges = atoms.cell.lengths()
    slices = max(1, round(edges[2] / slice_thickness_A))
    gpts = tuple(2 * round(edge / sampling_A / 2) for edge in edges[:2])
    with abtem.config.set({"dask.lazy": False, "diagnostics.progress_bar": False, "precision": "float32"}):
        potential = abtem.Potential(atoms, gpts=gpts, slice_thickness=edges[2] / slices, parametrization=parametrization).build()
    interaction = relativistic_gamma(voltage_kV) * wavelength_A(voltage_kV) / VOLT_ANGSTROM2
    phase = torch.from_numpy(interaction * np.asarray(potential.array, np.float32))
    return torch.polar(torch.ones_like(phase), phase), float(edges[2] / slices)


def _columns(
    transmission: torch.Tensor,
    thickness_A: float,
    edges: NDArray[np.float64],
    incoming: NDArray[np.int64],
    half_width: tuple[int, int],
    voltage_kV: float,
    progress: Callable[[float], None],
) -> torch.Tensor:
    """Outgoing amplitudes (wave, row and column within `half_width` mesh steps) of every incoming plane wave."""
    _, rows, columns = transmission.shape
    device = transmission.device
    steps = [np.fft.fftfreq(size, 1 / size).astype(int) for size in (rows, columns)]
    k2 = (steps[0][:, None] / edges[0]) ** 2 + (steps[1][None, :] / edges[1]) ** 2
    # two thirds of what the sampling resolves is free of aliasing
    kept = k2 < (min(rows / edges[0], columns / edges[1]) / 3) ** 2
    propagator = torch.from_numpy(np.where(kept, np.exp(-1j * np.pi * wavelength_A(voltage_kV) * thickness_A * k2), 0))
    propagator = propagator.to(torch.complex64).to(device)
    wanted = np.ix_(*(np.arange(-half, half + 1) % size for half, size in zip(half_width, (rows, columns), strict=True)))
    row, column = (torch.from_numpy(index).to(device) for index in wanted)
    parts = []
    for start in range(0, len(incoming), WAVES):
        waves = torch.from_numpy(incoming[start : start + WAVES] % np.array([rows, columns])).to(device)
        spectrum = torch.zeros(len(waves), rows, columns, dtype=torch.complex64, device=device)
        spectrum[torch.arange(len(waves), device=device), waves[:, 0], waves[:, 1]] = rows * columns
        for layer in transmission:
            spectrum = torch.fft.fft2(torch.fft.ifft2(spectrum).mul_(layer)).mul_(propagator)
        parts.append(spectrum[:, row, column].flatten(1) / (rows * columns))
        progress(min(1.0, (start + WAVES) / len(incoming)))
    return torch.cat(parts)
