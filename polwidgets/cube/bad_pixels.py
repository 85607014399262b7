"""Bad detector pixels: found in what one pass over a cube has gathered, and filled."""

from __future__ import annotations

from typing import Any, Final

import dask.array as da
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import median_filter, rank_filter

from polwidgets.cube.schema import validate
from polwidgets.cube.stream import lazy

OUTLIER: Final = 12.0  # robust standard deviations from the neighbours' median
SURE_COUNTS: Final = 25.0  # expected where none came: chance has no part in it


def find_good_pixels(
    mean: NDArray[np.float64], finite: NDArray[np.int64], largest: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], dict[str, NDArray[np.bool_]]]:
    """Good pixels and, by name ("NaN", "hot", "dead"), the bad ones.

    Parameters
    ----------
    mean, finite, largest : array (ky, kx)
        Of every detector pixel: mean and number of its finite values, and the largest.
    """
    missing = finite == 0
    sums = mean * finite
    quantum = _quantum(sums)
    # compared with their neighbourhood on a square-root scale, on which counting noise is even
    root = np.sqrt(np.clip(np.where(missing, 0, mean), 0, None))
    around = median_filter(root, 5, mode="nearest")
    deviation = root - around
    noise = 0.5 * np.sqrt(quantum / np.maximum(finite, 1))
    # what is usual nearby, edges of disks included
    usual = np.maximum(median_filter(np.abs(deviation), 9, mode="nearest"), noise) + 0.02 * around + 1e-3 * root.max()
    # a Bragg spot has bright neighbours, a hot pixel has at most one
    hot = (deviation > OUTLIER * usual) & (root > 1.4 * rank_filter(root, -3, size=3, mode="nearest")) & ~missing
    # how many counts a living pixel there would have had: nobody is dead by chance
    expected = around**2 * finite / max(quantum, 1e-30)
    silent = (largest <= 0) & ~missing
    signal = float(np.median(root[root > 0])) if (root > 0).any() else np.inf
    dead = silent & (around > 0.3 * signal) & (expected > SURE_COUNTS)
    # a silent row or column is dead where the lines beside it are not
    for axis in (0, 1):
        lines = np.flatnonzero(silent.all(axis=1 - axis))
        living = np.setdiff1d(np.arange(silent.shape[axis]), lines)
        for line in lines:
            beside = [living[living < line][-1:], living[living > line][:1]]
            if all(len(side) and sums.take(side[0], axis=axis).sum() > SURE_COUNTS * quantum for side in beside):
                dead[(slice(None),) * axis + (line,)] = True
    return ~(missing | hot | dead), {"NaN": missing, "hot": hot, "dead": dead}


def repair(cube: xr.DataArray, good_pixels: xr.DataArray) -> xr.DataArray:
    """Bad detector pixels filled with the mean of their nearest good neighbours, and NaN with zero; lazy, same dtype."""
    validate(cube)
    good = np.asarray(good_pixels.values, bool)
    if not good.any():
        raise ValueError("no detector pixel is good; nothing can be repaired")
    bad = np.argwhere(~good)
    if not len(bad) and cube.dtype.kind != "f":
        return cube
    sources = [_neighbours(good, row, column) for row, column in bad]
    patterns = cube.data if cube.chunks else lazy(cube.data)

    def fill(block: NDArray[Any]) -> NDArray[Any]:
        filled = np.nan_to_num(block, nan=0.0) if block.dtype.kind == "f" else block.copy()
        for (row, column), (rows, columns) in zip(bad, sources, strict=True):
            value = filled[:, :, rows, columns].mean(-1)
            filled[:, :, row, column] = value if filled.dtype.kind == "f" else np.rint(value)
        return filled

    return cube.copy(data=da.map_blocks(fill, patterns.rechunk({2: -1, 3: -1}), dtype=cube.dtype, meta=np.empty((0,) * 4, cube.dtype)))


def _quantum(sums: NDArray[np.float64]) -> float:
    """What one count adds: 1 in counts, about the gain in sparse patterns that were flat-fielded, 0 where nothing tells."""
    if np.allclose(sums, np.rint(sums), atol=1e-6):
        return 1.0
    positive = sums[sums > 0]
    return float(np.quantile(positive, 0.05)) if len(positive) < 0.95 * sums.size and len(positive) else 0.0


def _neighbours(good: NDArray[np.bool_], row: int, column: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The good pixels in the smallest square around a bad one that holds at least three."""
    for reach in range(1, max(good.shape)):
        top, left = max(0, row - reach), max(0, column - reach)
        rows, columns = np.nonzero(good[top : row + reach + 1, left : column + reach + 1])
        if len(rows) >= min(3, int(good.sum())):
            break
    return rows + top, columns + left
