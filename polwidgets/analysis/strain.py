"""Strain maps from nanobeam scans: a lattice for every pattern, compared with a reference."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from typing import Any, Final, TypeAlias, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets import __version__
from polwidgets.cube.schema import UNCALIBRATED, step_of, validate
from polwidgets.cube.stream import map_blocks
from polwidgets.deformation import strain_and_rotation
from polwidgets.directions import rotate_vector
from polwidgets.disks.base import AUTO, DiskDetector, disk_detectors
from polwidgets.disks.lattice import nearest_basis
from polwidgets.disks.measure import BLOCK_BYTES, MeasuredBlock, Refine, measure_lattices, one_thread
from polwidgets.disks.preparation import Preparation, prepare
from polwidgets.progress import Progress, reporter

Array = NDArray[np.float64]
Reference: TypeAlias = "xr.DataArray | NDArray[Any] | Sequence[float]"

REASONS: Final = (
    "good", "no electrons", "no disks", "no lattice", "another lattice than the reference", "disks of a second lattice", "saturated",
    "poor fit",
)  # fmt: skip
FEWEST_DISKS: Final = 4
LARGEST_STRAIN: Final = 0.2
LEAST_EXPLAINED: Final = 0.6
LARGEST_DEVIATION: Final = 12.0
MOST_SATURATED: Final = 0.02
# what a fit of the inside as a polynomial leaves out, measured on simulated crystals of many structures
LEAST_SCATTER: Final = 1.3
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
    mask = _mask(cube, reference)
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
    return _compare(cube, blocks, preparation, reference if mask is None else mask, refine, axis_deg, disk_detectors.to_json(part))


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
    reference: Any,
    refine: Refine,
    axis_deg: float,
    detector: str,
) -> xr.Dataset:
    steps = np.array([step_of(cube, "ky"), step_of(cube, "kx")])
    vectors = maps["parameters"][..., 2:].reshape(*maps["count"].shape, 2, 2) * steps
    assert preparation.basis is not None
    reason = _reasons(maps)
    base, base_covariance = _reference_lattice(reference, vectors, reason, preparation.basis * steps)
    gradient, reason = _gradient(vectors, base, reason)
    frame = axis_deg + float(cube.attrs.get("scan_rotation_deg", 0.0))
    values = strain_and_rotation(gradient, axis_deg=frame)
    strange = (np.abs(values[..., :3]).max(-1) > LARGEST_STRAIN) & (reason == 0)
    reason[strange] = REASONS.index("another lattice than the reference")
    scale = _error_scale(maps, reason)
    covariance = maps["covariance"][..., 2:, 2:] * scale[..., None, None] * np.outer(np.tile(steps, 2), np.tile(steps, 2))
    errors = _errors(vectors, base, covariance + base_covariance, frame)
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
        "gain": preparation.gain, "axis_deg": axis_deg, "reference": _in_words(reference), "polwidgets_version": __version__,
        **{f"reference_{name}": value for name, value in zip(("1_ky", "1_kx", "2_ky", "2_kx"), base.ravel().tolist(), strict=True)},
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


def _mask(cube: xr.DataArray, reference: Reference | None) -> NDArray[np.bool_] | None:
    """The reference as a mask, where it is one."""
    if reference is None:
        return None
    values = reference.values if isinstance(reference, xr.DataArray) else np.asarray(reference)
    if values.dtype.kind != "b":
        if values.shape not in ((3,), (2, 2)):
            raise ValueError(
                f"reference has shape {values.shape} and type {values.dtype}, expected a bool mask {cube.shape[:2]}, "
                "reciprocal basis vectors (2, 2) in 1/angstrom, or a cell (a, b, gamma) in angstrom and degrees"
            )
        if UNCALIBRATED in (cube[dim].attrs["units"] for dim in ("ky", "kx")):
            raise ValueError("a reference cell needs the detector in 1/angstrom; use pw.calibrate(cube, k_step=...), or give a mask")
        return None
    if isinstance(reference, xr.DataArray) and set(reference.dims) == {"scan_y", "scan_x"}:
        values = reference.transpose("scan_y", "scan_x").values
    if values.shape != cube.shape[:2]:
        raise ValueError(f"the reference mask has shape {values.shape}, the scan {cube.shape[:2]}; make it on the scan's own positions")
    if not values.any():
        raise ValueError("the reference mask is empty; mark at least one probe position that is unstrained")
    return np.asarray(values, bool)


def _reasons(maps: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Index into `REASONS` of every position; the first that applies."""
    finite = np.isfinite(maps["parameters"]).all(-1) & np.isfinite(maps["covariance"]).all((-1, -2))
    spread = np.sqrt(np.abs(np.diagonal(maps["covariance"], axis1=-2, axis2=-1)).max(-1))
    tests = {
        "no electrons": maps["total"] <= 0,
        "no disks": maps["proposed"] < FEWEST_DISKS,
        "saturated": (maps["saturated"] > MOST_SATURATED) & ((maps["count"] < FEWEST_DISKS) | ~finite),
        "no lattice": maps["count"] < FEWEST_DISKS,
        "disks of a second lattice": maps["explained"] < LEAST_EXPLAINED,
        "poor fit": ~finite | (maps["deviation"] > LARGEST_DEVIATION) | (spread > 1.0),
    }
    return np.select(list(tests.values()), [REASONS.index(name) for name in tests], 0)


def _reference_lattice(reference: Any, vectors: Array, reason: NDArray[np.int64], basis: Array) -> tuple[Array, Array]:
    """Unstrained basis vectors (2, 2) and their covariance (4, 4), 1/angstrom or pixels."""
    is_mask = isinstance(reference, np.ndarray) and reference.dtype.kind == "b"
    if reference is not None and not is_mask:
        values = np.asarray(reference, float)
        given = values if values.shape == (2, 2) else _turned_cell(values, basis)
        found = nearest_basis(given, basis)
        if np.isnan(found).any():
            raise ValueError(
                f"the reference cell does not fit the scan's lattice: its reciprocal vectors are {np.round(given, 4).tolist()}, "
                f"the scan's {np.round(basis, 4).tolist()} 1/angstrom; check the cell (primitive, projected) and k_step"
            )
        return found, np.zeros((4, 4))
    chosen = (reason == 0) & (reference if is_mask else True)
    if not chosen.any():
        rows = reason[reference] if is_mask else reason
        found_reasons = ", ".join(f"{REASONS[index]} ({int((rows == index).sum())})" for index in np.unique(rows))
        raise ValueError(
            f"the reference region shows no crystal that could be indexed: {found_reasons}; choose another region or give a cell"
        )
    inside = vectors[chosen].reshape(-1, 4)
    median = np.median(inside, axis=0)
    # the mean of what agrees with the median
    scatter = 1.4826 * np.median(np.abs(inside - median), axis=0)
    close = (np.abs(inside - median) <= np.maximum(4 * scatter, 1e-12)).all(1)
    if not is_mask:
        return median.reshape(2, 2), np.zeros((4, 4))
    errors = inside[close] - inside[close].mean(0)
    covariance = errors.T @ errors / max(close.sum() - 1, 1) ** 2 if close.sum() > 4 else np.zeros((4, 4))
    return inside[close].mean(0).reshape(2, 2), covariance


def _turned_cell(cell: Array, basis: Array) -> Array:
    """Reciprocal vectors of a projected cell (a, b, gamma), turned as the scan's lattice is.

    A cell does not say from which side it is seen, nor in which basis: the one that needs the least strain is taken.
    """
    first, second, gamma = cell
    angle = np.deg2rad(gamma)
    best, least = np.full((2, 2), np.inf), np.inf
    for side, *steps in itertools.product((1, -1), *[range(-2, 3)] * 4):
        if abs(steps[0] * steps[3] - steps[1] * steps[2]) != 1:
            continue
        direct = np.array([[0.0, first], [-side * second * np.sin(angle), second * np.cos(angle)]])
        candidate = np.reshape(steps, (2, 2)) @ np.linalg.inv(direct).T
        if np.linalg.det(candidate) * np.linalg.det(basis) < 0:
            continue
        *strain, turn = strain_and_rotation(np.linalg.solve(basis, candidate).T)
        if np.abs(strain).max() < least:
            best, least = rotate_vector(candidate, -turn), float(np.abs(strain).max())
    return best


def _gradient(vectors: Array, base: Array, reason: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64]]:
    """Deformation gradients of all positions; reciprocal vectors transform by its inverse transpose."""
    gradient = np.full(vectors.shape, np.nan)
    reason = reason.copy()
    for place in zip(*np.nonzero(reason == 0), strict=True):
        same = nearest_basis(vectors[place], base)
        if np.isnan(same).any():
            reason[place] = REASONS.index("another lattice than the reference")
            continue
        vectors[place] = same
        gradient[place] = np.linalg.solve(same, base)
    return gradient, reason


def _error_scale(maps: dict[str, NDArray[Any]], reason: NDArray[np.int64]) -> NDArray[np.float64]:
    """Factor on variances: how much more disks scatter around their lattice than they should."""
    good = reason == 0
    usual = max(LEAST_SCATTER, float(np.median(maps["deviation"][good]))) if good.any() else LEAST_SCATTER
    freedom = np.maximum(2 * maps["count"] - 6, 0)
    return np.asarray((PRIOR_FREEDOM * usual + freedom * np.nan_to_num(maps["deviation"])) / (PRIOR_FREEDOM + freedom))


def _errors(vectors: Array, base: Array, covariance: Array, axis_deg: float) -> Array:
    """Standard deviations of strain and rotation (..., 4), by the derivatives with respect to the four components."""
    filled = np.where(np.isfinite(vectors), vectors, base)
    step = 1e-5 * np.abs(base).max()
    columns = []
    for component in range(4):
        moved = np.zeros(4)
        moved[component] = step
        ahead, behind = (
            strain_and_rotation(np.linalg.solve(filled + sign * moved.reshape(2, 2), base), axis_deg=axis_deg) for sign in (1, -1)
        )
        columns.append((ahead - behind) / (2 * step))
    jacobian = np.stack(columns, -1)
    variance = np.einsum("...ij,...jk,...ik->...i", jacobian, np.nan_to_num(covariance), jacobian)
    return np.asarray(np.sqrt(np.maximum(variance, 0)))


def _in_words(reference: Any) -> str:
    if reference is None:
        return "median of the scan"
    if isinstance(reference, np.ndarray) and reference.dtype.kind == "b":
        return f"mean of {int(reference.sum())} positions"
    return f"cell {np.round(np.asarray(reference, float), 5).tolist()}"
