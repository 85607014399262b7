"""The scan's plane in maps: pixels and lengths, and the lines that lie in it. Rows grow downward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.cube.schema import UNCALIBRATED
from polwidgets.widgets.arrows import Arrows

Lines: TypeAlias = dict[str, NDArray[np.float64]]
"""Straight lines by their ends x0, y0, x1, y1, each an array (line,)."""
Polygon: TypeAlias = dict[str, list[float]]
"""The corners' places xs and ys."""


class ScanFrame:
    """Rows, columns and their unit: nm where calibrated, since scale bars want a metric unit.

    Parameters
    ----------
    scan : DataArray or Dataset
        A cube or a map, for its scan coords.

    Attributes
    ----------
    rows, columns : arrays
        Places of the scan's rows and columns.
    unit : str
        "nm" or "px".
    step_x, step_y : float
        Distance of neighbours; a line scan has square pixels.
    bounds : (left, top, right, bottom)
        Edges of the outermost pixels.
    """

    def __init__(self, scan: xr.DataArray | xr.Dataset) -> None:
        self.rows, self.columns = (np.asarray(scan[dim].values, float) for dim in ("scan_y", "scan_x"))
        self.unit = "px"
        if scan["scan_x"].attrs.get("units", UNCALIBRATED) != UNCALIBRATED:
            self.rows, self.columns, self.unit = self.rows / 10, self.columns / 10, "nm"
        steps = [float(axis[-1] - axis[0]) / (len(axis) - 1) if len(axis) > 1 else 0.0 for axis in (self.columns, self.rows)]
        self.step_x, self.step_y = steps[0] or steps[1] or 1.0, steps[1] or steps[0] or 1.0
        half_x, half_y = self.step_x / 2, self.step_y / 2
        self.bounds = (self.columns[0] - half_x, self.rows[0] - half_y, self.columns[-1] + half_x, self.rows[-1] + half_y)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the scan."""
        return len(self.rows), len(self.columns)

    def within(self, probe: tuple[int, int]) -> tuple[int, int]:
        """The nearest probe position there is."""
        row, column = (min(max(0, index), size - 1) for index, size in zip(probe, self.shape, strict=True))
        return row, column

    def nearest(self, x: float, y: float) -> tuple[int, int]:
        """The probe position nearest to a place."""
        return int(np.abs(self.rows - y).argmin()), int(np.abs(self.columns - x).argmin())

    def pixels(self, places: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
        """Corners (row, column) in scan pixels of places (x, y)."""
        rows, columns = (places[:, 1] - self.rows[0]) / self.step_y, (places[:, 0] - self.columns[0]) / self.step_x
        return tuple(zip(rows.tolist(), columns.tolist(), strict=True))

    def cross_hair(self, row: int, column: int) -> Polygon:
        """A cross with a square that leaves the position free: the square's edge, on the way out along every arm and back."""
        x, y = self.columns[column], self.rows[row]
        left, top, right, bottom = self.bounds
        half_x, half_y = (max(1.0, 0.02 * size) * step for size, step in zip(self.shape[::-1], (self.step_x, self.step_y), strict=True))
        west, east, north, south = x - half_x, x + half_x, y - half_y, y + half_y
        path = [(west, y), (left, y), (west, y), (west, north), (x, north), (x, top), (x, north), (east, north)]
        path += [(east, y), (right, y), (east, y), (east, south), (x, south), (x, bottom), (x, south), (west, south)]
        return _polygon(path)

    def outline(self, corners: Sequence[tuple[float, float]]) -> Polygon:
        """The edge of a region whose corners are (row, column) in scan pixels, back to where it began."""
        places = [(self.columns[0] + self.step_x * column, self.rows[0] + self.step_y * row) for row, column in corners]
        return _polygon(places + places[:1])

    def arrows(self, arrows: Arrows) -> Lines:
        """Shaft and two barbs of every arrow; the longest just fits between its neighbours."""
        half = 0.42 * np.diff(np.unique(arrows.row), append=np.inf).min()
        half = half if np.isfinite(half) else 0.42
        middle = np.stack([self.columns[0] + self.step_x * arrows.column, self.rows[0] + self.step_y * arrows.row])
        along = half * np.stack([self.step_x * arrows.right, self.step_y * arrows.down])
        aside = 0.4 * np.stack([along[1], -along[0]])
        tip, tail = middle + along, middle - along
        ends = np.concatenate([np.concatenate([tip, end]) for end in (tail, tip - 0.7 * along + aside, tip - 0.7 * along - aside)], axis=1)
        return dict(zip(("x0", "y0", "x1", "y1"), ends, strict=True))


def _polygon(places: Sequence[tuple[float, float]]) -> Polygon:
    return {"xs": [float(x) for x, _ in places], "ys": [float(y) for _, y in places]}
