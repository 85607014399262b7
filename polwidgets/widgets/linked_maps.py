"""Maps of a prediction, side by side and linked: direction, confidence, virtual image, and what lies behind a position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import holoviews as hv
import numpy as np
import panel as pn
import xarray as xr
from holoviews.streams import Stream, Tap
from numpy.typing import NDArray

from polwidgets.cube.schema import UNCALIBRATED, validate
from polwidgets.directions import NAMES
from polwidgets.widgets.arrows import Arrows, mean_arrows
from polwidgets.widgets.colors import COLORMAP, direction_colors
from polwidgets.widgets.geometry import DetectorPixels, choose_detector, chosen_detector, detector_image, mrad_per_wave_number
from polwidgets.widgets.map_style import (
    COLOR_BAR,
    LEGEND_PX,
    PROBE_COLOR,
    SIDE_PX,
    as_status,
    class_colors,
    color_list,
    load_extensions,
    plain,
    plane,
    wheel_legend,
)
from polwidgets.widgets.view_state import ViewState

DETECTOR_TRAITS: Final = tuple(f"detector_{name}" for name in DetectorPixels._fields)
SCALES: Final[dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "linear": lambda values: values,
    "sqrt": np.sqrt,
    "log": np.log1p,
}

ProbePosition = Stream.define("ProbePosition", row=0, column=0)
VirtualDetector = Stream.define("VirtualDetector", chosen=None)
PatternScale = Stream.define("PatternScale", scale="sqrt")


class LinkedMaps(pn.viewable.Viewer):
    """Maps that zoom together and answer a tap with the pattern and the eight probabilities.

    Parameters
    ----------
    prediction : Dataset on (scan_y, scan_x)
        ``direction_deg``, ``probability`` (scan_y, scan_x, direction), ``confidence``, and where known ``displacement_pm``
        and ``thickness_A``, as `pw.map_polarization` makes it.
    cube : DataArray (scan_y, scan_x, ky, kx), optional
        The scan itself: adds the virtual image and the pattern at the probe position.
    state : ViewState, optional
        Shared with other widgets; by default one of its own.
    colormap : str
        Cyclic map of the directions, known to `cmap`.
    arrows : int
        How many arrows the longer side of the map has room for; 0 for none.
    """

    def __init__(
        self,
        prediction: xr.Dataset,
        cube: xr.DataArray | None = None,
        *,
        state: ViewState | None = None,
        colormap: str = COLORMAP,
        arrows: int = 16,
    ) -> None:
        load_extensions()
        self.prediction = _checked(prediction, cube)
        self.cube = cube
        self._rows, self._columns, self._unit = _scan_axes(prediction)
        self._steps = _steps(self._columns, self._rows)
        half_x, half_y = self._steps[0] / 2, self._steps[1] / 2
        self._bounds = (self._columns[0] - half_x, self._rows[0] - half_y, self._columns[-1] + half_x, self._rows[-1] + half_y)
        self.state = ViewState(probe=(len(self._rows) // 2, len(self._columns) // 2)) if state is None else state
        self._dims = [hv.Dimension("scan_x", label="x", unit=self._unit), hv.Dimension("scan_y", label="y", unit=self._unit)]
        row, column = self._within(self.state.probe)
        self._probe = ProbePosition(row=row, column=column)
        self.state.observe(self._probe_moved, "probe")
        self._layout = self._lay_out(colormap, arrows)
        super().__init__()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def _lay_out(self, colormap: str, arrows: int) -> pn.viewable.Viewable:
        views = [self._direction_map(colormap, arrows), self._map("confidence", "Confidence", "cividis", (0.0, 1.0))]
        if self.cube is not None:
            views.append(self._virtual_image(self.cube))
        for name, title in (("displacement_pm", "Displacement (pm)"), ("thickness_A", "Thickness (Å)")):
            if name in self.prediction and float(self.prediction[name].max() - self.prediction[name].min()) > 0:
                views.append(self._map(name, title, "viridis"))
        if self.cube is not None:
            views.append(self._pattern(self.cube))
        views.append(self._probabilities(colormap))
        # a Panel pane of text would fetch its style sheets anew with every change, from outside
        readout = hv.DynamicMap(self._readout, streams=[self._probe]).opts(width=LEGEND_PX - 10, height=120, hooks=[as_status])
        legend = pn.Column(pn.pane.HoloViews(wheel_legend(colormap), linked_axes=False), readout, width=LEGEND_PX)
        return pn.Row(legend, pn.GridBox(*map(pn.pane.HoloViews, views), ncols=3))

    # maps

    def _direction_map(self, colormap: str, arrows: int) -> hv.DynamicMap:
        direction, confidence = self.prediction["direction_deg"].values, self.prediction["confidence"].values
        colors = direction_colors(direction, confidence, colormap=colormap)
        picture = hv.RGB(colors[::-1], bounds=self._bounds, kdims=self._dims).opts(**plane("Polarization direction", self._unit))
        layers = picture * self._arrows(mean_arrows(direction, confidence, across=arrows)) if arrows else picture
        return self._tappable(picture, layers)

    def _arrows(self, arrows: Arrows) -> hv.Segments:
        """Shaft and two barbs of every arrow; the longest just fits between its neighbours."""
        half = 0.42 * np.diff(np.unique(arrows.row), append=np.inf).min()
        half = half if np.isfinite(half) else 0.42
        step_x, step_y = self._steps
        middle = np.stack([self._columns[0] + step_x * arrows.column, self._rows[0] + step_y * arrows.row])
        along = half * np.stack([step_x * arrows.right, step_y * arrows.down])
        aside = 0.4 * np.stack([along[1], -along[0]])
        tip, tail = middle + along, middle - along
        lines = [np.concatenate([tip, end]) for end in (tail, tip - 0.7 * along + aside, tip - 0.7 * along - aside)]
        segments = hv.Segments(tuple(np.concatenate(lines, axis=1)), kdims=["x0", "y0", "x1", "y1"])
        return segments.opts(color="#1a1a1a", line_width=1.2, apply_ranges=False)

    def _image(self, values: NDArray[np.float64], name: str) -> hv.Image:
        # HoloViews wants the row of the largest y first, and y grows downward
        return hv.Image(values[::-1], bounds=self._bounds, kdims=self._dims, vdims=[name])

    def _map(self, name: str, title: str, colormap: str, limits: tuple[float, float] = (np.nan, np.nan)) -> hv.DynamicMap:
        image = self._image(self.prediction[name].values, name)
        return self._tappable(image.opts(cmap=color_list(colormap), clim=limits, **COLOR_BAR, **plane(title, self._unit)))

    def _virtual_image(self, cube: xr.DataArray) -> hv.DynamicMap:
        choose_detector(self.state, cube)
        detector = VirtualDetector(chosen=chosen_detector(self.state))
        self.state.observe(lambda _: detector.event(chosen=chosen_detector(self.state)), DETECTOR_TRAITS)

        def draw(chosen: DetectorPixels) -> hv.Image:
            return self._image(detector_image(cube, chosen), "virtual image")

        images = hv.DynamicMap(draw, streams=[detector])
        return self._tappable(images, images.opts(cmap="gray", framewise=True, **COLOR_BAR, **plane("Virtual image", self._unit)))

    def _tappable(self, source: Any, layers: Any = None) -> hv.DynamicMap:
        """The layers (by default the source alone) with the probe position on top; a tap moves it."""
        Tap(source=source).add_subscriber(self._tapped)
        marker = hv.DynamicMap(self._marker, streams=[self._probe])
        return (source if layers is None else layers) * marker.opts(
            hv.opts.Points(marker="square", size=11, fill_alpha=0, line_color=PROBE_COLOR, line_width=2.5),
            hv.opts.HLine(color=PROBE_COLOR, line_width=0.8),
            hv.opts.VLine(color=PROBE_COLOR, line_width=0.8),
        )

    def _marker(self, row: int, column: int) -> hv.Overlay:
        x, y = self._columns[column], self._rows[row]
        return hv.HLine(y) * hv.VLine(x) * hv.Points([(x, y)], kdims=self._dims)

    # what lies behind a position

    def _pattern(self, cube: xr.DataArray) -> hv.DynamicMap:
        mrad = mrad_per_wave_number(cube)
        unit = "mrad" if mrad else cube["kx"].attrs["units"].replace("angstrom", "Å").replace(UNCALIBRATED, "px")
        ky, kx = (cube[dim].values * (mrad or 1.0) for dim in ("ky", "kx"))
        dims = [hv.Dimension(name, unit=unit) for name in ("kx", "ky")]
        chosen = PatternScale(scale=self.state.pattern_scale)
        self.state.observe(lambda change: chosen.event(scale=change["new"]), "pattern_scale")

        def draw(row: int, column: int, scale: str) -> hv.Image:
            pattern = np.asarray(cube.isel(scan_y=row, scan_x=column).values, float)
            return hv.Image((kx, ky, SCALES[scale](np.clip(pattern, 0, None))), kdims=dims, vdims=["intensity"])

        patterns = hv.DynamicMap(draw, streams=[self._probe, chosen])
        return patterns.opts(cmap=color_list("magma"), framewise=True, **plane("Pattern at the probe", unit))

    def _probabilities(self, colormap: str) -> hv.DynamicMap:
        colors = class_colors(colormap)

        def draw(row: int, column: int) -> hv.Bars:
            values = self.prediction["probability"].values[row, column]
            return hv.Bars(list(zip(colors, values, strict=True)), "direction", "probability")

        style = {"color": hv.dim("direction").categorize(colors), "frame_height": SIDE_PX, "ylim": (0, 1), "xlabel": ""}
        return hv.DynamicMap(draw, streams=[self._probe]).opts(invert_axes=True, invert_yaxis=True, **style, **plain("Probabilities"))

    def _readout(self, row: int, column: int) -> hv.Div:
        here = self.prediction.isel(scan_y=row, scan_x=column)
        lines = [
            f"position ({row}, {column})",
            f"y {self._rows[row]:.3g}, x {self._columns[column]:.3g} {self._unit}",
            f"{NAMES[int(here['probability'].values.argmax())]}, {float(here['direction_deg']):.0f}°",
            f"confidence {float(here['confidence']):.2f}",
        ]
        if "displacement_pm" in here:
            error = f" ± {float(here['displacement_error_pm']):.1f}" if "displacement_error_pm" in here else ""
            lines.append(f"displacement {float(here['displacement_pm']):.1f}{error} pm")
        return hv.Div("\n".join(lines))

    # state

    def _within(self, probe: tuple[int, int]) -> tuple[int, int]:
        return min(max(0, probe[0]), len(self._rows) - 1), min(max(0, probe[1]), len(self._columns) - 1)

    def _probe_moved(self, change: Any) -> None:
        row, column = self._within(change["new"])
        self._probe.event(row=row, column=column)

    def _tapped(self, x: float | None, y: float | None) -> None:
        if x is not None and y is not None:
            self.state.probe = (int(np.abs(self._rows - y).argmin()), int(np.abs(self._columns - x).argmin()))


def _checked(prediction: xr.Dataset, cube: xr.DataArray | None) -> xr.Dataset:
    missing = [name for name in ("direction_deg", "probability", "confidence") if name not in prediction]
    if missing:
        raise ValueError(f"the prediction has no {', '.join(missing)}; expected a Dataset as pw.map_polarization makes it")
    if cube is not None:
        here, there = (tuple(labelled.sizes[dim] for dim in ("scan_y", "scan_x")) for labelled in (prediction, validate(cube)))
        if here != there:
            raise ValueError(f"the prediction covers {here} scan positions, the cube {there}; give the cube that was mapped")
    return prediction


def _scan_axes(prediction: xr.Dataset) -> tuple[NDArray[np.float64], NDArray[np.float64], str]:
    """Rows, columns and their unit: nm where calibrated, since scale bars want a metric unit."""
    rows, columns = (np.asarray(prediction[dim].values, float) for dim in ("scan_y", "scan_x"))
    if prediction["scan_x"].attrs.get("units", UNCALIBRATED) == UNCALIBRATED:
        return rows, columns, "px"
    return rows / 10, columns / 10, "nm"


def _steps(columns: NDArray[np.float64], rows: NDArray[np.float64]) -> tuple[float, float]:
    """Distance of neighbours along x and y; a line scan has square pixels."""
    found = [float(axis[-1] - axis[0]) / (len(axis) - 1) if len(axis) > 1 else 0.0 for axis in (columns, rows)]
    return found[0] or found[1] or 1.0, found[1] or found[0] or 1.0
