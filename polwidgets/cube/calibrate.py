"""Calibration of a cube or of a single pattern: centre, sampling, scan step, rotation, distortion."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any, Final, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from polwidgets.cube.disk import DiskFit, fit_disk
from polwidgets.cube.files import relabel
from polwidgets.cube.reduce import mean_pattern
from polwidgets.cube.resample import straighten, stretch_matrix
from polwidgets.cube.rotation import estimate_rotation
from polwidgets.cube.schema import DIMS, UNCALIBRATED, make_cube, step_of, validate, with_step
from polwidgets.electron import wave_number, wavelength_A

DISAGREEMENT: Final = 0.03  # of the measured radius with the one expected, or of the disk with a circle
WORTH_MOVING_PX: Final = 0.25
TILES: Final = 4  # a side: parts of the scan whose centres are fitted by a plane


def calibrate(
    data: xr.DataArray | ArrayLike,
    *,
    semiangle_mrad: float | None = None,
    k_step: float | tuple[float, float] | None = None,
    voltage_kV: float | None = None,
    scan_step_A: float | tuple[float, float] | None = None,
    scan_rotation_deg: float | Literal["estimate"] | None = None,
    center: Literal["constant", "descan"] | tuple[float, float] = "constant",
    ellipticity: Literal["keep", "correct"] = "keep",
) -> xr.DataArray:
    """Put k = 0 into the middle of the bright-field disk and lengths onto all axes.

    The disk's radius in pixels, with the voltage, ties detector sampling and semi-angle together: give one of them, or
    neither to move the centre only. What is given wins over what the cube says.

    Parameters
    ----------
    data : cube (scan_y, scan_x, ky, kx), or one pattern (ky, kx) with or without labels
    semiangle_mrad : float, optional
        Convergence semi-angle.
    k_step : float or (y, x), optional
        Detector pixel, 1/angstrom.
    voltage_kV : float, optional
    scan_step_A : float or (y, x), optional
        Distance of probe positions, angstrom.
    scan_rotation_deg : float or "estimate", optional
        Anticlockwise on screen from the kx axis to the scan_x axis; see `estimate_rotation` for how far to trust that.
    center : "constant", "descan" or (row, column)
        One centre from the mean pattern; or one that drifts over the scan as a plane, whose patterns are then moved onto
        one centre (lazily, bicubic, float32) if the plane is worth more than its error; or a known pixel.
    ellipticity : "keep" or "correct"
        Record the disk's ellipticity in the attrs; or undo it, too, in the same interpolation.

    Returns
    -------
    DataArray
        Like the input, with new coords and with attrs ``disk_radius_px``, ``ellipticity``, ``ellipticity_angle_deg``,
        what was given or found of ``voltage_kV``, ``semiangle_mrad``, ``scan_rotation_deg``, and ``provenance``.

    Raises
    ------
    ValueError
        No disk stands out, or the voltage is missing.

    Warns
    -----
    UserWarning
        Given sampling and semi-angle disagree with the disk by over 3 %; the disk is over 3 % elliptic and kept; the
        estimated rotation leaves half a turn open, or suggests swapped axes.
    """
    if center not in ("constant", "descan") and not isinstance(center, tuple):
        raise ValueError(f"center is 'constant', 'descan' or (row, column), got {center!r}")
    if ellipticity not in ("keep", "correct"):
        raise ValueError(f"ellipticity is 'keep' or 'correct', got {ellipticity!r}")
    single = np.ndim(data) == 2
    cube = _pattern_as_cube(data) if single else validate(data)  # type: ignore[arg-type]
    attrs = _known(cube, voltage_kV=voltage_kV, semiangle_mrad=semiangle_mrad)
    pattern = mean_pattern(cube)
    disk = fit_disk(pattern)
    middle = (disk.center_y_px, disk.center_x_px) if isinstance(center, str) else center
    cube = _straightened(cube, disk, middle, descan=center == "descan", correct=ellipticity == "correct")
    k_step = _sampling(cube, disk, attrs, k_step, given_semiangle=semiangle_mrad is not None)
    attrs |= {
        "disk_radius_px": disk.radius_px,
        "ellipticity": 0.0 if ellipticity == "correct" else disk.ellipticity,
        "ellipticity_angle_deg": disk.ellipticity_angle_deg,
    }
    if ellipticity == "keep" and disk.ellipticity > DISAGREEMENT:
        warnings.warn(
            f"the disk is elliptic by {disk.ellipticity:.1%} (long axis at {disk.ellipticity_angle_deg:.0f} degrees); "
            "use ellipticity='correct' unless the specimen causes it",
            stacklevel=2,
        )
    cube = relabel(cube, scan_step_A=scan_step_A, k_step=k_step, center_px=middle)
    if scan_rotation_deg == "estimate":
        attrs["scan_rotation_deg"] = _estimated_rotation(cube, disk)
    elif scan_rotation_deg is not None:
        attrs["scan_rotation_deg"] = float(scan_rotation_deg)
    attrs["provenance"] = _provenance(cube, disk, middle, center)
    cube = cube.assign_attrs(attrs)
    return cube[0, 0].drop_vars(["scan_y", "scan_x"]) if single else cube


def fit_descan(cube: xr.DataArray, *, radius_px: float | None = None) -> tuple[NDArray[np.float64], float]:
    """Pattern centre at every probe position as a plane fitted to the disks of parts of the scan.

    Returns
    -------
    centers_px : array (scan_y, scan_x, 2)
        (row, column) in pixels.
    error_px : float
        Scatter of the parts about the plane, divided by the root of their number.
    """
    height, width = cube.shape[:2]
    edges = [np.linspace(0, size, min(TILES, size) + 1).astype(int) for size in (height, width)]
    places, centers, weights = [], [], []
    for top, bottom in zip(edges[0][:-1], edges[0][1:], strict=True):
        for left, right in zip(edges[1][:-1], edges[1][1:], strict=True):
            try:
                disk = fit_disk(mean_pattern(cube[top:bottom, left:right]), radius_px=radius_px)
            except ValueError:
                continue  # a part without signal says nothing about the plane
            places.append((1.0, (top + bottom - 1) / 2, (left + right - 1) / 2))
            centers.append((disk.center_y_px, disk.center_x_px))
            weights.append(1 / max(disk.center_error_px, 0.01))
    if len(places) < 4:
        raise ValueError(f"only {len(places)} parts of the scan show a disk, a plane needs 4; use center='constant', or more dose")
    design, target, weight = np.array(places), np.array(centers), np.array(weights)[:, None]
    plane = np.zeros((3, 2))
    for _ in range(5):  # reweighted, so that one part over a hole or a particle does not tilt the plane
        plane = np.linalg.lstsq(design * weight, target * weight, rcond=None)[0]
        distance = np.linalg.norm(target - design @ plane, axis=1, keepdims=True)
        weight = np.array(weights)[:, None] / np.maximum(1, distance / (2 * np.median(distance) + 1e-9))
    rows, columns = np.indices((height, width))
    fitted = np.stack([np.ones_like(rows), rows, columns], -1) @ plane
    return fitted, float(np.median(distance) / np.sqrt(len(places)))


def _straightened(cube: xr.DataArray, disk: DiskFit, middle: tuple[float, float], *, descan: bool, correct: bool) -> xr.DataArray:
    centers = np.broadcast_to(np.array(middle), (*cube.shape[:2], 2))
    if descan and cube.shape[0] * cube.shape[1] > 1:
        fitted, error = fit_descan(cube, radius_px=disk.radius_px)
        span = np.ptp(fitted, axis=(0, 1)).max()
        # interpolation costs more than a plane within its own error is worth
        if span > max(WORTH_MOVING_PX, 4 * error):
            centers = fitted
    if not correct and (centers == middle).all():
        return cube
    stretch = stretch_matrix(disk.ellipticity, disk.ellipticity_angle_deg) if correct else None
    return straighten(cube, centers, center_px=middle, stretch=stretch)


def _sampling(
    cube: xr.DataArray, disk: DiskFit, attrs: dict[str, Any], k_step: float | tuple[float, float] | None, *, given_semiangle: bool
) -> float | tuple[float, float] | None:
    """The detector's sampling; sets the semi-angle where that is what was missing."""
    if k_step is None and cube["ky"].attrs["units"] != UNCALIBRATED and cube["kx"].attrs["units"] != UNCALIBRATED:
        k_step = (step_of(cube, "ky"), step_of(cube, "kx"))
        if given_semiangle and "voltage_kV" in attrs:
            # a stated semi-angle is better known than the detector's sampling from a file's header
            measured = wave_number(attrs["semiangle_mrad"], attrs["voltage_kV"]) / disk.radius_px
            _compare(measured, float(np.sqrt(k_step[0] * k_step[1])), "the file's detector pixel (1/angstrom); it is replaced")
            return measured
        return _with_semiangle(k_step, disk, attrs)
    if k_step is not None:
        return _with_semiangle(k_step, disk, attrs)
    if "semiangle_mrad" not in attrs:
        return None
    if "voltage_kV" not in attrs:
        raise ValueError("a semi-angle gives the detector's sampling only with the voltage; pass voltage_kV=...")
    return wave_number(attrs["semiangle_mrad"], attrs["voltage_kV"]) / disk.radius_px


def _with_semiangle(k_step: float | tuple[float, float], disk: DiskFit, attrs: dict[str, Any]) -> float | tuple[float, float]:
    if "voltage_kV" in attrs:
        found = disk.radius_px * float(np.sqrt(np.prod(np.broadcast_to(k_step, 2)))) * wavelength_A(attrs["voltage_kV"]) * 1e3
        if "semiangle_mrad" in attrs:
            _compare(found, attrs["semiangle_mrad"], "semiangle_mrad, which is kept")
        else:
            attrs["semiangle_mrad"] = found
    return k_step


def _compare(measured: float, stated: float, what: str) -> None:
    if abs(measured / stated - 1) > DISAGREEMENT:
        warnings.warn(
            f"the disk's radius gives {measured:.4g}, {stated:.4g} is stated for {what}; check semiangle_mrad, k_step and voltage_kV",
            stacklevel=5,
        )


def _estimated_rotation(cube: xr.DataArray, disk: DiskFit) -> float:
    radius = disk.radius_px * float(np.sqrt(step_of(cube, "ky") * step_of(cube, "kx")))
    fit = estimate_rotation(cube, disk_radius=radius)
    if fit.curl_fraction_transposed < 0.75 * fit.curl_fraction:
        warnings.warn(
            f"the centre of mass is nearer to a gradient with the detector's axes swapped (curl {fit.curl_fraction_transposed:.0%} against "
            f"{fit.curl_fraction:.0%}); if the file's axes were swapped, open it with axis_order='scan_y scan_x kx ky'",
            stacklevel=3,
        )
    if not fit.decided:
        warnings.warn(
            f"the rotation is {fit.rotation_deg:.1f} +- {fit.error_deg:.1f} degrees or half a turn more: the dark-field image does not "
            f"decide (correlation {fit.sign_correlation:.2f}), as in thick crystals; pass scan_rotation_deg if you know it",
            stacklevel=3,
        )
    return fit.rotation_deg


def _known(cube: xr.DataArray, **given: float | None) -> dict[str, Any]:
    known = {name: float(cube.attrs[name]) for name in given if name in cube.attrs}
    return known | {name: float(value) for name, value in given.items() if value is not None}


def _pattern_as_cube(pattern: xr.DataArray | ArrayLike) -> xr.DataArray:
    if isinstance(pattern, xr.DataArray):
        if pattern.dims != DIMS[2:]:
            raise ValueError(f"a single pattern has dims ('ky', 'kx'), got {pattern.dims}; rename or transpose it")
        bare = make_cube(pattern.data[None, None], **pattern.attrs)
        return bare.assign_coords({dim: pattern[dim] for dim in DIMS[2:] if "units" in pattern[dim].attrs})
    return make_cube(np.asarray(pattern)[None, None])


def _provenance(cube: xr.DataArray, disk: DiskFit, middle: tuple[float, float], center: Any) -> str:
    """The cube's history with this step added."""
    step = {"calibrate": {"center_px": list(middle), "center": center if isinstance(center, str) else "given", **dataclasses.asdict(disk)}}
    return with_step(cube.attrs, step)
