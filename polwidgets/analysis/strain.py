"""Strain maps from nanobeam scans: a lattice for every pattern, compared with a reference."""

from __future__ import annotations

import warnings
from typing import Any, Final, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets import __version__
from polwidgets.analysis.strain_reasons import REASONS, position_reasons
from polwidgets.analysis.strain_reference import Reference, given_lattice, reference_mask, region_lattice
from polwidgets.cube.schema import step_of, validate
from polwidgets.cube.stream import map_blocks
from polwidgets.deformation import strain_and_rotation
from polwidgets.disks.base import AUTO, DiskDetector, disk_detectors
from polwidgets.disks.lattice import nearest_basis
from polwidgets.disks.measure import BLOCK_BYTES, MeasuredBlock, Refine, measure_lattices, one_thread
from polwidgets.disks.preparation import Preparation, prepare
from polwidgets.progress import Progress, reporter

Array = NDArray[np.float64]

LARGEST_STRAIN: Final = 0.2
SUSPICIOUS_STRAIN: Final = 0.03  # of a whole scan against a cell that was given: rather a wrong sampling
# what a fit of the inside as a polynomial leaves out, measured on simulated crystals of many structures
LEAST_SCATTER: Final = 1.3
# contrast inside pulls all disks alike, the more the thicker the crystal, which their scatter does not show: what is left of
# the strain's error without noise, on the same crystals
LEAST_ERROR: Final = 2.5e-4
PRIOR_FREEDOM: Final = 30.0  # how much a pattern's own scatter weighs against the scan's, in degrees of freedom
NAMES: Final = ("e_xx", "e_yy", "e_xy", "rotation_deg")


def strain_map(
    cube: xr.DataArray,
    *,
    probe: xr.DataArray | NDArray[Any] | None = None,
    detector: str | DiskDetector = "auto",
    reference: Reference | None = None,
    refine: Refine = "lattice",
    axis_deg: float = 0.0,
    progress: bool | Progress = False,
) -> xr.Dataset:
    """Strain and rotation of the lattice at every probe position.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
        Nanobeam patterns with separate disks; streamed.
    probe : array (ky, kx), optional
        Vacuum pattern on the same detector. Without it one is estimated from the undiffracted disk, with a warning.
    detector : str or DiskDetector
        A registered detector, or a part; ``auto`` takes the best there is.
    reference : optional
        What is unstrained: a bool mask (scan_y, scan_x); reciprocal basis vectors (2, 2), (down, right) as rows,
        1/angstrom; or the projected cell (a, b, gamma) in angstrom and degrees, whose orientation is taken from the scan.
        Without it, the scan's median lattice.
    refine : {"lattice", "disks", "none"}
        Fit one lattice to all disks of a pattern at once; fit disks one by one, then the lattice to them; or take the
        detector's places as they are.
    axis_deg : float
        Direction of the x axis in the scan frame, anticlockwise on screen; y is 90 degrees further.

    Returns
    -------
    Dataset on (scan_y, scan_x)
        ``e_xx``, ``e_yy``, ``e_xy`` (half the engineering shear), ``rotation_deg`` (anticlockwise) and their standard
        deviations ``*_error``, the reference's own included; ``fit_quality``, the share of the disks' strength that the
        lattice explains, 0 to 1; ``disks``, how many had a say; ``center_ky``, ``center_kx``, the undiffracted beam's
        place in the detector's coords; ``reason`` with CF flags: where it is not 0 (good), strains are NaN.
    """
    report = reporter(progress)
    if refine not in get_args(Refine):
        raise ValueError(f"refine must be one of {', '.join(get_args(Refine))}, got {refine!r}")
    part = disk_detectors.build(AUTO if detector == "auto" else detector) if isinstance(detector, str) else detector
    validate(cube)
    mask = reference_mask(cube, reference)
    report("look at a sample", 0.0)
    with one_thread():
        preparation = prepare(cube, probe, part, region=mask)
        if preparation.basis is None:
            where = "in the reference region" if mask is not None else "in the scan"
            raise ValueError(
                f"no lattice of disks was found {where}; check that there is crystal, that the disks are separate, and the probe "
                f"(radius {preparation.probe.radius_px:.1f} pixels, {preparation.probe_source})"
            )
        refine = _possible(refine, preparation)
        blocks = _measure(cube, preparation, part, refine, report)
    return _compare(cube, blocks, preparation, reference, mask, refine, axis_deg, disk_detectors.to_json(part))


def _measure(
    cube: xr.DataArray, preparation: Preparation, detector: DiskDetector, refine: Refine, report: Progress
) -> dict[str, NDArray[Any]]:
    """What every pattern says, by name, on (scan_y, scan_x)."""
    shape = cube.shape[:2]
    maps: dict[str, NDArray[Any]] = {
        "parameters": np.full((*shape, 6), np.nan), "covariance": np.full((*shape, 6, 6), np.nan), "deviation": np.full(shape, np.nan),
        "count": np.zeros(shape, int), "explained": np.zeros(shape), "proposed": np.zeros(shape, int), "saturated": np.zeros(shape),
        "total": np.zeros(shape),
    }  # fmt: skip

    def job(block: NDArray[Any]) -> tuple[MeasuredBlock, Array]:
        patterns = block.reshape(-1, *block.shape[2:])
        return measure_lattices(patterns, preparation, detector, refine), np.nansum(patterns, axis=(1, 2), dtype=float)

    done = 0
    for place, (found, total) in map_blocks(cube, job, block_bytes=BLOCK_BYTES):
        indexed = found.lattices.count > 0
        part = {
            "parameters": np.where(indexed[:, None], found.fit.parameters, np.nan), "covariance": found.fit.covariance,
            "deviation": found.fit.deviation, "count": np.where(indexed, found.fit.count, 0), "explained": found.lattices.explained,
            "proposed": found.proposed, "saturated": found.saturated, "total": total,
        }  # fmt: skip
        for name, values in part.items():
            target = maps[name][place.scan_y, place.scan_x]
            target[...] = values.reshape(target.shape)
        done += len(total)
        report("measure the disks", done / (shape[0] * shape[1]))
    return maps


def _compare(
    cube: xr.DataArray,
    maps: dict[str, NDArray[Any]],
    preparation: Preparation,
    reference: Reference | None,
    mask: NDArray[np.bool_] | None,
    refine: Refine,
    axis_deg: float,
    detector: str,
) -> xr.Dataset:
    steps = np.array([step_of(cube, "ky"), step_of(cube, "kx")])
    assert preparation.basis is not None
    basis = preparation.basis * steps
    reason = position_reasons(maps)
    vectors = nearest_basis(maps["parameters"][..., 2:].reshape(*reason.shape, 2, 2) * steps, basis)
    reason[(reason == 0) & np.isnan(vectors).any((-1, -2))] = REASONS.index("another lattice than the reference")
    scale = _error_scale(maps, reason)
    covariance = maps["covariance"][..., 2:, 2:] * scale[..., None, None] * np.outer(np.tile(steps, 2), np.tile(steps, 2))
    given = reference is not None and mask is None
    base = given_lattice(reference, basis) if given else region_lattice(vectors, covariance, reason, mask)
    # reciprocal vectors transform by the inverse transpose of the deformation gradient
    filled = np.where((reason == 0)[..., None, None], vectors, base.vectors)
    frame = axis_deg + float(cube.attrs.get("scan_rotation_deg", 0.0))
    values = strain_and_rotation(np.linalg.solve(filled, base.vectors), axis_deg=frame)
    reason[(np.abs(values[..., :3]).max(-1) > LARGEST_STRAIN) & (reason == 0)] = REASONS.index("another lattice than the reference")
    if given:
        _doubt_sampling(values[reason == 0])
    errors = _errors(filled, base.vectors, covariance + base.covariance, frame)
    errors[..., :3] = np.hypot(errors[..., :3], LEAST_ERROR)
    bad = reason != 0
    dims = ("scan_y", "scan_x")
    data: dict[str, Any] = {}
    for index, name in enumerate(NAMES):
        unit = {"units": "degree"} if name == "rotation_deg" else {}
        data[name] = (dims, np.where(bad, np.nan, values[..., index]), unit)
        data[f"{name}_error"] = (dims, np.where(bad, np.nan, errors[..., index]), unit)
    data["fit_quality"] = (dims, np.where(maps["count"] > 0, maps["explained"], 0.0))
    data["disks"] = (dims, maps["count"])
    origin = np.where(maps["count"][..., None] > 0, maps["parameters"][..., :2], np.nan)
    for axis, name in enumerate(("ky", "kx")):
        data[f"center_{name}"] = (dims, float(cube[name][0]) + origin[..., axis] * steps[axis], dict(cube[name].attrs))
    flags = {"flag_values": np.arange(len(REASONS), dtype=np.int8), "flag_meanings": " ".join(each.replace(" ", "_") for each in REASONS)}
    data["reason"] = (dims, reason.astype(np.int8), flags)
    attrs = {
        "detector": detector, "refine": refine, "probe": preparation.probe_source, "probe_radius_px": preparation.probe.radius_px,
        "gain": preparation.gain, "axis_deg": axis_deg, "reference": base.described, "polwidgets_version": __version__,
        **{f"reference_{name}": value for name, value in zip(("1_ky", "1_kx", "2_ky", "2_kx"), base.vectors.ravel().tolist(), strict=True)},
    }  # fmt: skip
    return xr.Dataset(data, coords={dim: cube[dim] for dim in dims}, attrs=attrs)


def _possible(refine: Refine, preparation: Preparation) -> Refine:
    """The refinement that disks this close to each other allow."""
    assert preparation.basis is not None
    nearest = float(np.linalg.norm(preparation.basis, axis=1).min())
    if refine != "none" and nearest < 2 * preparation.probe.longest_px:
        warnings.warn(
            f"disks of {preparation.probe.radius_px:.1f} pixels radius, {nearest:.1f} pixels apart, touch or overlap: refine={refine!r} "
            "needs free edges, so places come from the correlation alone, which is less exact; use a smaller semi-angle",
            stacklevel=3,
        )
        return "none"
    return refine


def _doubt_sampling(values: Array) -> None:
    """Say so where a whole scan is larger or smaller than the cell it is compared with."""
    dilatation = float(np.median(values[:, :2].mean(1))) if len(values) else 0.0
    if abs(dilatation) > SUSPICIOUS_STRAIN:
        warnings.warn(
            f"the whole scan is {abs(dilatation):.1%} {'larger' if dilatation > 0 else 'smaller'} than the reference cell: that is rather "
            "the sampling than strain; check k_step (pw.calibrate) and the cell, or take a region of the scan as the reference",
            stacklevel=4,
        )


def _error_scale(maps: dict[str, NDArray[Any]], reason: NDArray[np.int64]) -> NDArray[np.float64]:
    """Factor on variances: how much more disks scatter around their lattice than they should."""
    good = reason == 0
    usual = max(LEAST_SCATTER, float(np.median(maps["deviation"][good]))) if good.any() else LEAST_SCATTER
    freedom = np.maximum(2 * maps["count"] - 6, 0)
    return np.asarray((PRIOR_FREEDOM * usual + freedom * np.nan_to_num(maps["deviation"])) / (PRIOR_FREEDOM + freedom))


def _errors(vectors: Array, base: Array, covariance: Array, axis_deg: float) -> Array:
    """Standard deviations of strain and rotation (..., 4), by the derivatives with respect to the four components."""
    step = 1e-5 * np.abs(base).max()
    columns = []
    for component in range(4):
        moved = np.zeros(4)
        moved[component] = step
        ahead, behind = (
            strain_and_rotation(np.linalg.solve(vectors + sign * moved.reshape(2, 2), base), axis_deg=axis_deg) for sign in (1, -1)
        )
        columns.append((ahead - behind) / (2 * step))
    jacobian = np.stack(columns, -1)
    variance = np.einsum("...ij,...jk,...ik->...i", jacobian, np.nan_to_num(covariance), jacobian)
    return np.asarray(np.sqrt(np.maximum(variance, 0)))
