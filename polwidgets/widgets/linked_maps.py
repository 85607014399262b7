"""Maps of a prediction, side by side and linked: direction, confidence, virtual image, and what lies behind a position."""

from __future__ import annotations

from typing import Any, Final

import cmap
import holoviews as hv
import numpy as np
import panel as pn
import xarray as xr
from holoviews.streams import Stream, Tap
from numpy.typing import NDArray

from polwidgets.cube.reduce import virtual_image
from polwidgets.cube.schema import UNCALIBRATED, validate
from polwidgets.directions import ANGLES_DEG, NAMES
from polwidgets.widgets.arrows import mean_arrows
from polwidgets.widgets.colors import COLORMAP, direction_colors, wheel
from polwidgets.widgets.geometry import choose_detector, detector_on, mrad_per_wave_number
from polwidgets.widgets.view_state import ViewState

SIDE_PX: Final = 215
ARROWS: Final = ("→", "↗", "↑", "↖", "←", "↙", "↓", "↘")
PROBE_COLOR: Final = "#00b7ff"
DETECTOR_TRAITS: Final = ("detector_center", "detector_inner", "detector_outer")

ProbePosition = Stream.define("ProbePosition", row=0, column=0)
VirtualDetector = Stream.define("VirtualDetector", center=(0.0, 0.0), inner=0.0, outer=0.0)
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
        _load_extensions()
        self.prediction = _checked(prediction, cube)
        self.cube = cube
        self.colormap = colormap
        size = prediction.sizes
        self.state = ViewState(probe=(size["scan_y"] // 2, size["scan_x"] // 2)) if state is None else state
        self._rows, self._columns, self._unit = _scan_axes(prediction)
        self._probe = ProbePosition(row=self.state.probe[0], column=self.state.probe[1])
        self.state.observe(self._probe_moved, "probe")
        self._views = self._draw(arrows)
        super().__init__()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._views

    def _draw(self, arrows: int) -> pn.viewable.Viewable:
        maps = [self._direction_map(arrows), self._map("confidence", "Confidence", "cividis", limits=(0.0, 1.0))]
        if self.cube is not None:
            maps.append(self._virtual_image())
        for name, title, unit in (("displacement_pm", "Displacement", "pm"), ("thickness_A", "Thickness", "Å")):
            if name in self.prediction and float(self.prediction[name].max() - self.prediction[name].min()) > 0:
                maps.append(self._map(name, f"{title} ({unit})", "viridis"))
        behind = [] if self.cube is None else [self._pattern()]
        behind.append(hv.DynamicMap(self._probabilities, streams=[self._probe]).opts(**self._bars_style()))
        panes = [pn.pane.HoloViews(view, linked_axes=True) for view in (*maps, *behind)]
        legend = pn.Column(pn.pane.HoloViews(_wheel_legend(self.colormap), linked_axes=False), self._readout(), width=200)
        return pn.Row(legend, pn.FlexBox(*panes, gap="4px 8px"))

    # maps

    def _direction_map(self, arrows: int) -> hv.DynamicMap:
        direction, confidence = self.prediction["direction_deg"].values, self.prediction["confidence"].values
        colors = direction_colors(direction, confidence, colormap=self.colormap)
        picture = hv.RGB((self._columns, self._rows, *np.moveaxis(colors, -1, 0)), kdims=self._scan_dims())
        layers = picture.opts(title="Polarization direction", **self._map_style())
        if arrows:
            layers = layers * self._arrows(mean_arrows(direction, confidence, across=arrows))
        return self._tappable(picture, layers)

    def _arrows(self, arrows: Any) -> hv.Element:
        """Shaft and head of every arrow, as long as the distance of two at most."""
        step_y, step_x = self._rows[1] - self._rows[0], self._columns[1] - self._columns[0]
        spacing = np.diff(np.unique(arrows.row)).min(initial=np.inf)
        half = 0.42 * (spacing if np.isfinite(spacing) else 1.0)
        middle = np.stack([self._columns[0] + step_x * arrows.column, self._rows[0] + step_y * arrows.row])
        along = np.stack([step_x * arrows.right, step_y * arrows.down]) * half
        across = np.stack([along[1], -along[0]])
        tip, tail = middle + along, middle - along
        ends = [np.concatenate([tail, tip]), *(np.concatenate([tip, tip - 0.7 * along + sign * 0.4 * across]) for sign in (-1, 1))]
        return hv.Segments(tuple(np.concatenate(ends, axis=1)), kdims=["x0", "y0", "x1", "y1"]).opts(color="#1a1a1a", line_width=1.2, apply_ranges=False)

    def _map(self, name: str, title: str, colormap: str, limits: tuple[float, float] | None = None) -> hv.DynamicMap:
        image = hv.Image((self._columns, self._rows, self.prediction[name].values), kdims=self._scan_dims(), vdims=[name])
        image = image.opts(title=title, cmap=_colors(colormap), clim=limits or (np.nan, np.nan), **_COLORBAR, **self._map_style())
        return self._tappable(image, image)

    def _virtual_image(self) -> hv.DynamicMap:
        choose_detector(self.state, self.cube)
        detector = VirtualDetector(**self._detector())
        self.state.observe(lambda _: detector.event(**self._detector()), DETECTOR_TRAITS)

        def draw(center: tuple[float, float], inner: float, outer: float) -> hv.Image:
            image = virtual_image(self.cube, detector_on(self.cube, center, inner, outer)).values
            return hv.Image((self._columns, self._rows, image), kdims=self._scan_dims(), vdims=["virtual image"])

        images = hv.DynamicMap(draw, streams=[detector])
        styled = images.opts(title="Virtual image", cmap="gray", framewise=True, **_COLORBAR, **self._map_style())
        return self._tappable(images, styled)

    def _detector(self) -> dict[str, Any]:
        return {name.removeprefix("detector_"): getattr(self.state, name) for name in DETECTOR_TRAITS}

    def _tappable(self, source: Any, layers: Any) -> hv.DynamicMap:
        """The layers with the probe position on top; a tap moves it."""
        Tap(source=source).add_subscriber(self._tapped)
        marker = hv.DynamicMap(self._marker, streams=[self._probe])
        return layers * marker.opts(
            hv.opts.Points(marker="square", size=11, fill_alpha=0, line_color=PROBE_COLOR, line_width=2.5),
            hv.opts.HLine(color=PROBE_COLOR, line_width=0.8),
            hv.opts.VLine(color=PROBE_COLOR, line_width=0.8),
        )

    def _marker(self, row: int, column: int) -> hv.Overlay:
        x, y = self._columns[column], self._rows[row]
        return hv.HLine(y) * hv.VLine(x) * hv.Points([(x, y)], kdims=self._scan_dims())

    # what lies behind a position

    def _pattern(self) -> hv.DynamicMap:
        mrad = mrad_per_wave_number(self.cube)
        unit = "mrad" if mrad else self.cube["kx"].attrs["units"].replace("angstrom", "Å").replace("pixel", "px")
        ky, kx = (self.cube[dim].values * (mrad or 1.0) for dim in ("ky", "kx"))
        dims = [hv.Dimension("kx", unit=unit), hv.Dimension("ky", unit=unit)]
        scale = PatternScale(scale=self.state.pattern_scale)
        self.state.observe(lambda change: scale.event(scale=change["new"]), "pattern_scale")

        def draw(row: int, column: int, scale: str) -> hv.Image:
            pattern = np.asarray(self.cube.isel(scan_y=row, scan_x=column).values, float)
            shown = {"linear": lambda v: v, "sqrt": np.sqrt, "log": np.log1p}[scale](np.clip(pattern, 0, None))
            return hv.Image((kx, ky, shown), kdims=dims, vdims=["intensity"])

        patterns = hv.DynamicMap(draw, streams=[self._probe, scale])
        return patterns.opts(
            title="Pattern at the probe", cmap=_colors("magma"), framewise=True, invert_yaxis=True, data_aspect=1, frame_width=SIDE_PX, **_PLAIN
        )

    def _probabilities(self, row: int, column: int) -> hv.Bars:
        values = self.prediction["probability"].values[row, column]
        return hv.Bars([(f"{arrow} {name}", value) for arrow, name, value in zip(ARROWS, NAMES, values, strict=True)], "direction", "probability")

    def _bars_style(self) -> dict[str, Any]:
        colors = ["#%02x%02x%02x" % tuple(np.rint(color * 255).astype(int)) for color in direction_colors(ANGLES_DEG, colormap=self.colormap)]
        return {
            "title": "Probabilities", "ylim": (0, 1), "color": hv.dim("direction").categorize(
                {f"{arrow} {name}": color for arrow, name, color in zip(ARROWS, NAMES, colors, strict=True)}
            ),
            "frame_width": SIDE_PX, "frame_height": SIDE_PX, "xlabel": "", "invert_axes": True, "invert_yaxis": True, **_PLAIN,
        }  # fmt: skip

    def _readout(self) -> pn.pane.HTML:
        pane = pn.pane.HTML(self._text(), width=190)
        self.state.observe(lambda _: pane.param.update(object=self._text()), "probe")
        return pane

    def _text(self) -> str:
        here = self.prediction.isel(scan_y=self._probe.row, scan_x=self._probe.column)
        direction = float(here["direction_deg"])
        lines = [
            f"<b>position ({self._probe.row}, {self._probe.column})</b> · "
            f"y {self._rows[self._probe.row]:.3g}, x {self._columns[self._probe.column]:.3g} {self._unit}",
            f"direction {direction:.0f}°, confidence {float(here['confidence']):.2f}",
        ]
        if "displacement_pm" in here:
            error = f" ± {float(here['displacement_error_pm']):.1f}" if "displacement_error_pm" in here else ""
            lines.append(f"displacement {float(here['displacement_pm']):.1f}{error} pm")
        return f"<div role='status' aria-live='polite'>{'<br>'.join(lines)}</div>"

    # state

    def _probe_moved(self, change: Any) -> None:
        row, column = (min(max(0, index), len(axis) - 1) for index, axis in zip(change["new"], (self._rows, self._columns), strict=True))
        self._probe.event(row=row, column=column)

    def _tapped(self, x: float | None, y: float | None) -> None:
        if x is not None and y is not None:
            self.state.probe = (int(np.abs(self._rows - y).argmin()), int(np.abs(self._columns - x).argmin()))

    # style

    def _scan_dims(self) -> list[hv.Dimension]:
        return [hv.Dimension("scan_x", label="x", unit=self._unit), hv.Dimension("scan_y", label="y", unit=self._unit)]

    def _map_style(self) -> dict[str, Any]:
        bar = {"scalebar": True, "scalebar_unit": ("nm", "m"), "scalebar_location": "bottom_left", "scalebar_opts": _SCALEBAR} if self._unit == "nm" else {}
        return {"invert_yaxis": True, "data_aspect": 1, "frame_width": SIDE_PX, **bar, **_PLAIN}


def _without_logo(plot: Any, _: Any) -> None:
    plot.state.toolbar.logo = None


_PLAIN: Final = {"default_tools": ["pan", "wheel_zoom", "reset", "save"], "fontsize": {"title": "10.5pt", "labels": "9pt", "ticks": "8pt"}, "active_tools": [], "toolbar": "above", "hooks": [_without_logo]}
_COLORBAR: Final = {"colorbar": True, "colorbar_position": "bottom", "colorbar_opts": {"height": 8, "padding": 2}}


_SCALEBAR: Final = {
    "background_fill_alpha": 0.65, "border_line_alpha": 0, "padding": 3, "margin": 6, "bar_length": 0.25, "label_text_font_size": "8pt"
}  # fmt: skip


def _load_extensions() -> None:
    """Load HoloViews and Panel with their scripts inline, so that nothing is fetched; once a kernel."""
    if "bokeh" not in hv.Store.renderers or not pn.extension._loaded:
        hv.extension("bokeh", inline=True, logo=False)
        pn.extension(inline=True)


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


def _colors(name: str) -> list[str]:
    return [color.hex for color in cmap.Colormap(name).iter_colors(256)]


def _wheel_legend(colormap: str) -> hv.Overlay:
    """The colour wheel with the names of the eight directions around it."""
    picture = wheel(160, colormap=colormap)[::-1] / 255
    at = np.linspace(-1, 1, len(picture))
    angles = np.deg2rad(ANGLES_DEG)
    names = hv.Labels((1.28 * np.cos(angles), 1.28 * np.sin(angles), list(NAMES)))
    center = hv.Text(0, 0, "confidence\noutwards").opts(text_font_size="7pt", text_color="#555")
    ring = hv.RGB((at, at, *np.moveaxis(picture, -1, 0)), vdims=list(hv.RGB.vdims) + [hv.RGB.alpha_dimension])
    return (ring * names.opts(text_font_size="9pt", text_color="#555") * center).opts(
        hv.opts.Overlay(xaxis=None, yaxis=None, show_frame=False, frame_width=170, frame_height=170,
                        xlim=(-1.55, 1.55), ylim=(-1.55, 1.55), toolbar=None, default_tools=[])
    )  # fmt: skip
