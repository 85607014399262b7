"""What a scan is: an `xarray.DataArray` with fixed dims, coords with units and flat attrs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

DIMS: Final = ("scan_y", "scan_x", "ky", "kx")
LENGTH: Final = "angstrom"
WAVENUMBER: Final = "1/angstrom"
UNCALIBRATED: Final = "pixel"


def make_cube(
    intensity: ArrayLike | Any,
    *,
    scan_step_A: float | tuple[float, float] | None = None,
    k_step: float | tuple[float, float] | None = None,
    center_px: tuple[float, float] | None = None,
    **attrs: float | str,
) -> xr.DataArray:
    """Label a 4D array as a cube.

    Parameters
    ----------
    intensity : array (scan_y, scan_x, ky, kx)
        Counts or intensities, numpy or dask; rows grow downward in both planes. Not copied.
    scan_step_A : float or (y, x), optional
        Distance of neighbouring probe positions, angstrom. Without it the scan coords are in pixels.
    k_step : float or (y, x), optional
        Detector pixel in 1/angstrom (k = 1/d, no 2 pi). Without it the detector coords are in pixels.
    center_px : (row, column), optional
        Detector pixel of the undiffracted beam, sub-pixel; by default the middle pixel (n // 2).
    **attrs
        Flat numbers and texts with the unit in the name: ``voltage_kV``, ``semiangle_mrad``, ``scan_rotation_deg``...

    Returns
    -------
    xarray.DataArray
        Name ``intensity``, dims ``("scan_y", "scan_x", "ky", "kx")``.
    """
    shape = np.shape(intensity)
    if len(shape) != 4:
        raise ValueError(f"a cube has four dimensions (scan_y, scan_x, ky, kx), got shape {shape}; reshape it, or give scan_shape")
    center = center_px if center_px is not None else (shape[2] // 2, shape[3] // 2)
    coords = {}
    for dim, size, step, origin, unit in (
        *((d, n, s, 0.0, LENGTH) for d, n, s in zip(DIMS[:2], shape[:2], _pair(scan_step_A), strict=True)),
        *((d, n, s, o, WAVENUMBER) for d, n, s, o in zip(DIMS[2:], shape[2:], _pair(k_step), center, strict=True)),
    ):
        values = (np.arange(size) - origin) * (1.0 if step is None else step)
        coords[dim] = (dim, values, {"units": UNCALIBRATED if step is None else unit})
    return xr.DataArray(intensity, dims=DIMS, coords=coords, name="intensity", attrs=attrs)


def validate(cube: xr.DataArray) -> xr.DataArray:
    """Return the cube if it follows the schema; else say what was got, what was expected and what to do."""
    if not isinstance(cube, xr.DataArray):
        raise TypeError(f"expected a cube (xarray.DataArray), got {type(cube).__name__}; use pw.open_cube(path) or pw.make_cube(array)")
    if cube.dims != DIMS:
        hint = f"use cube.transpose{DIMS}" if set(cube.dims) == set(DIMS) else "use pw.make_cube(array) to label a 4D array"
        raise ValueError(f"a cube has dims {DIMS}, got {cube.dims}; {hint}")
    if 0 in cube.shape:
        raise ValueError(f"the cube is empty: shape {dict(cube.sizes)}; check the region that was selected")
    for dim in DIMS:
        if dim not in cube.coords:
            raise ValueError(f"coord {dim!r} is missing; use pw.make_cube(array, scan_step_A=..., k_step=...)")
        known = {LENGTH if dim.startswith("scan") else WAVENUMBER, UNCALIBRATED}
        units = cube[dim].attrs.get("units")
        if units not in known:
            raise ValueError(f"coord {dim!r} has units {units!r}, expected one of {sorted(known)}; set cube[{dim!r}].attrs['units']")
        if cube.sizes[dim] > 1 and not np.allclose(np.diff(cube[dim]), step_of(cube, dim), rtol=1e-3, atol=0):
            raise ValueError(f"coord {dim!r} is not evenly spaced; the cube must be on a regular grid")
    return cube


def step_of(cube: xr.DataArray, dim: str) -> float:
    """Spacing of a coord in its own units (1 for a single point)."""
    values = cube[dim].values
    return float(values[-1] - values[0]) / (len(values) - 1) if len(values) > 1 else 1.0


def require(cube: xr.DataArray, *attrs: str) -> tuple[float, ...]:
    """Values of numeric attrs that a computation cannot do without."""
    missing = [name for name in attrs if name not in cube.attrs]
    if missing:
        fix = ", ".join(f"{name}=..." for name in missing)
        raise ValueError(f"the cube does not say its {', '.join(missing)}; use cube.assign_attrs({fix}) or pass them to pw.open_cube")
    for name in attrs:
        if not isinstance(cube.attrs[name], (int, float, np.number)):
            raise ValueError(f"{name} is {cube.attrs[name]!r}, expected a number; use cube.assign_attrs({name}=...)")
    return tuple(float(cube.attrs[name]) for name in attrs)


def require_calibrated(cube: xr.DataArray) -> None:
    """Raise where scan or detector coords are still in pixels."""
    pixels = [dim for dim in DIMS if dim in cube.dims and cube[dim].attrs.get("units") == UNCALIBRATED]
    if pixels:
        raise ValueError(
            f"{', '.join(pixels)} are in pixels, this needs {LENGTH} and {WAVENUMBER}; "
            "use pw.calibrate(cube, scan_step_A=..., semiangle_mrad=... or k_step=...)"
        )


def with_step(attrs: Mapping[Any, Any], step: dict[str, Any]) -> str:
    """The attr ``provenance``, JSON text, with one more step."""
    try:
        history = json.loads(str(attrs.get("provenance", "[]")))
    except ValueError:
        history = [str(attrs["provenance"])]
    return json.dumps([*(history if isinstance(history, list) else [history]), step])


def _pair(value: float | tuple[float, float] | None) -> tuple[float | None, float | None]:
    if value is None or isinstance(value, (int, float, np.number)):
        return (value, value)
    return (float(value[0]), float(value[1]))
