"""Maps of one scan side by side: they zoom together and show the same probe position and region."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
from bokeh.models import BoxSelectTool, ColumnDataSource, LassoSelectTool, LinearColorMapper, Range1d
from bokeh.models.annotations import PolyAnnotation
from numpy.typing import NDArray

from polwidgets.widgets.arrows import Arrows
from polwidgets.widgets.colors import direction_colors
from polwidgets.widgets.map_style import PROBE_COLOR, REGION_COLOR, SIDE_PX, color_bar, color_mapper, on_tap, plot, scale_bar
from polwidgets.widgets.scan_frame import ScanFrame

ARROW_COLOR: Final = "#1a1a1a"


class MapFigures:
    """Draws maps in the frame of a scan, by Bokeh alone.

    All figures share the axes' ranges, the cross-hair and the region's edge, so that what moves on every map is sent once.

    Parameters
    ----------
    frame : ScanFrame
    tapped : callable
        Called with the probe position (row, column) where somebody taps.
    selected : callable
        Called with the corners, an array (corner, 2) of x and y, that somebody draws with box or lasso.
    """

    def __init__(self, frame: ScanFrame, tapped: Callable[[tuple[int, int]], Any], selected: Callable[[NDArray[np.float64]], Any]) -> None:
        self.frame = frame
        self._tapped, self._selected = tapped, selected
        left, top, right, bottom = frame.bounds
        self._x_range, self._y_range = Range1d(start=left, end=right), Range1d(start=bottom, end=top)
        # above the maps, which are not painted anew when it moves; its corners must not change in number, for xs and ys travel apart
        self.probe = PolyAnnotation(xs=[], ys=[], level="overlay", fill_color=None, line_color=PROBE_COLOR, line_width=1.6, line_alpha=1.0)
        self.region = ColumnDataSource({"xs": [], "ys": []})

    def directions(
        self, title: str, direction_deg: NDArray[np.float64], confidence: NDArray[np.float64], arrows: Arrows | None, *, colormap: str
    ) -> Any:
        """A figure with the direction (scan_y, scan_x) as hue, the confidence as lightness, and arrows."""
        made = self._figure(title)
        pixels = rgba_pixels(direction_colors(direction_deg, confidence, colormap=colormap))
        made.image_rgba("image", source=ColumnDataSource({"image": [pixels]}), **self._place())
        if arrows is not None:
            source = ColumnDataSource(self.frame.arrows(arrows))
            made.segment("x0", "y0", "x1", "y1", source=source, line_color=ARROW_COLOR, line_width=1.2)
        return self._marked(made)

    def values(self, title: str, values: NDArray[np.float64], colormap: str, limits: tuple[float, float] | None = None) -> MapOfValues:
        """A figure with values (scan_y, scan_x) and their colour bar; colours run over their own range unless limits are given."""
        made = self._figure(title)
        shown = MapOfValues(made, ColumnDataSource({"image": [np.zeros((1, 1), np.float32)]}), color_mapper(colormap))
        made.image("image", source=shown.source, color_mapper=shown.colors, **self._place())
        made.add_layout(color_bar(shown.colors), "below")
        shown.draw(values, limits)
        self._marked(made)
        return shown

    def _place(self) -> dict[str, float]:
        left, top, right, bottom = self.frame.bounds
        return {"x": left, "y": top, "dw": right - left, "dh": bottom - top}

    def _figure(self, title: str) -> Any:
        place = self._place()
        largest = max(place["dw"], place["dh"])
        width, height = (max(40, round(SIDE_PX * place[side] / largest)) for side in ("dw", "dh"))
        made = plot(title, width, height, x_range=self._x_range, y_range=self._y_range)
        made.xaxis.axis_label, made.yaxis.axis_label = f"x ({self.frame.unit})", f"y ({self.frame.unit})"
        # pixels are no marks to be selected: only what is drawn around them counts
        made.add_tools(BoxSelectTool(renderers=[]), LassoSelectTool(renderers=[], continuous=False))
        if self.frame.unit == "nm":
            made.add_layout(scale_bar(self._x_range))
        on_tap(made, self._on_tap)
        made.on_event("selectiongeometry", self._on_selection)
        return made

    def _marked(self, made: Any) -> Any:
        """The figure with probe position and region on top."""
        made.add_layout(self.probe)
        made.line("xs", "ys", source=self.region, line_color=REGION_COLOR, line_width=2.2)
        return made

    def _on_tap(self, event: Any) -> None:
        left, top, right, bottom = self.frame.bounds
        if left <= event.x <= right and top <= event.y <= bottom:
            self._tapped(self.frame.nearest(event.x, event.y))

    def _on_selection(self, event: Any) -> None:
        drawn = event.geometry
        if drawn["type"] == "rect":
            (left, right), (top, bottom) = (drawn["x0"], drawn["x1"]), (drawn["y0"], drawn["y1"])
            self._selected(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]))
        elif drawn["type"] == "poly":
            self._selected(np.column_stack([drawn["x"], drawn["y"]]))


class MapOfValues(NamedTuple):
    """A map in one colour scale, which can be drawn anew."""

    figure: Any
    source: ColumnDataSource
    colors: LinearColorMapper

    def draw(self, values: NDArray[np.float64], limits: tuple[float, float] | None = None) -> None:
        """Show other values (scan_y, scan_x); colours run over their own range unless limits are given."""
        finite = values[np.isfinite(values)] if limits is None else np.array(limits)
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        self.colors.update(low=low, high=high if high > low else low + 1)
        self.source.data = {"image": [np.asarray(values, np.float32)]}


def rgba_pixels(colors: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Colours (row, column, 3) from 0 to 1 as the opaque pixels that Bokeh takes."""
    opaque = np.ones((*colors.shape[:2], 1))
    bytes_ = np.ascontiguousarray(np.rint(255 * np.concatenate([colors, opaque], -1)).astype(np.uint8))
    return bytes_.view(np.uint32)[..., 0]
