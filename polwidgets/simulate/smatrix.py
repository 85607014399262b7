"""The scattering matrix of a crystal that is periodic in the plane: the heart of the simulator.

A plane wave with transverse k = k0 + g0 (k0 in the first Brillouin zone, g0 a reciprocal lattice vector) scatters only
into k0 + g. So for every k0 one period of the crystal along the beam is a small matrix over the beams g, and a thickness
of n periods is its n-th power applied to the columns g0 that lie in the aperture. Slices, potentials and propagator are
those of multislice, so the result is multislice's, a few thousand times faster (Kirkland, Advanced Computing in Electron
Microscopy, doi:10.1007/978-1-4419-6533-2; for the plane-wave expansion of the probe see Ophus,
doi:10.1186/s40679-017-0046-1).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from polwidgets.crystal.base import Crystal
from polwidgets.electron import wavelength_A
from polwidgets.simulate.potential import slice_phases
from polwidgets.simulate.scattering_factors import Parametrization

LARGEST_POWER: Final = 8  # squaring a transfer matrix costs about six applications to the columns


@dataclasses.dataclass(frozen=True)
class ScatteringMatrix:
    """Amplitudes from every incoming plane wave in the aperture to every outgoing one, at a series of thicknesses.

    Attributes
    ----------
    values : complex tensor (thickness, class, incoming, outgoing)
        Class is the wave vector's place k0 in the first Brillouin zone, row by row.
    thicknesses_A : array (thickness,)
        Whole numbers of cells along the beam.
    zone : int array (class, 2)
        k0 of a class in steps of the mesh, (down, right).
    incoming, outgoing : int arrays (beam, 2)
        Reciprocal lattice vectors g0 and g, (down, right).
    mesh : (int, int)
        The k mesh divides a reciprocal lattice vector into so many steps, (down, right).
    cell_A : (float, float)
        In-plane cell edges, angstrom.
    voltage_kV : float
    """

    values: torch.Tensor
    thicknesses_A: NDArray[np.float64]
    zone: NDArray[np.int64]
    incoming: NDArray[np.int64]
    outgoing: NDArray[np.int64]
    mesh: tuple[int, int]
    cell_A: tuple[float, float]
    voltage_kV: float

    @functools.cached_property
    def k_incoming(self) -> NDArray[np.float64]:
        """Transverse wave vectors of the columns, 1/angstrom, (class, incoming, 2)."""
        return self._wave_vectors(self.incoming)

    @property
    def k_step(self) -> tuple[float, float]:
        """Mesh step in 1/angstrom, (down, right)."""
        return (1 / (self.mesh[0] * self.cell_A[0]), 1 / (self.mesh[1] * self.cell_A[1]))

    @property
    def half_width(self) -> tuple[int, int]:
        """Patterns reach from minus to plus so many mesh steps, (down, right)."""
        reach = np.abs(self.outgoing).max(0)
        return tuple(int(r * m + (m - 1) // 2) for r, m in zip(reach, self.mesh, strict=True))  # type: ignore[return-value]

    @functools.cached_property
    def pixel(self) -> NDArray[np.int64]:
        """Flat index of every (class, outgoing) beam in the pattern of shape ``2 * half_width + 1``; -1 outside it."""
        steps = self.outgoing[None] * np.array(self.mesh) + self.zone[:, None]
        half = np.array(self.half_width)
        inside = (np.abs(steps) <= half).all(-1)
        flat = (steps[..., 0] + half[0]) * (2 * half[1] + 1) + steps[..., 1] + half[1]
        return np.where(inside, flat, -1)

    def _wave_vectors(self, lattice: NDArray[np.int64]) -> NDArray[np.float64]:
        steps = lattice[None] + self.zone[:, None] / np.array(self.mesh)
        return np.asarray(steps / np.array(self.cell_A))


def scattering_matrix(
    crystal: Crystal,
    *,
    voltage_kV: float,
    thicknesses_A: Sequence[float] | NDArray[np.float64],
    k_incoming: float,
    k_outgoing: float,
    mesh: tuple[int, int] | int = 4,
    k_limit: float | None = None,
    slice_thickness_A: float = 2.0,
    absorption: bool = True,
    parametrization: Parametrization = "lobato",
    dtype: torch.dtype = torch.complex64,
    device: str | torch.device = "cpu",
    progress: Callable[[float], None] | None = None,
) -> ScatteringMatrix:
    """Scatter every plane wave of an aperture through the crystal, saving a series of thicknesses on the way down.

    Parameters
    ----------
    crystal : Crystal
        Orthogonal cell.
    thicknesses_A : sequence of float
        Wanted thicknesses; each is rounded to whole cells, duplicates are merged.
    k_incoming, k_outgoing : float
        Radius of the incoming and half-width of the outgoing wave vectors that are kept, 1/angstrom.
    mesh : int or (int, int)
        Steps of the k mesh in a reciprocal lattice vector: the probe repeats after so many cells.
    k_limit : float, optional
        Band limit of the calculation, 1/angstrom; by default 2.7, or 1.2 times the outgoing half-width if that is more.
    progress : callable, optional
        Called with the finished fraction; raise from it to cancel.

    Returns
    -------
    ScatteringMatrix
    """
    edge_y, edge_x, edge_z = crystal.cell_A
    mesh = (mesh, mesh) if isinstance(mesh, int) else mesh
    limit = k_limit or max(2.7, 1.2 * k_outgoing)
    cells = np.unique(np.maximum(0, np.round(np.asarray(thicknesses_A, float) / edge_z).astype(int)))
    if cells.size == 0:
        raise ValueError("no thickness was asked for; give at least one in angstrom")
    cell = (edge_y, edge_x)
    beams = _lattice_within(cell, lambda g: np.hypot(*g) <= limit)
    half_zone = 0.5 * np.hypot(1 / edge_y, 1 / edge_x)
    incoming = _lattice_within(cell, lambda g: np.hypot(*g) <= k_incoming + half_zone)
    outgoing = _lattice_within(cell, lambda g: np.maximum(*np.abs(g)) <= k_outgoing + half_zone)
    zone = np.stack(np.meshgrid(*(np.arange(m) - m // 2 for m in mesh), indexing="ij"), -1).reshape(-1, 2)
    transfer = _transfer_matrices(crystal, beams, zone / np.array(mesh), voltage_kV, slice_thickness_A, absorption, parametrization, dtype)
    transfer = transfer.to(device)
    row_of = {tuple(g): row for row, g in enumerate(beams.tolist())}
    wave = torch.zeros(len(zone), len(beams), len(incoming), dtype=dtype, device=device)
    for column, g in enumerate(incoming.tolist()):
        if tuple(g) in row_of:
            wave[:, row_of[tuple(g)], column] = 1
    kept = torch.tensor([row_of.get(tuple(g), -1) for g in outgoing.tolist()], device=device)
    values = torch.empty(len(cells), len(zone), len(incoming), len(outgoing), dtype=dtype, device=device)
    powers = {1: transfer}
    done = 0
    for index, count in enumerate(cells.tolist()):
        for power in _binary_steps(count - done, cells[-1]):
            while power not in powers:
                top = max(powers)
                powers[2 * top] = powers[top] @ powers[top]
            wave = powers[power] @ wave
        done = count
        values[index] = torch.where(kept[:, None] >= 0, wave[:, kept.clamp(min=0)], 0).transpose(1, 2)
        if progress is not None:
            progress((index + 1) / len(cells))
    return ScatteringMatrix(values, cells * edge_z, zone, incoming, outgoing, mesh, cell, voltage_kV)


def _binary_steps(count: int, total: int) -> list[int]:
    """Powers of two that add up to `count`, none larger than pays over `total` applications."""
    largest = min(LARGEST_POWER, max(1, 2 ** int(np.log2(max(total, 1) / 8 + 1e-9))) if total >= 8 else 1)
    steps = [largest] * (count // largest)
    rest = count % largest
    return steps + [1 << bit for bit in range(rest.bit_length()) if rest >> bit & 1]


def _lattice_within(cell: tuple[float, float], inside: Callable[[NDArray[np.float64]], NDArray[np.bool_]]) -> NDArray[np.int64]:
    reach = np.arange(-64, 65)
    lattice = np.stack(np.meshgrid(reach, reach, indexing="ij"))
    return lattice[:, inside(lattice / np.array(cell)[:, None, None])].T


def _transfer_matrices(
    crystal: Crystal,
    beams: NDArray[np.int64],
    zone: NDArray[np.float64],
    voltage_kV: float,
    slice_thickness_A: float,
    absorption: bool,
    parametrization: Parametrization,
    dtype: torch.dtype,
) -> torch.Tensor:
    """One cell along the beam as a matrix (class, outgoing, incoming) over the band-limited beams."""
    grid = tuple(int(4 * r + 4) for r in np.abs(beams).max(0))  # holds every difference of two beams without aliasing
    phases, thickness = slice_phases(
        crystal,
        voltage_kV=voltage_kV,
        grid=grid,  # type: ignore[arg-type]
        slice_thickness_A=slice_thickness_A,
        absorption=absorption,
        parametrization=parametrization,
    )
    transmission = np.fft.fft2(np.exp(1j * phases)) / (grid[0] * grid[1])
    difference = beams[:, None] - beams[None, :]
    k = (beams[None] + zone[:, None]) / np.array(crystal.cell_A[:2])
    propagator = torch.from_numpy(np.exp(-1j * np.pi * wavelength_A(voltage_kV) * thickness * (k**2).sum(-1))).to(dtype)
    matrix: torch.Tensor | None = None
    for layer in transmission:
        scatter = torch.from_numpy(layer[difference[..., 0] % grid[0], difference[..., 1] % grid[1]]).to(dtype)
        step = propagator[:, :, None] * scatter
        matrix = step if matrix is None else step @ matrix
    assert matrix is not None
    return matrix
