"""The scan's plane in maps: pixels and lengths, and the HoloViews elements that lie in it. Rows grow downward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import holoviews as hv
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.cube.schema import UNCALIBRATED
from polwidgets.widgets.arrows import Arrows

LINE_DIMS: Final = ["x0", "y0", "x1", "y1"]
INK: Final = "#1a1a1a"


class ScanFrame:
    """Rows, columns and their unit: nm where calibrated, since scale bars want a metric unit.

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
    dims : list of Dimension
        x and y: maps that share them zoom together.
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
        self.dims = [hv.Dimension("scan_x", label="x", unit=self.unit), hv.Dimension("scan_y", label="y", unit=self.unit)]

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

    def image(self, values: NDArray[np.float64], name: str) -> hv.Image:
        """Values (scan_y, scan_x) as an image."""
        # HoloViews wants the row of the largest y first, and y grows downward
        return hv.Image(values[::-1], bounds=self.bounds, kdims=self.dims, vdims=[name])

    def colors(self, colors: NDArray[np.float64]) -> hv.RGB:
        """Colours (scan_y, scan_x, 3) as a picture."""
        return hv.RGB(colors[::-1], bounds=self.bounds, kdims=self.dims)

    def marker(self, row: int, column: int) -> hv.Segments:
        """A cross-hair with a square that leaves the position free: one element, since it moves on every map at once."""
        x, y = self.columns[column], self.rows[row]
        left, top, right, bottom = self.bounds
        half_x, half_y = (max(1.0, 0.02 * size) * step for size, step in zip(self.shape[::-1], (self.step_x, self.step_y), strict=True))
        square = [(x - half_x, y - half_y), (x + half_x, y - half_y), (x + half_x, y + half_y), (x - half_x, y + half_y)]
        cross = [(left, y, x - half_x, y), (x + half_x, y, right, y), (x, top, x, y - half_y), (x, y + half_y, x, bottom)]
        return hv.Segments(cross + _closed(square), kdims=LINE_DIMS)

    def outline(self, corners: Sequence[tuple[float, float]]) -> hv.Segments:
        """A region's edge."""
        places = [(self.columns[0] + self.step_x * column, self.rows[0] + self.step_y * row) for row, column in corners]
        return hv.Segments(_closed(places), kdims=LINE_DIMS)

    def arrows(self, arrows: Arrows) -> hv.Segments:
        """Shaft and two barbs of every arrow; the longest just fits between its neighbours."""
        half = 0.42 * np.diff(np.unique(arrows.row), append=np.inf).min()
        half = half if np.isfinite(half) else 0.42
        middle = np.stack([self.columns[0] + self.step_x * arrows.column, self.rows[0] + self.step_y * arrows.row])
        along = half * np.stack([self.step_x * arrows.right, self.step_y * arrows.down])
        aside = 0.4 * np.stack([along[1], -along[0]])
        tip, tail = middle + along, middle - along
        lines = [np.concatenate([tip, end]) for end in (tail, tip - 0.7 * along + aside, tip - 0.7 * along - aside)]
        segments = hv.Segments(tuple(np.concatenate(lines, axis=1)), kdims=LINE_DIMS)
        return segments.opts(color=INK, line_width=1.2, apply_ranges=False)


def _closed(places: list[tuple[float, float]]) -> list[tuple[float, float, float, float]]:
    return [(*start, *stop) for start, stop in zip(places, [*places[1:], *places[:1]], strict=True)]
