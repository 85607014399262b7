"""What must be known of a scan before its disks are measured: probe, gain, bad pixels and a first lattice, from a sample."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any, Final

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from polwidgets.cube.bad_pixels import find_good_pixels
from polwidgets.cube.schema import UNCALIBRATED, step_of, validate
from polwidgets.disks.base import DiskDetector
from polwidgets.disks.lattice import guess_basis
from polwidgets.disks.probe import DiskProbe, estimated_probe, measured_probe
from polwidgets.electron import wave_number

Array = NDArray[np.float64]

SAMPLE: Final = 24  # patterns
TOLERANCE: Final = 0.4  # of the disk's radius, by which a proposal may miss its lattice point
RADIUS_DISAGREES: Final = 0.25
BLOCK_PX: Final = 7
SURE_ELECTRONS: Final = 25.0


@dataclasses.dataclass(frozen=True)
class Preparation:
    """What a sample of the scan's patterns tells of all.

    Attributes
    ----------
    probe : DiskProbe
    probe_source : str
        Where it comes from, in words.
    gain : float
        What one electron adds to a pattern, estimated from the noise.
    good_pixels : bool array (ky, kx)
    basis : array (2, 2) or None
        Lattice vectors as rows, pixels.
    """

    probe: DiskProbe
    probe_source: str
    gain: float
    good_pixels: NDArray[np.bool_]
    basis: Array | None

    @property
    def tolerance_px(self) -> float:
        """Largest distance of a proposed disk from its lattice point."""
        return 1.0 + TOLERANCE * self.probe.radius_px

    def block(self, patterns: NDArray[Any]) -> tuple[torch.Tensor, torch.Tensor]:
        """Patterns (pattern, ky, kx) as floats without bad values, and which pixels count: neither bad ones nor saturated."""
        return _cleaned(patterns, self.good_pixels)


def prepare(
    cube: xr.DataArray, probe: xr.DataArray | Array | None, detector: DiskDetector, *, region: NDArray[np.bool_] | None = None
) -> Preparation:
    """Look at a sample of the scan.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
    probe : array (ky, kx), optional
        Vacuum pattern; without it one is estimated from the undiffracted disk, with a warning.
    region : bool array (scan_y, scan_x), optional
        Where the first lattice is looked for; everywhere without it.

    Raises
    ------
    ValueError
        The scan is empty, or no probe can be had.
    """
    validate(cube)
    sample = _sample(cube, None)
    finite = np.isfinite(sample)
    clean = np.where(finite, sample, 0.0)
    if not (clean > 0).any():
        raise ValueError("every pattern that was looked at is empty; check the file and the region that was selected")
    mean = clean.sum(0) / np.maximum(finite.sum(0), 1)
    gain = _gain(clean)
    good, _ = find_good_pixels(mean, finite.sum(0), clean.max(0))
    good &= ~_beam_stop(clean, gain)
    shape_probe, source = _probe(cube, probe, np.where(good, mean, np.nan))
    if region is not None and region.any():
        sample = _sample(cube, region)
    patterns, counts = _cleaned(sample, good)
    basis = None
    if len(patterns):
        found = detector.propose(patterns, shape_probe, good=counts, gain=gain)
        rows = [np.isfinite(row[:, 0]) for row in found.places]
        places = [place[row] for place, row in zip(found.places, rows, strict=True)]
        weights = [weight[row] for weight, row in zip(found.certainty, rows, strict=True)]
        basis = guess_basis(places, weights, 1.0 + 0.25 * shape_probe.radius_px)
    return Preparation(shape_probe, source, gain, good, basis)


def _sample(cube: xr.DataArray, region: NDArray[np.bool_] | None) -> Array:
    """Patterns evenly over the scan, or over a region of it, in few reads."""
    rows, columns = np.nonzero(np.ones(cube.shape[:2], bool) if region is None else region)
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).round().astype(int))
    points = [xr.DataArray(axis[chosen], dims="sample") for axis in (rows, columns)]
    return np.asarray(cube.isel(scan_y=points[0], scan_x=points[1]).transpose("sample", "ky", "kx").values, float)


def _cleaned(patterns: NDArray[Any], good_pixels: NDArray[np.bool_]) -> tuple[torch.Tensor, torch.Tensor]:
    known = good_pixels & np.isfinite(patterns)
    # a disk at the ceiling is one to see, though not to measure
    values = np.where(known, patterns, 0).astype(np.float32)
    return torch.from_numpy(values), torch.from_numpy(known & ~_saturated(patterns))


def _saturated(patterns: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels at a ceiling: many share a pattern's largest value, and hardly any lie just below it."""
    top = np.nanmax(patterns, axis=(1, 2), initial=0)[:, None, None]
    at_top = patterns >= top
    below = (patterns >= top - np.maximum(2 * np.sqrt(np.maximum(top, 0)), 0.02 * top)) & ~at_top
    full = at_top.sum((1, 2)) > np.maximum(6, 2 * below.sum((1, 2)))
    return np.asarray(at_top & (full & (top[:, 0, 0] > 16))[:, None, None])


def _gain(patterns: Array) -> float:
    """Variance over mean of pixels, from second differences in the smoothest blocks; 1 where they are counts."""
    second = patterns[:, :, 2:] - 2 * patterns[:, :, 1:-1] + patterns[:, :, :-2]
    sums = patterns[:, :, 2:] + 4 * patterns[:, :, 1:-1] + patterns[:, :, :-2]
    middles = (slice(None), *(slice(BLOCK_PX // 2, -(BLOCK_PX // 2), BLOCK_PX),) * 2)
    squares, level = (ndimage.uniform_filter(each, (0, BLOCK_PX, BLOCK_PX))[middles] for each in (second**2, sums))
    ratio = squares[level > 0] / level[level > 0]
    # the lower fifth of blocks has neither edges nor steep insides; by chance alone it would lie at 0.8
    gain = float(np.quantile(ratio, 0.2)) / 0.8 if ratio.size else 1.0
    if 0.5 < gain < 2 and np.array_equal(patterns, np.rint(patterns)):
        return 1.0
    return max(gain, 1e-5 * float(patterns.max()))


def _beam_stop(patterns: Array, gain: float) -> NDArray[np.bool_]:
    """Pixels that never see an electron where most of their ring sees many, and their neighbours.

    Gaps between disks are as silent where there is no background, but most of their ring is, or they are thin.
    """
    total = patterns.sum(0)
    silent = patterns.max(0) <= 0
    if not silent.any() or silent.all():
        return np.zeros_like(silent)
    down, right = np.indices(total.shape)
    middle = np.array([(total * down).sum(), (total * right).sum()]) / total.sum()
    radius = np.hypot(down - middle[0], right - middle[1]).round()
    rings, ring = np.unique(radius, return_inverse=True)
    usual = np.asarray(ndimage.median(total, radius, rings))[ring].reshape(total.shape)
    hidden = silent & (usual > SURE_ELECTRONS * gain)
    stop = ndimage.binary_propagation(ndimage.binary_opening(hidden, np.ones((3, 3))), mask=hidden)
    return np.asarray(ndimage.binary_dilation(stop, iterations=2)) if stop.any() else np.zeros_like(silent)


def _probe(cube: xr.DataArray, probe: xr.DataArray | Array | None, mean: Array) -> tuple[DiskProbe, str]:
    expected = _expected_radius(cube)
    if probe is None:
        try:
            found = estimated_probe(mean, radius_px=expected)
        except ValueError as error:
            raise ValueError(f"no probe was given, and none can be estimated: {error}; give probe=, a vacuum pattern") from error
        warnings.warn(
            f"no probe was given: one of {found.radius_px:.2f} pixels radius was estimated from the undiffracted disk; "
            "a measured vacuum probe gives smaller errors",
            stacklevel=4,
        )
        return found, "estimated from the undiffracted disk"
    found = measured_probe(probe, mean.shape)
    if found.misfit > 0.15:
        warnings.warn(
            f"{found.misfit:.0%} of the probe is no round disk with a common edge: the disk fit will be biased; "
            "use refine='none' for patterned apertures",
            stacklevel=4,
        )
    if expected is not None and abs(found.radius_px / expected - 1) > RADIUS_DISAGREES:
        warnings.warn(
            f"the probe's disk has a radius of {found.radius_px:.2f} pixels, semiangle_mrad and k_step say {expected:.2f}; "
            "strain is relative and not affected, lengths in 1/angstrom are: check semiangle_mrad, voltage_kV and k_step",
            stacklevel=4,
        )
    return found, "measured"


def _expected_radius(cube: xr.DataArray) -> float | None:
    """Radius of a disk in pixels, where the cube says enough."""
    if not {"voltage_kV", "semiangle_mrad"} <= set(cube.attrs) or UNCALIBRATED in (cube[dim].attrs["units"] for dim in ("ky", "kx")):
        return None
    steps = float(np.sqrt(abs(step_of(cube, "ky") * step_of(cube, "kx"))))
    return wave_number(float(cube.attrs["semiangle_mrad"]), float(cube.attrs["voltage_kV"])) / steps
