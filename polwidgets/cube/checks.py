"""Is this scan fit for use? One streaming pass that names what is wrong, what was expected and what to do."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any, Final, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.cube.bad_pixels import find_good_pixels
from polwidgets.cube.schema import LENGTH, UNCALIBRATED, WAVENUMBER, require, step_of, validate
from polwidgets.cube.stream import map_blocks
from polwidgets.electron import wave_number

SATURATED_FRACTION: Final = 1e-3


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong: an error makes results meaningless, a warning makes them doubtful."""

    level: Literal["error", "warning"]
    what: str
    message: str


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What one pass over a cube found.

    Attributes
    ----------
    findings : tuple of Finding
    good_pixels : bool DataArray (ky, kx)
        False for dead, hot and NaN detector pixels; see `repair`.
    mean_pattern : DataArray (ky, kx)
        Mean over the finite values.
    total : DataArray (scan_y, scan_x)
        Sum of every pattern's finite values.
    """

    findings: tuple[Finding, ...]
    good_pixels: xr.DataArray
    mean_pattern: xr.DataArray
    total: xr.DataArray

    @property
    def usable(self) -> bool:
        """Whether no finding is an error."""
        return not any(finding.level == "error" for finding in self.findings)

    def report(self) -> None:
        """Raise the errors together as a ValueError; issue every warning."""
        errors = [finding.message for finding in self.findings if finding.level == "error"]
        if errors:
            raise ValueError("; ".join(errors))
        for finding in self.findings:
            warnings.warn(finding.message, stacklevel=3)


def inspect(cube: xr.DataArray, *, cell_A: tuple[float, float] | None = None) -> Inspection:
    """Look through a cube once.

    Found are NaN, negative and saturated pixels, dead and hot detector pixels and rows, empty patterns, an empty scan,
    coords in pixels, a scan smaller than the unit cell, and suspiciously swapped axes.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
        Streamed.
    cell_A : (down, right), optional
        Edges of the unit cell that the scan is to show, angstrom.
    """
    validate(cube)
    detector = cube.shape[2:]
    sums, largest, smallest, finite = (np.zeros(detector), np.full(detector, -np.inf), np.full(detector, np.inf), np.zeros(detector, int))
    total = np.empty(cube.shape[:2])
    for block, part in map_blocks(cube, _tally, label="checking"):
        sums += part.sums
        finite += part.finite
        largest, smallest = np.maximum(largest, part.largest), np.minimum(smallest, part.smallest)
        total[block.scan_y, block.scan_x] = part.total
    patterns = total.size
    mean = sums / np.maximum(finite, 1)
    good, named = find_good_pixels(mean, finite, largest)
    findings = [
        *_bad_values(finite, smallest, patterns),
        *_saturation(cube.dtype, largest, good),
        *_detector_faults(good, named),
        *_empty(total),
        *_geometry(cube, cell_A),
        *_swapped(cube, mean, total),
    ]
    planes = {dim: cube[dim] for dim in cube.dims}
    return Inspection(
        tuple(findings),
        good_pixels=_labelled(good, planes, "ky", "kx"),
        mean_pattern=_labelled(mean, planes, "ky", "kx").assign_attrs(cube.attrs),
        total=_labelled(total, planes, "scan_y", "scan_x"),
    )


def usable_pixels(cube: xr.DataArray, *, cell_A: tuple[float, float] | None = None) -> xr.DataArray:
    """Good detector pixels, bool (ky, kx), of a cube that is fit for use.

    Raises
    ------
    ValueError
        What `inspect` calls an error: an empty or uncalibrated cube, swapped axes, a scan smaller than the cell...

    Warns
    -----
    UserWarning
        Everything else that `inspect` finds.
    """
    inspection = inspect(cube, cell_A=cell_A)
    inspection.report()
    return inspection.good_pixels


@dataclasses.dataclass(frozen=True)
class _Tally:
    sums: NDArray[np.float64]
    finite: NDArray[np.int64]
    largest: NDArray[np.float64]
    smallest: NDArray[np.float64]
    total: NDArray[np.float64]


def _tally(patterns: NDArray[Any]) -> _Tally:
    rows = patterns.reshape(-1, *patterns.shape[2:])
    finite = np.full(rows.shape[1:], len(rows))
    if patterns.dtype.kind == "f":
        known = np.isfinite(rows)
        if not known.all():
            finite = known.sum(0)
            lowest, highest = np.where(known, rows, np.inf).min(0), np.where(known, rows, -np.inf).max(0)
            rows = np.where(known, rows, 0)
            return _Tally(rows.sum(0, dtype=float), finite, highest, lowest, _totals(rows, patterns))
    return _Tally(rows.sum(0, dtype=float), finite, rows.max(0).astype(float), rows.min(0).astype(float), _totals(rows, patterns))


def _totals(rows: NDArray[Any], patterns: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(rows.sum((1, 2), dtype=float).reshape(patterns.shape[:2]))


def _bad_values(finite: NDArray[np.int64], smallest: NDArray[np.float64], patterns: int) -> list[Finding]:
    findings = []
    missing = int(patterns * finite.size - finite.sum())
    if missing:
        level: Literal["error", "warning"] = "error" if missing > 0.1 * patterns * finite.size else "warning"
        findings.append(
            Finding(
                level,
                "nan",
                f"{missing} of {patterns * finite.size} values are NaN or infinite, expected finite intensities; "
                "use pw.repair(cube, inspection.good_pixels), which fills them, or mask the region",
            )
        )
    if smallest.min() < 0:
        findings.append(
            Finding(
                "warning",
                "negative",
                f"intensities go down to {smallest.min():.4g} ({int((smallest < 0).sum())} of {smallest.size} detector pixels), "
                "expected none below 0; a dark reference was probably subtracted: clip with cube.clip(min=0) if that is noise, "
                "or check the file's signedness",
            )
        )
    return findings


def _saturation(dtype: np.dtype[Any], largest: NDArray[np.float64], good: NDArray[np.bool_]) -> list[Finding]:
    """Pixels at the ceiling: the dtype's own, or one that many pixels share."""
    peak = float(largest[good].max()) if good.any() else 0.0
    if peak <= 0:
        return []
    at_peak = int((largest[good] == peak).sum())
    full = dtype.kind in "ui" and peak >= np.iinfo(dtype).max
    # counters of 6, 12 and 14 bits are stored in wider integers
    shared = dtype.kind in "ui" and peak in (63, 1023, 4095, 16383) and at_peak > max(8, SATURATED_FRACTION * largest.size)
    if not (full or shared):
        return []
    return [
        Finding(
            "warning",
            "saturated",
            f"{at_peak} of {largest.size} detector pixels reach {peak:.0f}, which looks like the detector's or the file's limit; "
            "intensities there are too low: reduce the dose per frame, or leave these pixels out",
        )
    ]


def _detector_faults(good: NDArray[np.bool_], named: dict[str, NDArray[np.bool_]]) -> list[Finding]:
    if good.all():
        return []
    parts = []
    for name, bad in named.items():
        rows, columns = (np.flatnonzero(bad.all(axis=axis)) for axis in (1, 0))
        if len(rows):
            parts.append(f"{name} rows {_ranges(rows)}")
        if len(columns):
            parts.append(f"{name} columns {_ranges(columns)}")
        single = int(bad.sum() - len(rows) * bad.shape[1] - len(columns) * bad.shape[0] + len(rows) * len(columns))
        if single > 0:
            parts.append(f"{single} {name} pixels")
    return [
        Finding(
            "warning" if good.mean() > 0.5 else "error",
            "detector",
            f"the detector has {', '.join(parts)} ({(~good).mean():.1%} of it), expected none; use pw.repair(cube, inspection.good_pixels)",
        )
    ]


def _empty(total: NDArray[np.float64]) -> list[Finding]:
    empty = total <= 0
    if empty.all():
        return [Finding("error", "empty", "every pattern is empty; check the file, the dataset's path and the region that was selected")]
    if empty.any():
        rows, columns = np.nonzero(empty)
        where = f"scan_y {rows.min()} to {rows.max()}, scan_x {columns.min()} to {columns.max()}"
        return [
            Finding(
                "warning",
                "empty",
                f"{empty.sum()} of {empty.size} patterns are empty (within {where}); "
                "the scan may be incomplete: crop it, or expect no result there",
            )
        ]
    return []


def _geometry(cube: xr.DataArray, cell_A: tuple[float, float] | None) -> list[Finding]:
    pixels = [str(dim) for dim in cube.dims if cube[dim].attrs["units"] == UNCALIBRATED]
    if pixels:
        return [
            Finding(
                "error",
                "uncalibrated",
                f"{', '.join(pixels)} are in pixels, expected {LENGTH} and {WAVENUMBER}; "
                "use pw.calibrate(cube, scan_step_A=..., semiangle_mrad=... or k_step=..., voltage_kV=...)",
            )
        ]
    if cell_A is None:
        return []
    extent = [abs(step_of(cube, dim)) * cube.sizes[dim] for dim in ("scan_y", "scan_x")]
    step = max(abs(step_of(cube, dim)) for dim in ("scan_y", "scan_x"))
    findings = _disk(cube)
    descending = [dim for dim in ("scan_y", "scan_x") if step_of(cube, dim) < 0]
    if descending:
        findings.append(
            Finding("error", "descending", f"{', '.join(descending)} descend, expected coords that grow; use cube.sortby({descending})")
        )
    if any(size < 0.95 * edge for size, edge in zip(extent, cell_A, strict=True)):
        findings.append(
            Finding(
                "error",
                "small",
                f"the scan covers {extent[0]:.2f} x {extent[1]:.2f} {LENGTH}, less than one unit cell of "
                f"{cell_A[0]:.2f} x {cell_A[1]:.2f}; scan a larger region, or check scan_step_A",
            )
        )
    if step > 0.5 * min(cell_A):
        findings.append(
            Finding(
                "error",
                "coarse",
                f"the scan step is {step:.2f} {LENGTH}, over half a unit cell ({min(cell_A):.2f}); scan finer, or check scan_step_A",
            )
        )
    return findings


def _disk(cube: xr.DataArray) -> list[Finding]:
    """Whether the bright-field disk is a disk on this detector; a slip in a unit makes it a point or larger than all."""
    if not {"voltage_kV", "semiangle_mrad"} <= set(cube.attrs):
        return []
    voltage_kV, semiangle_mrad = require(cube, "voltage_kV", "semiangle_mrad")
    radii = [wave_number(semiangle_mrad, voltage_kV) / abs(step_of(cube, dim)) for dim in ("ky", "kx")]
    if all(1 < radius < size for radius, size in zip(radii, cube.shape[2:], strict=True)):
        return []
    return [
        Finding(
            "error",
            "disk",
            f"the bright-field disk of {semiangle_mrad:g} mrad at {voltage_kV:g} kV would have a radius of "
            f"{radii[0]:.3g} x {radii[1]:.3g} pixels on a detector of {cube.sizes['ky']} x {cube.sizes['kx']}, "
            "expected more than 1 and less than the detector; "
            "check semiangle_mrad (milliradians), voltage_kV and k_step (1/angstrom, k = 1/d)",
        )
    ]


def _swapped(cube: xr.DataArray, mean: NDArray[np.float64], total: NDArray[np.float64]) -> list[Finding]:
    """In a scan the patterns differ little in their sum, while the mean pattern falls from disk to dark: not so when swapped."""
    if min(total.shape) < 8 or min(mean.shape) < 8 or min(total.mean(), mean.mean()) <= 0:
        return []
    across_detector, across_scan = (plane.std() / max(plane.mean(), 1e-30) for plane in (mean, total))
    if across_scan > 0.5 and across_scan > 3 * across_detector:
        return [
            Finding(
                "error",
                "swapped",
                f"the scan's image varies by {across_scan:.0%} and the mean pattern by only {across_detector:.0%}, expected the reverse; "
                "scan and detector axes are probably swapped: open with axis_order='ky kx scan_y scan_x', "
                f"or use pw.make_cube(cube.values.transpose(2, 3, 0, 1)) (shape now {cube.shape})",
            )
        ]
    return []


def _ranges(indices: NDArray[np.int64]) -> str:
    groups = np.split(indices, np.flatnonzero(np.diff(indices) > 1) + 1)
    return ", ".join(str(group[0]) if len(group) == 1 else f"{group[0]}-{group[-1]}" for group in groups)


def _labelled(values: NDArray[Any], planes: dict[Any, xr.DataArray], *dims: str) -> xr.DataArray:
    return xr.DataArray(values, dims=dims, coords={dim: planes[dim] for dim in dims})
