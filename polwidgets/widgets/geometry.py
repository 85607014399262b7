"""Where the beam and the virtual detector lie on a cube's detector, in detector pixels."""

from __future__ import annotations

import math

import xarray as xr

from polwidgets.cube.detectors import Annulus, Disk
from polwidgets.cube.schema import UNCALIBRATED, step_of
from polwidgets.electron import wave_number, wavelength_A
from polwidgets.widgets.view_state import ViewState


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


def detector_on(cube: xr.DataArray, center: tuple[float, float], inner: float, outer: float) -> Disk | Annulus:
    """A virtual detector given in detector pixels, in the cube's own units."""
    ky, kx = (float(cube[dim].values[0]) + pixel * step_of(cube, dim) for dim, pixel in zip(("ky", "kx"), center, strict=True))
    unit = _pixel(cube)
    return Annulus(inner * unit, outer * unit, ky, kx) if inner > 0 else Disk(outer * unit, ky, kx)


def pattern_extent(cube: xr.DataArray) -> tuple[tuple[float, float, float, float], str]:
    """Outer edges of a pattern (left, top, right, bottom), and their unit: mrad where it is known."""
    mrad = mrad_per_wave_number(cube)
    unit = "mrad" if mrad else {UNCALIBRATED: "px"}.get(cube["kx"].attrs["units"], "1/Å")
    (top, bottom), (left, right) = (
        ((float(cube[dim].values[0]) - step / 2) * (mrad or 1.0), (float(cube[dim].values[-1]) + step / 2) * (mrad or 1.0))
        for dim, step in ((dim, step_of(cube, dim)) for dim in ("ky", "kx"))
    )
    return (left, top, right, bottom), unit


def _pixel(cube: xr.DataArray) -> float:
    return math.sqrt(abs(step_of(cube, "ky") * step_of(cube, "kx")))
