"""Unit-cell context: evidence summed over a sliding window of exactly one cell."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import correlate1d, maximum_filter, minimum_filter

from polwidgets.cube.schema import step_of
from polwidgets.cube.unit_cell import UnitCell
from polwidgets.directions import ANGLES_DEG

Real = TypeVar("Real", np.float32, np.float64)


def pool_over_cell(evidence: NDArray[Real], scan: xr.DataArray, unit_cell: UnitCell) -> NDArray[Real]:
    """Sum of evidence over the cell around every probe position.

    The window is one cell wide to a fraction of a step, so that every phase counts once and the cell's own pattern of
    strong and weak positions cancels; at the border it is moved inside.

    Parameters
    ----------
    evidence : array (scan_y, scan_x, ...)
    scan : DataArray
        For its scan coords.
    unit_cell : UnitCell
    """
    pooled = evidence
    for axis, width in enumerate(window_size(scan, unit_cell)):
        reach = int(np.ceil((width - 1) / 2))
        window = np.ones(2 * reach + 1)
        if reach:
            window[[0, -1]] -= (2 * reach + 1 - width) / 2
        pooled = correlate1d(pooled, window, axis=axis, mode="constant")
        size = pooled.shape[axis]
        # positions whose window would reach out take the outermost whole one
        place = np.arange(size).clip(min(reach, size // 2), max(size - 1 - reach, size // 2))
        pooled = np.take(pooled, place, axis=axis)
    return pooled


def sharpen_walls(pooled: NDArray[np.float64], scan: xr.DataArray, unit_cell: UnitCell) -> NDArray[np.float64]:
    """Give positions beside a wall the window of their own side.

    Every position lies in many windows. One that straddles a wall mixes two domains and loses evidence; where a window
    that holds the position near its edge speaks louder for some direction, it is taken instead.

    Parameters
    ----------
    pooled : array (scan_y, scan_x, variant)
        Evidence over that of no displacement, pooled over the cell around every position; variants are the eight
        directions, for one length of the displacement after the other.
    """
    windows = window_size(scan, unit_cell)
    reach = [max(0, int((width - 1) / 2)) for width in windows]
    loudness, direction = pooled.max(-1), pooled.argmax(-1) % len(ANGLES_DEG)
    # where all windows around agree there is no wall, and the loudest would only be the luckiest
    around = [2 * int(width) + 1 for width in windows]
    wall = maximum_filter(direction, around, mode="nearest") != minimum_filter(direction, around, mode="nearest")
    rows, columns = np.indices(loudness.shape)
    shifts = [(down, right) for down in (-reach[0], 0, reach[0]) for right in (-reach[1], 0, reach[1])]
    sources = [((rows + down).clip(0, rows[-1, -1]), (columns + right).clip(0, columns[-1, -1])) for down, right in shifts]
    best, chosen = loudness.copy(), pooled.copy()
    for source in sources:
        better = wall & (loudness[source] > best)
        best[better], chosen[better] = loudness[source][better], pooled[source][better]
    return chosen


def window_size(scan: xr.DataArray, unit_cell: UnitCell) -> tuple[float, float]:
    """The cell's edges along (scan_y, scan_x) in steps: of a turned lattice, those of the edge that is nearest."""
    down, right = unit_cell.edges_A
    if abs(np.sin(np.deg2rad(unit_cell.rotation_deg))) > np.sqrt(0.5):
        down, right = right, down
    sizes = ((dim, edge) for dim, edge in zip(("scan_y", "scan_x"), (down, right), strict=True))
    height, width = (float(min(max(edge / step_of(scan, dim), 1.0), scan.sizes[dim])) for dim, edge in sizes)
    return height, width
