"""The map of directions with its probe position, small and quick: it is redrawn in place when another model answers."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import panel as pn
import xarray as xr
from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure

from polwidgets.directions import NAMES
from polwidgets.widgets.arrows import mean_arrows
from polwidgets.widgets.colors import COLORMAP, direction_colors
from polwidgets.widgets.form import note
from polwidgets.widgets.map_figures import rgba_pixels
from polwidgets.widgets.map_style import LEGEND_PX, PROBE_COLOR, on_tap, wheel_legend
from polwidgets.widgets.position_figures import ProbabilityBars
from polwidgets.widgets.view import View
from polwidgets.widgets.view_state import ViewState

SIDE_PX: Final = 250
EMPTY: Final = "no map yet"


class DirectionMap(View):
    """Direction as hue, confidence as lightness, arrows on top, and what the model answers at the probe.

    Parameters
    ----------
    scan : DataArray or Dataset
        Cube or map, for its scan coords.
    state : ViewState
        A tap moves ``state.probe``.
    """

    def __init__(self, scan: xr.DataArray | xr.Dataset, *, state: ViewState, colormap: str = COLORMAP, arrows: int = 14) -> None:
        super().__init__()
        self.state = state
        self._shape = scan.sizes["scan_y"], scan.sizes["scan_x"]
        self._colormap, self._arrow_count = colormap, arrows
        self._prediction: xr.Dataset | None = None
        height, width = self._shape
        side = SIDE_PX / max(self._shape)
        plot: Any = figure(
            title=EMPTY,
            x_range=Range1d(start=-0.5, end=width - 0.5),
            y_range=Range1d(start=height - 0.5, end=-0.5),
            tools="pan,wheel_zoom,reset,save",
            toolbar_location="above",
            frame_width=max(40, round(side * width)),
            frame_height=max(40, round(side * height)),
        )
        plot.toolbar.autohide, plot.toolbar.logo = True, None
        plot.grid.visible = plot.axis.visible = False
        plot.title.text_font_size = "10pt"
        self._image = ColumnDataSource({"image": [np.zeros((1, 1), np.uint32)]})
        plot.image_rgba("image", x=-0.5, y=-0.5, dw=width, dh=height, source=self._image)
        self._segments = ColumnDataSource({"x0": [], "y0": [], "x1": [], "y1": []})
        plot.segment("x0", "y0", "x1", "y1", source=self._segments, line_color="#1a1a1a", line_width=1.2)
        self._marker = ColumnDataSource({"x": [], "y": []})
        plot.scatter("x", "y", source=self._marker, marker="square", size=11, fill_alpha=0, line_color=PROBE_COLOR, line_width=2.5)
        on_tap(plot, self._tapped)
        self._probabilities = ProbabilityBars(colormap, 130, 125, title="probability")
        self.figure = plot
        self._panes = pn.pane.Bokeh(plot, margin=2), pn.pane.Bokeh(self._probabilities.figure, margin=2)
        self._readout = note()
        self._layout = pn.Row(
            self._panes[0],
            pn.Column(pn.pane.Bokeh(wheel_legend(colormap)), self._panes[1], self._readout, width=LEGEND_PX, margin=0),
        )
        state.observe(self.lazily(self._show_probe), "probe")
        self._show_probe()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def show_map(self, prediction: xr.Dataset) -> None:
        """Draw another map of the same scan."""
        shape = tuple(prediction.sizes.get(dim, 0) for dim in ("scan_y", "scan_x"))
        if shape != self._shape:
            raise ValueError(f"the prediction covers {shape} scan positions, the scan {self._shape}; give a map of this scan")
        self._prediction = prediction
        direction, confidence = prediction["direction_deg"].values, prediction["confidence"].values
        self._image.data = {"image": [rgba_pixels(direction_colors(direction, confidence, colormap=self._colormap))]}
        self._segments.data = _arrow_lines(direction, confidence, self._arrow_count)
        attrs = prediction.attrs
        self.figure.title.text = ", ".join(str(attrs[name]).replace("_", " ") for name in ("model", "context") if name in attrs) or "map"
        self._show_probe()

    def _show_probe(self) -> None:
        row, column = (min(place, size - 1) for place, size in zip(self.state.probe, self._shape, strict=True))
        self._marker.data = {"x": [column], "y": [row]}
        lines = [f"position ({row}, {column})"]
        if self._prediction is not None:
            here = self._prediction.isel(scan_y=row, scan_x=column)
            probability = here["probability"].values
            self._probabilities.show(probability)
            lines.append(
                f"{NAMES[int(probability.argmax())]}, {float(here['direction_deg']):.0f}°, confidence {float(here['confidence']):.2f}"
            )
            if "displacement_pm" in here:
                error = f" ± {float(here['displacement_error_pm']):.1f}" if "displacement_error_pm" in here else ""
                lines.append(f"displacement {float(here['displacement_pm']):.1f}{error} pm")
        self._readout.value = "<br>".join(lines)
        pn.io.push_notebook(*self._panes)

    def _tapped(self, event: Any) -> None:
        height, width = self._shape
        if -0.5 <= event.x <= width - 0.5 and -0.5 <= event.y <= height - 0.5:
            self.state.probe = (min(round(event.y), height - 1), min(round(event.x), width - 1))


def _arrow_lines(direction: Any, confidence: Any, across: int) -> dict[str, Any]:
    """Shaft and two barbs of every arrow, in scan pixels."""
    arrows = mean_arrows(direction, confidence, across=across)
    half = 0.42 * -(-max(direction.shape) // across)
    middle = np.stack([arrows.column, arrows.row])
    along = half * np.stack([arrows.right, arrows.down])
    aside = 0.4 * np.stack([along[1], -along[0]])
    tip, tail = middle + along, middle - along
    ends = np.concatenate([tail, tip - 0.7 * along + aside, tip - 0.7 * along - aside], axis=1)
    tips = np.tile(tip, 3)
    return {"x0": tips[0], "y0": tips[1], "x1": ends[0], "y1": ends[1]}
