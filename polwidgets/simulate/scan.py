"""Simulate a whole 4D-STEM scan."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from typing import Any, Final

import dask.array as da
import numpy as np
import torch
import xarray as xr
from dask.delayed import delayed
from numpy.typing import NDArray

from polwidgets.crystal.base import Crystal, crystals, displaced
from polwidgets.cube.files import open_cube, save_cube
from polwidgets.cube.schema import make_cube
from polwidgets.electron import wave_number
from polwidgets.progress import Progress, reporter
from polwidgets.simulate.detector import detector_matrix, detector_points, on_detector, pixel_grid
from polwidgets.simulate.patterns import basis, pattern_series, source_damping
from polwidgets.simulate.probe import Probe
from polwidgets.simulate.smatrix import scattering_matrix

BLOCK_BYTES: Final = 64 * 2**20


def simulate_scan(
    crystal: str | Crystal = "knn",
    *,
    direction_deg: float | Sequence[float] | None = None,
    displacement_A: float | None = None,
    thickness_A: float = 200.0,
    scan_shape: tuple[int, int] = (128, 128),
    cells: float | tuple[float, float] = 2.0,
    detector_shape: tuple[int, int] = (64, 64),
    voltage_kV: float = 200.0,
    semiangle_mrad: float = 24.0,
    k_step: float | None = None,
    probe: Probe | None = None,
    source_A: float = 0.0,
    blur: float = 0.0,
    background: float = 0.0,
    scan_rotation_deg: float = 0.0,
    dose: float | None = None,
    k_limit: float = 3.6,
    seed: int = 0,
    path: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    progress: bool | Progress = False,
) -> xr.DataArray:
    """Simulate a 4D-STEM scan of a crystal whose axes lie along the detector.

    Parameters
    ----------
    crystal : str or Crystal
        A registered name, or a part.
    direction_deg : float or sequence of float, optional
        Polarization relative to the detector's axes, anticlockwise on screen; several make stripes of equal width side
        by side along scan_x. A wall is sharp and flat: patterns of either side meet there, without the wall's own
        structure or strain.
    displacement_A : float, optional
        Polar displacement; by default the crystal's own.
    thickness_A : float
        Rounded to whole cells along the beam; the cube's attr says what it became.
    scan_shape : (int, int)
        Probe positions (scan_y, scan_x).
    cells : float or (float, float)
        Unit cells that the scan covers along (scan_y, scan_x).
    detector_shape : (int, int)
    k_step : float, optional
        Detector pixel, 1/angstrom; by default the detector reaches to twice the semi-angle.
    probe : Probe, optional
        Mistilt, defocus, aberrations; its semi-angle is replaced by `semiangle_mrad`.
    source_A, blur : float
        Standard deviations of the source (angstrom) and of the detector's point spread (1/angstrom).
    background : float
        Flat diffuse background, as a fraction of the incident intensity over the whole detector.
    scan_rotation_deg : float
        Anticlockwise on screen from the kx axis to the scan_x axis.
    dose : float, optional
        Incident electrons a pattern: counts are drawn and stored as uint16. Without it, fractions of the incident
        intensity as float32.
    k_limit : float
        Band limit of the simulation, 1/angstrom.
    path : path, optional
        Write a zarr there, block by block, and return it opened lazily.

    Returns
    -------
    DataArray
        The cube, in memory, or opened from `path`; the attr ``provenance`` says how it was made.

    Raises
    ------
    ValueError
        Fewer than 2 x 2 positions or pixels, no cells, no direction, or a displacement of a crystal that has none.
    FileExistsError
        Something is at `path` and `overwrite` is not set.
    """
    part = crystals.build(crystal) if isinstance(crystal, str) else crystal
    report = reporter(progress)
    directions = [None] if direction_deg is None else np.atleast_1d(direction_deg).tolist()
    variants = [displaced(part, displacement_A=displacement_A, direction_deg=angle) for angle in directions]
    if not variants:
        raise ValueError("direction_deg is an empty list; give at least one angle in degrees, or None for the crystal's own")
    edges = variants[0].cell_A[:2]
    across = (cells, cells) if isinstance(cells, (int, float)) else cells
    if min(*scan_shape, *detector_shape) < 2 or min(across) <= 0:
        raise ValueError(
            f"a scan and a detector need at least 2 x 2 points and cells above zero, "
            f"got scan_shape={scan_shape}, detector_shape={detector_shape}, cells={across}"
        )
    step_A = (edges[0] * across[0] / scan_shape[0], edges[1] * across[1] / scan_shape[1])
    aperture = wave_number(semiangle_mrad, voltage_kV)
    pixel = k_step or 4 * aperture / max(detector_shape)
    optics = dataclasses.replace(probe or Probe(), semiangle_mrad=semiangle_mrad)
    ky, kx = (pixel * np.arange(-(size // 2), size - size // 2, dtype=np.float64) for size in detector_shape)
    series = []
    for number, variant in enumerate(variants):
        terms, order, thickness = _detector_series(
            variant, ky, kx, thickness_A=thickness_A, voltage_kV=voltage_kV, probe=optics, source_A=source_A, blur=blur, k_limit=k_limit
        )
        terms[0] += background / terms.shape[1]
        series.append((torch.from_numpy(terms), order))
        report("simulate the crystal", (number + 1) / len(variants))
    phase = _phases(scan_shape, step_A, edges, scan_rotation_deg)
    stripe = np.arange(scan_shape[1]) * len(variants) // scan_shape[1]

    dtype = np.float32 if dose is None else np.uint16

    def rows(start: int, stop: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """The patterns of scan rows, written into `out` where it is given."""
        block = np.empty((stop - start, scan_shape[1], *detector_shape), dtype) if out is None else out
        for index, (model, order) in enumerate(series):
            columns = np.flatnonzero(stripe == index)
            values = basis(phase[start:stop, columns].reshape(-1, 2), order).astype(np.float32)
            patterns = (torch.from_numpy(values) @ model).clamp_(min=0).numpy()
            if dose is not None:
                patterns = np.random.default_rng((seed, start, index)).poisson(dose * patterns).clip(max=65535)
            where = columns if len(series) > 1 else slice(None)
            block[:, where] = patterns.reshape(stop - start, len(columns), *detector_shape)
        report("fill the scan", stop / scan_shape[0])
        return block

    stripes = [json.loads(crystals.to_json(variant)) for variant in variants]
    made = {"source_A": source_A, "blur": blur, "background": background, "dose": dose, "seed": seed, "k_limit": k_limit}
    attrs: dict[str, Any] = {
        "voltage_kV": voltage_kV,
        "semiangle_mrad": semiangle_mrad,
        "scan_rotation_deg": scan_rotation_deg,
        "thickness_A": thickness,
        "tilt_y_mrad": optics.tilt_y_mrad,
        "tilt_x_mrad": optics.tilt_x_mrad,
        "provenance": json.dumps([{"simulate_scan": {"stripes": stripes, **made}}]),
    }
    height = max(1, BLOCK_BYTES // (4 * scan_shape[1] * detector_shape[0] * detector_shape[1]))
    starts = range(0, scan_shape[0], height)
    bounds = [(start, min(start + height, scan_shape[0])) for start in starts]
    if path is None:
        intensity: Any = np.empty((*scan_shape, *detector_shape), dtype)
        for start, stop in bounds:
            rows(start, stop, intensity[start:stop])
    else:
        shapes = [(stop - start, scan_shape[1], *detector_shape) for start, stop in bounds]
        blocks = [da.from_delayed(delayed(rows)(*bound), shape, dtype) for bound, shape in zip(bounds, shapes, strict=True)]
        intensity = da.concatenate(blocks)
    cube = make_cube(intensity, scan_step_A=step_A, k_step=pixel, **attrs)
    if path is None:
        return cube
    save_cube(cube, path, overwrite=overwrite)
    return open_cube(path)


def _detector_series(
    crystal: Crystal,
    ky: NDArray[np.float64],
    kx: NDArray[np.float64],
    *,
    thickness_A: float,
    voltage_kV: float,
    probe: Probe,
    source_A: float,
    blur: float,
    k_limit: float,
) -> tuple[NDArray[np.float32], int, float]:
    """Complete series (term, pixel) of the patterns on a detector, its order, and the thickness in whole cells."""
    pixel = ky[1] - ky[0]
    mesh = int(np.clip(round(1 / (max(crystal.cell_A[:2]) * pixel)), 3, 8))
    tilt = probe.tilt_wave(voltage_kV)
    aperture = wave_number(probe.semiangle_mrad, voltage_kV)
    margin = float(np.hypot(*tilt)) + 1 / (mesh * min(crystal.cell_A[:2]))
    smatrix = scattering_matrix(
        crystal,
        voltage_kV=voltage_kV,
        thicknesses_A=[thickness_A],
        k_incoming=aperture + margin,
        k_outgoing=float(max(np.abs(ky).max(), np.abs(kx).max())) + margin,
        mesh=mesh,
        k_limit=k_limit,
    )
    # beams at opposite ends of the aperture make the highest frequency
    order = int(np.ceil((2 * aperture + max(smatrix.k_step)) * max(crystal.cell_A[:2])))
    matrix = detector_matrix(
        detector_points(pixel_grid(ky, kx)) + tilt,
        k_step=smatrix.k_step,
        half_width=smatrix.half_width,
        blur=blur,
        scale=float(pixel * (kx[1] - kx[0]) / np.prod(smatrix.k_step)),
    )
    series = on_detector(matrix, pattern_series(smatrix, probe=probe, order=order)).numpy()
    return series * source_damping(order, source_A, crystal.cell_A[:2])[:, None].astype(np.float32), order, float(smatrix.thicknesses_A[0])


def _phases(
    scan_shape: tuple[int, int], step_A: tuple[float, float], edges: tuple[float, float], scan_rotation_deg: float
) -> NDArray[np.float64]:
    """Phases (scan_y, scan_x, 2) of the probe positions in a crystal that lies along the detector's axes."""
    y, x = np.meshgrid(*(np.arange(size) * step for size, step in zip(scan_shape, step_A, strict=True)), indexing="ij")
    angle = np.deg2rad(scan_rotation_deg)
    # the scan's axes are turned anticlockwise against the crystal's
    down, right = np.cos(angle) * y - np.sin(angle) * x, np.sin(angle) * y + np.cos(angle) * x
    return np.stack([down / edges[0], right / edges[1]], -1)
