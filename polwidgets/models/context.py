"""Unit-cell context: evidence summed over a sliding window of exactly one cell."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from polwidgets.cube.schema import step_of


def pool_over_cell(evidence: NDArray[np.float64], scan: xr.DataArray, edges_A: tuple[float, float]) -> NDArray[np.float64]:
    """Sum of evidence over the cell around every probe position.

    The window is one cell wide to a fraction of a step, so that every phase counts once and the cell's own pattern of
    strong and weak positions cancels; at the border it is moved inside.

    Parameters
    ----------
    evidence : array (scan_y, scan_x, ...)
    edges_A : (float, float)
        Cell edges along (scan_y, scan_x), angstrom.
    """
    pooled = evidence
    for axis, (dim, edge) in enumerate(zip(("scan_y", "scan_x"), edges_A, strict=True)):
        width = min(max(edge / step_of(scan, dim), 1.0), float(scan.sizes[dim]))
        reach = int(np.ceil((width - 1) / 2))
        window = np.ones(2 * reach + 1)
        window[[0, -1]] -= (2 * reach + 1 - width) / 2
        pooled = correlate1d(pooled, window, axis=axis, mode="constant")
        if reach:
            # positions whose window would reach out take the outermost whole one
            place = np.arange(pooled.shape[axis]).clip(min(reach, pooled.shape[axis] // 2), max(pooled.shape[axis] - 1 - reach, pooled.shape[axis] // 2))
            pooled = np.take(pooled, place, axis=axis)
    return pooled
