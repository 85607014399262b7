"""Errors folded into one unit cell: where in the cell a model fails, how surely, and how well cells agree."""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtri

from polwidgets.cube.unit_cell import UnitCell

SPLITS: Final = 40


def fold_errors(
    error: xr.DataArray, unit_cell: UnitCell, *, bins: int = 8, level: float = 0.95, region: NDArray[np.bool_] | None = None, seed: int = 0
) -> xr.Dataset:
    """Error rate by phase in the unit cell, with confidence bands.

    Positions of one cell are neighbours and fail together, so their number is divided by how much more cells differ than
    independent positions would; the bands are Wilson's (doi:10.1080/01621459.1927.10502953) for that effective number.

    Parameters
    ----------
    error : DataArray (scan_y, scan_x)
        Zero to one, NaN where unknown; see `polwidgets.analysis.periodicity.error_map`.
    unit_cell : UnitCell
        The match's, or that of a `Periodicity`.
    bins : int
        Phases along a side of the cell.
    level : float
        Of the confidence bands.
    region : bool array (scan_y, scan_x), optional
        Positions to use; by default all.
    seed : int
        Draws the splits of the cells into halves.

    Returns
    -------
    Dataset on (cell_y, cell_x)
        ``rate`` with ``low`` and ``high``, ``count`` of positions and ``effective_count``; NaN where no position falls.
        Attrs: ``split_half_correlation``, of the rates in two halves of the cells, averaged over random splits; ``cells``.

    Raises
    ------
    ValueError
        No position in the region, or fewer than two cells.
    """
    values = np.asarray(error.values, float)
    used = np.isfinite(values)
    if region is not None:
        if region.shape != values.shape:
            raise ValueError(f"the region has shape {region.shape}, the map {values.shape}; give one truth value a position")
        used &= region
    if not used.any():
        raise ValueError("no position is left in the region; select a larger one, or check the reference")
    if bins < 2 or not 0 < level < 1:
        raise ValueError(f"bins must be at least 2 and level between 0 and 1, got bins={bins} and level={level}")
    phase = unit_cell.phase(error["scan_y"].values, error["scan_x"].values)[used]
    whole = np.floor(phase).astype(int)
    cells, cell = np.unique(whole, axis=0, return_inverse=True)
    if len(cells) < 2:
        raise ValueError("the positions lie in one unit cell, and one cell cannot repeat; give at least two cells")
    place = np.floor((phase - whole) * bins).astype(int).clip(0, bins - 1)
    flat = cell.ravel() * bins**2 + place[:, 0] * bins + place[:, 1]
    shape = (len(cells), bins**2)
    sums = np.bincount(flat, values[used], len(cells) * bins**2).astype(float).reshape(shape)
    counts = np.bincount(flat, minlength=len(cells) * bins**2).astype(float).reshape(shape)
    count = counts.sum(0)
    with np.errstate(invalid="ignore"):
        rate = sums.sum(0) / count
    effective = count / _design_effect(sums, counts, rate)
    low, high = _wilson(rate, effective, level)
    centers = (np.arange(bins) + 0.5) / bins
    names = {
        "rate": "error rate",
        "low": "lower confidence limit",
        "high": "upper confidence limit",
        "count": "positions",
        "effective_count": "independent positions",
    }
    maps = dict(zip(names, (rate, low, high, count, effective), strict=True))
    return xr.Dataset(
        {
            name: (("cell_y", "cell_x"), values.reshape(bins, bins), {"units": "1", "long_name": names[name]})
            for name, values in maps.items()
        },
        coords={dim: (dim, centers, {"units": "cell"}) for dim in ("cell_y", "cell_x")},
        attrs={
            "split_half_correlation": split_half_correlation(sums, counts, seed=seed),
            "cells": len(cells),
            "level": level,
            "mean_rate": float(sums.sum() / count.sum()),
        },
    )


def folded_correlation(first: xr.Dataset, second: xr.Dataset) -> float:
    """Correlation of two folded maps over the phases that both know; for example of errors with what an information map expects."""
    one, other = (folded["rate"].values.ravel() for folded in (first, second))
    if one.shape != other.shape:
        raise ValueError(f"the folded maps have {one.size} and {other.size} phases; fold both with the same bins")
    return _correlation(one, other)


def split_half_correlation(sums: NDArray[np.float64], counts: NDArray[np.float64], *, seed: int) -> float:
    """Mean correlation of the rates (cell, phase) in random halves of the cells."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(SPLITS):
        order = rng.permutation(len(sums))
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        with np.errstate(invalid="ignore"):
            one, other = (sums[half].sum(0) / counts[half].sum(0) for half in halves)
        found.append(_correlation(one, other))
    return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    both = np.isfinite(one) & np.isfinite(other)
    if both.sum() < 3 or one[both].std() == 0 or other[both].std() == 0:
        return float("nan")
    return float(np.corrcoef(one[both], other[both])[0, 1])


def _design_effect(sums: NDArray[np.float64], counts: NDArray[np.float64], rate: NDArray[np.float64]) -> float:
    """How much more the cells' sums scatter about their expectation than independent positions' would, at least one."""
    expected = counts * np.nan_to_num(rate)
    spread = counts * np.nan_to_num(rate * (1 - rate))
    # every phase's own mean has been taken from the same cells
    share = 1 - 1 / np.maximum((counts > 0).sum(0), 2)
    return max(1.0, float(((sums - expected) ** 2).sum() / max((spread * share).sum(), 1e-12)))


def _wilson(rate: NDArray[np.float64], count: NDArray[np.float64], level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    z = ndtri(0.5 + level / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = (rate + z**2 / (2 * count)) / (1 + z**2 / count)
        half = z / (1 + z**2 / count) * np.sqrt(rate * (1 - rate) / count + z**2 / (4 * count**2))
    return np.asarray((middle - half).clip(0, 1)), np.asarray((middle + half).clip(0, 1))
