"""A scan reduced to what a fit of the specimen needs: the patterns' own trigonometric series in the unit-cell phase."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.cube.schema import WAVENUMBER
from polwidgets.cube.stream import map_blocks
from polwidgets.simulate.detector import pixel_grid
from polwidgets.simulate.patterns import basis

DARK = 0.05  # of the usual intensity: a pattern with less is no pattern
FLOOR = 0.02  # of the brightest pixel, added to the variance: dark pixels must not decide alone


@dataclasses.dataclass(frozen=True)
class Readings:
    """Patterns as rows of good pixels.

    Attributes
    ----------
    counts : array (position, pixel)
        float32, or the scan's own small integers.
    k : array (pixel, 2)
        Detector coords (down, right) of the pixels, 1/angstrom.
    pixel_area : float
        Of one pixel, (1/angstrom)^2.
    scan_shape : (int, int)
    frame : DataArray (ky, kx)
        The detector they come from, binned and cropped: the row of every good pixel, -1 where there is none.
    """

    counts: NDArray[np.generic]
    k: NDArray[np.float64]
    pixel_area: float
    scan_shape: tuple[int, int]
    frame: xr.DataArray

    def picture(self, values: NDArray[np.floating]) -> xr.DataArray:
        """Values of the good pixels as a picture (ky, kx), NaN elsewhere."""
        index = self.frame.values
        return self.frame.copy(data=np.where(index >= 0, values[index.clip(min=0)], np.nan))

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean pattern, (pixel,)."""
        return np.asarray(self.counts.mean(0, dtype=np.float64))

    @functools.cached_property
    def lit(self) -> NDArray[np.bool_]:
        """Positions that got a pattern, (position,): the beam was not blanked there."""
        total = self.counts.sum(1)
        return np.asarray(total > DARK * np.median(total[total > 0])) if total.any() else np.zeros(len(total), bool)

    def block(self, part: slice) -> NDArray[np.float32]:
        """Counts of some positions, (position, pixel)."""
        return self.counts[part].astype(np.float32, copy=False)

    def chunks(self, size: int = 512) -> Iterator[slice]:
        """Slices of positions small enough to work on."""
        return (slice(start, start + size) for start in range(0, len(self.counts), size))


@dataclasses.dataclass(frozen=True)
class Measurement:
    """Least-squares series of the patterns in the unit-cell phase, with its weights.

    Attributes
    ----------
    coefficients : array (term, pixel)
        Counts.
    root : array (term, term)
        Upper triangular R with R^T R the normal matrix of the phases: R times the coefficients has unit variance a count.
    weight : array (pixel,)
        One over the variance of a count.
    gain : float
        Counts an electron: how much the patterns scatter about their series, as variance over mean. One for counts.
    k, pixel_area :
        As in `Readings`.
    order : int
    """

    coefficients: NDArray[np.float64]
    root: NDArray[np.float64]
    weight: NDArray[np.float64]
    gain: float
    k: NDArray[np.float64]
    pixel_area: float
    order: int


def measure(readings: Readings, phase: NDArray[np.float64], *, order: int) -> Measurement:
    """Series of the patterns at phases (position, 2); order 0 is the mean pattern."""
    terms = basis(phase, order) * readings.lit[:, None]
    count = int(readings.lit.sum())
    normal = terms.T @ terms
    right = np.zeros((terms.shape[1], readings.counts.shape[1]))
    squares = np.zeros(readings.counts.shape[1])
    for part in readings.chunks():
        counts = readings.block(part)
        right += terms[part].astype(np.float32).T @ counts
        squares += np.einsum("ij,ij->j", counts, counts)
    # positions on few distinct phases (a commensurate scan) cannot tell all terms apart; a little ridge keeps them small
    normal[np.diag_indices_from(normal)] += 1e-6 * normal[0, 0]
    coefficients = np.asarray(np.linalg.solve(normal, right), float)
    mean = readings.mean
    weight = 1.0 / (mean + FLOOR * mean.max())
    scatter = (squares - (coefficients * right).sum(0)) / max(count - terms.shape[1], 1)
    bright = mean > 0.1 * mean.max()
    # where there are no more patterns than terms nothing is left to scatter: take counts
    gain = float(np.median(scatter[bright] / mean[bright])) if count > terms.shape[1] else 1.0
    return Measurement(
        coefficients,
        np.asarray(np.linalg.cholesky(normal).T, float),
        weight,
        max(gain, 1e-9 * float(mean.max())),
        readings.k,
        readings.pixel_area,
        order,
    )


def read_patterns(
    cube: xr.DataArray, *, good: NDArray[np.bool_] | None = None, pixel: float | None = None, k_limit: float | None = None
) -> Readings:
    """Bring a cube's patterns to memory as rows of good pixels, binned and cropped to what carries information.

    Parameters
    ----------
    good : bool array (ky, kx), optional
        Pixels to use; by default all.
    pixel : float, optional
        Bin the detector by whole numbers until a pixel is about this wide, 1/angstrom.
    k_limit : float, optional
        Drop pixels with a coord beyond this, 1/angstrom.
    """
    ky, kx = cube["ky"].values, cube["kx"].values
    usable = np.ones((len(ky), len(kx)), bool) if good is None else good.copy()
    if k_limit is not None:
        usable &= (np.abs(ky)[:, None] <= k_limit) & (np.abs(kx)[None] <= k_limit)
    step = (abs(ky[-1] - ky[0]) / (len(ky) - 1), abs(kx[-1] - kx[0]) / (len(kx) - 1))
    factor = max(1, int(1.25 * pixel / max(step))) if pixel else 1
    rows, columns = (n // factor * factor for n in usable.shape)

    def binned(array: NDArray[np.generic]) -> NDArray[np.generic]:
        cut = array[..., :rows, :columns]
        return cut.reshape(*cut.shape[:-2], rows // factor, factor, columns // factor, factor).sum((-3, -1))  # type: ignore[no-any-return]

    # a binned pixel is good where all its pixels are
    good_bins = binned(usable) == factor**2
    keep = np.flatnonzero(good_bins)
    ky, kx = (v[:n].reshape(-1, factor).mean(1) for v, n in ((ky, rows), (kx, columns)))
    index = np.full(good_bins.size, -1)
    index[keep] = np.arange(len(keep))
    units = {"units": WAVENUMBER}
    frame = xr.DataArray(index.reshape(good_bins.shape), dims=("ky", "kx"), coords={"ky": ("ky", ky, units), "kx": ("kx", kx, units)})
    scan_shape = (cube.sizes["scan_y"], cube.sizes["scan_x"])
    # small integers stay what they are: memory is what limits large scans
    small = factor == 1 and np.issubdtype(cube.dtype, np.integer) and cube.dtype.itemsize <= 2
    counts = np.empty((*scan_shape, len(keep)), cube.dtype if small else np.float32)

    def good_pixels(patterns: NDArray[np.generic]) -> NDArray[np.generic]:
        whole = patterns if factor == 1 else binned(patterns.astype(np.float32, copy=False))
        rows = whole.reshape(*whole.shape[:2], -1)
        return rows if len(keep) == rows.shape[-1] else rows.take(keep, -1)

    for block, patterns in map_blocks(cube, good_pixels):
        counts[block.scan_y, block.scan_x] = patterns
    return Readings(counts.reshape(-1, len(keep)), pixel_grid(ky, kx)[keep], step[0] * step[1] * factor**2, scan_shape, frame)
