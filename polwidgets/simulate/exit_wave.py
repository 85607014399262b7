"""The electron wave behind a scene, by plane-wave multislice (Cowley & Moodie, doi:10.1107/S0365110X57002194)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.fft import next_fast_len

from polwidgets.cube.schema import LENGTH
from polwidgets.electron import wavelength_A
from polwidgets.progress import Progress, reporter
from polwidgets.scenes.scene import Scene
from polwidgets.simulate.scattering_factors import Parametrization
from polwidgets.simulate.scene_potential import ScenePotential

KEPT: Final = 2 / 3
"""Of the wave numbers that a sampling resolves, what is free of aliasing."""
EDGE: Final = 0.03
"""Of the kept wave numbers, over how many the band falls to zero: a sharp edge would ring."""


def exit_wave(
    scene: Scene,
    *,
    voltage_kV: float = 300.0,
    sampling_A: float = 0.2,
    slice_thickness_A: float = 2.0,
    phonons: int = 0,
    seed: int = 0,
    parametrization: Parametrization = "lobato",
    device: str | torch.device = "cpu",
    progress: bool | Progress = False,
) -> xr.DataArray:
    """The wave that leaves a scene under parallel illumination.

    The box repeats across the beam whatever the scene says: leave vacuum around what does not.

    Parameters
    ----------
    scene : Scene
    voltage_kV : float
    sampling_A : float
        Largest distance of grid points; the box is divided into an even number that transforms fast. Two thirds of the wave
        numbers that the grid resolves are kept.
    slice_thickness_A : float
        Wanted thickness; the box is cut into the nearest whole number of slices, each scattering in its middle.
        ``math.inf`` makes it one: the projected potential, without propagation inside the scene.
    phonons : int
        Frozen-phonon configurations, each with every atom moved at random by its Debye-Waller factor. With 0, one wave
        through the thermally averaged potential.
    seed : int
        Draws the configurations.
    parametrization : {"lobato", "kirkland"}
    device : torch device
    progress : bool or callable
        Show a bar; or be told the step and its finished fraction, and cancel by raising.

    Returns
    -------
    complex64 DataArray (y, x), or (configuration, y, x) with phonons
        At the face of the box where the beam leaves it; the incident wave is one. Rows grow downward.

    Raises
    ------
    ValueError
        Sampling or slices that are not positive, or a negative number of configurations.
    """
    if not (np.isfinite(sampling_A) and sampling_A > 0 and slice_thickness_A > 0):
        raise ValueError(f"sampling_A is {sampling_A} and slice_thickness_A {slice_thickness_A}, expected both above 0 angstrom")
    if phonons < 0:
        raise ValueError(f"phonons is {phonons}, expected a number of configurations, or 0 for thermally averaged atoms")
    report = reporter(progress)
    grid = (_points(scene.box_A[0], sampling_A), _points(scene.box_A[1], sampling_A))
    slices = max(1, round(scene.box_A[2] / slice_thickness_A))
    waves = []
    for number in range(max(1, phonons)):

        def tell(fraction: float, done: int = number) -> None:
            report("propagate the wave", (done + fraction) / max(1, phonons))

        potential = ScenePotential(
            scene.numbers,
            _shaken(scene, seed=seed, number=number) if phonons else scene.positions_A,
            scene.box_A,
            grid=grid,
            slices=slices,
            voltage_kV=voltage_kV,
            debye_waller_A2=None if phonons else scene.debye_waller_A2,
            parametrization=parametrization,
            device=device,
        )
        waves.append(_multislice(potential, scene.box_A[:2], voltage_kV, tell).cpu().numpy())
    array = np.stack(waves) if phonons else waves[0]
    coords = {
        dim: (dim, np.arange(points) * edge / points, {"units": LENGTH})
        for dim, points, edge in zip(("y", "x"), grid, scene.box_A, strict=False)
    }
    made = {"slice_thickness_A": scene.box_A[2] / slices, "phonons": phonons, "seed": seed, "parametrization": parametrization}
    attrs: dict[str, Any] = {"voltage_kV": float(voltage_kV), "thickness_A": float(scene.box_A[2])}
    attrs["provenance"] = json.dumps([{"scene": json.loads(scene.provenance or "null")}, {"exit_wave": made}])
    return xr.DataArray(array, coords, ("configuration",) * bool(phonons) + ("y", "x"), "exit_wave", attrs)


def kept_wave_number(step_A: tuple[float, float]) -> float:
    """Largest wave number, 1/angstrom, that multislice keeps undamped on a grid of these steps."""
    return (1 - EDGE) * KEPT / (2 * max(step_A))


def _points(edge_A: float, sampling_A: float) -> int:
    """Grid points along an edge: enough, even, and a number that transforms fast."""
    # a box made of whole pixels must not gain one by rounding
    return 2 * int(next_fast_len(max(1, int(np.ceil(edge_A / sampling_A / 2 - 1e-6)))))


def _shaken(scene: Scene, *, seed: int, number: int) -> NDArray[np.float64]:
    """Positions of one configuration."""
    deviation = np.sqrt(scene.debye_waller_A2 / (8 * np.pi**2))
    return np.asarray(scene.positions_A + np.random.default_rng((seed, number)).normal(size=(len(scene), 3)) * deviation[:, None])


def _multislice(potential: ScenePotential, edges: tuple[float, float], voltage_kV: float, tell: Callable[[float], None]) -> torch.Tensor:
    """The wave (rows, columns) behind the last slice."""
    rows, columns = potential.grid
    k2 = np.fft.fftfreq(rows, edges[0] / rows)[:, None] ** 2 + np.fft.fftfreq(columns, edges[1] / columns)[None] ** 2
    undamped = kept_wave_number((edges[0] / rows, edges[1] / columns))
    beyond = np.clip((np.sqrt(k2) / undamped - 1) / (1 / (1 - EDGE) - 1), 0, 1)
    band = (1 + np.cos(np.pi * beyond)) / 2
    path = -1j * np.pi * wavelength_A(voltage_kV) * potential.thickness_A * k2
    half, whole = (torch.from_numpy(band * np.exp(part * path)).to(potential.device, torch.complex64) for part in (0.5, 1))
    spectrum = torch.zeros(rows, columns, dtype=torch.complex64, device=potential.device)
    spectrum[0, 0] = rows * columns  # behind half a slice of vacuum a plane wave is what it was
    for index in range(potential.slices):
        phase = potential.phase(index)
        if phase is not None:
            # cosine and sine are vectorised where torch.polar is not
            passed = torch.complex(phase.cos(), phase.sin())
            spectrum = torch.fft.fft2(torch.fft.ifft2(spectrum).mul_(passed))
        spectrum.mul_(whole if index + 1 < potential.slices else half)
        tell((index + 1) / potential.slices)
    wave: torch.Tensor = torch.fft.ifft2(spectrum)
    return wave
