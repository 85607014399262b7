"""Where the beam and the virtual detector lie on a cube's detector, in detector pixels, and regions of its scan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from dask.threaded import get as by_threads
from numpy.typing import NDArray

from polwidgets.cube.detectors import Annulus, Detector, Disk, Point, Segment
from polwidgets.cube.reduce import virtual_images
from polwidgets.cube.schema import UNCALIBRATED, step_of
from polwidgets.electron import wave_number, wavelength_A
from polwidgets.widgets.view_state import ViewState


def plane_axes(labelled: xr.DataArray | xr.Dataset, vertical: str, horizontal: str) -> dict[str, Any]:
    """Shape, origin, step and unit of a plane, rows first, as the browser is told."""
    dims = (vertical, horizontal)
    return {
        "shape": [labelled.sizes[dim] for dim in dims],
        "origin": [float(labelled[dim].values[0]) for dim in dims],
        "step": [step_of(labelled[dim], dim) for dim in dims],
        "unit": {UNCALIBRATED: "px", "angstrom": "Å", "1/angstrom": "1/Å"}[labelled[horizontal].attrs["units"]],
    }


def mrad_per_wave_number(cube: xr.DataArray) -> float | None:
    """Scattering angle in mrad of 1/angstrom; None where the voltage is unknown or the detector uncalibrated."""
    if "voltage_kV" not in cube.attrs or cube["kx"].attrs["units"] == UNCALIBRATED:
        return None
    return 1e3 * wavelength_A(float(cube.attrs["voltage_kV"]))


def semiangle_px(cube: xr.DataArray) -> float | None:
    """Radius of the bright-field disk in detector pixels; None where the cube does not say."""
    if mrad_per_wave_number(cube) is None or "semiangle_mrad" not in cube.attrs:
        return None
    return wave_number(float(cube.attrs["semiangle_mrad"]), float(cube.attrs["voltage_kV"])) / _pixel(cube)


def beam_px(cube: xr.DataArray) -> tuple[float, float]:
    """Where k = 0 lies (row, column), in detector pixels; the middle where it lies outside."""
    row, column = (
        pixel if 0 <= pixel < size else (size - 1) / 2
        for pixel, size in ((-float(cube[dim].values[0]) / step_of(cube, dim), cube.sizes[dim]) for dim in ("ky", "kx"))
    )
    return (row, column)


def choose_detector(state: ViewState, cube: xr.DataArray) -> None:
    """Give a state that has no virtual detector yet the bright-field disk, or a quarter of the detector about the beam."""
    if not state.detector_outer:
        state.detector_center = beam_px(cube)
        state.detector_outer = semiangle_px(cube) or min(cube.sizes["ky"], cube.sizes["kx"]) / 4


class DetectorPixels(NamedTuple):
    """A virtual detector in detector pixels; see the traits of the same names in `ViewState`."""

    shape: str
    center: tuple[float, float]
    inner: float
    outer: float
    angles: tuple[float, float]


def chosen_detector(state: ViewState) -> DetectorPixels:
    """The state's virtual detector."""
    return DetectorPixels(*(getattr(state, f"detector_{name}") for name in DetectorPixels._fields))


def detectors_on(cube: xr.DataArray, chosen: DetectorPixels) -> dict[float, Detector]:
    """The virtual detectors, in the cube's own units, that make up an image, by the factor with which each counts."""
    shape, center, inner_px, outer_px, (start, stop) = chosen
    ky, kx = (float(cube[dim].values[0]) + pixel * step_of(cube, dim) for dim, pixel in zip(("ky", "kx"), center, strict=True))
    inner, outer = inner_px * _pixel(cube), outer_px * _pixel(cube)
    if shape == "point":
        return {1.0: Point(ky, kx)}
    if shape == "ring":
        return {1.0: Annulus(inner, outer, ky, kx) if inner > 0 else Disk(outer, ky, kx)}
    if shape == "segment":
        return {1.0: Segment(inner, outer, start, stop, ky, kx)}
    middle = (start + stop) / 2 + (90 if shape.endswith("down") else 0)
    return {sign: Segment(inner, outer, middle + turn - 45, middle + turn + 45, ky, kx) for sign, turn in ((1.0, 0), (-1.0, 180))}


def detector_image(cube: xr.DataArray, chosen: DetectorPixels) -> NDArray[np.float64]:
    """Image of a virtual detector, (scan_y, scan_x)."""
    parts = detectors_on(cube, chosen)
    images = virtual_images(cube, {str(factor): detector for factor, detector in parts.items()})
    return np.asarray(sum(factor * images[str(factor)].values for factor in parts))


def region_mask(region: Sequence[tuple[float, float]], scan_shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Scan pixels (scan_y, scan_x) whose centres lie inside a polygon, by the even-odd rule.

    Raises
    ------
    ValueError
        There is no pixel in it.
    """
    corners = np.asarray(region, float).reshape(-1, 2)
    rows, columns = (np.arange(size) for size in scan_shape)
    inside = np.zeros(scan_shape, bool)
    for (row, column), (next_row, next_column) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crossed = (row > rows) != (next_row > rows)
        crossing = column + (rows - row) / np.where(crossed, next_row - row, 1.0) * (next_column - column)
        inside ^= crossed[:, None] & (columns < crossing[:, None])
    if not inside.any():
        raise ValueError(f"the region holds no probe position of the scan of {scan_shape} positions; draw a larger one")
    return inside


def values_of(part: xr.DataArray) -> NDArray[Any]:
    """Read a few patterns, by threads: left to choose, dask would first import its distributed scheduler, which takes a second."""
    return np.asarray(part.compute(scheduler=by_threads).values)


def region_mean(cube: xr.DataArray, region: Sequence[tuple[float, float]]) -> tuple[NDArray[np.float64], int]:
    """Mean pattern (ky, kx) of a region and how many positions it holds; lazy cubes are read row by row."""
    mask = region_mask(region, (cube.sizes["scan_y"], cube.sizes["scan_x"]))
    total = np.zeros(cube.shape[2:])
    for row in np.flatnonzero(mask.any(1)):
        columns = np.flatnonzero(mask[row])
        part = cube.isel(scan_y=int(row), scan_x=slice(int(columns[0]), int(columns[-1]) + 1))
        total += values_of(part)[columns - columns[0]].sum(0, dtype=float)
    return total / mask.sum(), int(mask.sum())


def _pixel(cube: xr.DataArray) -> float:
    return math.sqrt(abs(step_of(cube, "ky") * step_of(cube, "kx")))
