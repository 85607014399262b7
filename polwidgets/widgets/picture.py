"""A small picture that is redrawn at once: for what follows a slider."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import panel as pn
import xarray as xr
from bokeh.models import ColumnDataSource, LinearColorMapper, Range1d
from bokeh.plotting import figure
from numpy.typing import NDArray

from polwidgets.cube.schema import UNCALIBRATED, step_of
from polwidgets.widgets.geometry import mrad_per_wave_number
from polwidgets.widgets.map_style import PROBE_COLOR, color_list, on_tap

SIDE_PX: Final = 200
SCALES: Final[dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "linear": lambda values: values,
    "sqrt": np.sqrt,
    "log": np.log1p,
}
"""How intensities become colours."""


class Picture(pn.viewable.Viewer):
    """An image whose rows grow downward, drawn by Bokeh without HoloViews in between, which costs a tenth of the time.

    Parameters
    ----------
    title : str
    extent : (left, top, right, bottom)
        Outer edges of the image, in `unit`.
    colormap : str
        Known to `cmap`.
    side : int
        Of the frame, pixels.
    """

    def __init__(
        self,
        title: str,
        extent: tuple[float, float, float, float] = (0, 0, 1, 1),
        *,
        unit: str = "",
        colormap: str = "magma",
        side: int = SIDE_PX,
    ) -> None:
        super().__init__()
        left, top, right, bottom = extent
        width, height = abs(right - left), abs(bottom - top)
        frame: dict[str, Any] = {"frame_width": round(side * min(1, width / height)), "frame_height": round(side * min(1, height / width))}
        plot: Any = figure(
            title=title,
            x_range=Range1d(start=left, end=right),
            y_range=Range1d(start=bottom, end=top),
            tools="save,wheel_zoom,pan,reset",
            toolbar_location="above",
            **frame,
        )
        plot.toolbar.autohide, plot.toolbar.logo = True, None
        plot.grid.visible = False
        plot.axis.axis_label, plot.axis.major_label_text_font_size = unit, "8pt"
        plot.xaxis.axis_label_standoff = plot.yaxis.axis_label_standoff = 0
        plot.title.text_font_size = "10pt"
        self._colors = LinearColorMapper(palette=color_list(colormap), low=0, high=1, nan_color="#888888")
        self._source = ColumnDataSource({"image": [np.zeros((1, 1), np.float32)]})
        self._image = plot.image("image", source=self._source, color_mapper=self._colors, x=left, y=top, dw=width, dh=height).glyph
        self._marks = ColumnDataSource({"x": [], "y": []})
        plot.scatter("x", "y", source=self._marks, marker="square", size=10, fill_alpha=0, line_color=PROBE_COLOR, line_width=2.5)
        self.figure, self.pane = plot, pn.pane.Bokeh(plot, margin=2)

    def __panel__(self) -> pn.viewable.Viewable:
        return self.pane

    def draw(self, values: NDArray[Any], limits: tuple[float, float] | None = None, *, title: str | None = None) -> None:
        """Draw an image (row, column); colours run over its own range unless limits are given."""
        image = np.asarray(values, np.float32)
        if limits is None:
            finite = image[np.isfinite(image)]
            limits = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
        low, high = limits
        self._colors.update(low=low, high=high if high > low else low + 1)
        self._source.data = {"image": [image]}
        if title is not None:
            self.figure.title.text = title
        pn.io.push_notebook(self.pane)

    def place(self, extent: tuple[float, float, float, float]) -> None:
        """Move the outer edges (left, top, right, bottom)."""
        left, top, right, bottom = extent
        self._image.update(x=left, y=top, dw=right - left, dh=bottom - top)
        self.figure.x_range.update(start=left, end=right)
        self.figure.y_range.update(start=bottom, end=top)

    def mark(self, x: Any, y: Any) -> None:
        """Put a square around each place."""
        self._marks.data = {"x": np.atleast_1d(x), "y": np.atleast_1d(y)}
        pn.io.push_notebook(self.pane)

    def on_tap(self, function: Callable[[float, float], Any]) -> None:
        """Call the function with x and y where somebody taps."""
        on_tap(self.figure, lambda event: function(event.x, event.y))


def pattern_extent(cube: xr.DataArray) -> tuple[tuple[float, float, float, float], str]:
    """Outer edges of a pattern (left, top, right, bottom), and their unit: mrad where it is known."""
    mrad = mrad_per_wave_number(cube)
    unit = "mrad" if mrad else {UNCALIBRATED: "px"}.get(cube["kx"].attrs["units"], "1/Å")
    (top, bottom), (left, right) = (
        ((float(cube[dim].values[0]) - step / 2) * (mrad or 1.0), (float(cube[dim].values[-1]) + step / 2) * (mrad or 1.0))
        for dim, step in ((dim, step_of(cube, dim)) for dim in ("ky", "kx"))
    )
    return (left, top, right, bottom), unit
