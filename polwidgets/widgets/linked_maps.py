"""Maps of a prediction, side by side and linked: direction, confidence, virtual image, and what lies behind a position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import holoviews as hv
import numpy as np
import panel as pn
import xarray as xr
from holoviews.streams import BoundsXY, Lasso, Stream, Tap
from numpy.typing import NDArray

from polwidgets.cube.schema import UNCALIBRATED, validate
from polwidgets.directions import NAMES
from polwidgets.widgets.arrows import mean_arrows
from polwidgets.widgets.colors import COLORMAP, direction_colors
from polwidgets.widgets.geometry import (
    DetectorPixels,
    choose_detector,
    chosen_detector,
    detector_image,
    mrad_per_wave_number,
    region_mask,
    region_mean,
)
from polwidgets.widgets.map_region import correctness, shares, summarise
from polwidgets.widgets.map_style import (
    COLOR_BAR,
    LEGEND_PX,
    PROBE_COLOR,
    REGION_COLOR,
    RIGHT_WRONG,
    SIDE_PX,
    as_status,
    class_colors,
    color_list,
    load_extensions,
    plain,
    plane,
    wheel_legend,
)
from polwidgets.widgets.scan_frame import ScanFrame
from polwidgets.widgets.view_state import ViewState

DETECTOR_TRAITS: Final = tuple(f"detector_{name}" for name in DetectorPixels._fields)
Corners: TypeAlias = tuple[tuple[float, float], ...]
LARGEST_OUTLINE: Final = 64  # corners
SCALES: Final[dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "linear": lambda values: values,
    "sqrt": np.sqrt,
    "log": np.log1p,
}

ProbePosition = Stream.define("ProbePosition", row=0, column=0)
Region = Stream.define("Region", corners=None, shown=False)  # a default that is a tuple would fix its length
VirtualDetector = Stream.define("VirtualDetector", chosen=None)
PatternScale = Stream.define("PatternScale", scale="sqrt")


class LinkedMaps(pn.viewable.Viewer):
    """Maps that zoom together and answer a tap with the pattern and the eight probabilities.

    The toolbars' box and lasso select a region: pattern and probabilities become its means, and where the truth is known
    a confusion matrix says what is taken for what in it.

    Parameters
    ----------
    prediction : Dataset on (scan_y, scan_x)
        ``direction_deg``, ``probability`` (scan_y, scan_x, direction), ``confidence``, and where known ``displacement_pm``
        and ``thickness_A``, as `pw.map_polarization` makes it.
    cube : DataArray (scan_y, scan_x, ky, kx), optional
        The scan itself: adds the virtual image and the pattern at the probe position.
    state : ViewState, optional
        Shared with other widgets; by default one of its own.
    truth : DataArray (scan_y, scan_x), optional
        True directions in degrees, NaN where unknown: adds their map, where the prediction is right (within 22.5 degrees),
        and the confusion matrix.
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
        truth: xr.DataArray | None = None,
        colormap: str = COLORMAP,
        arrows: int = 16,
    ) -> None:
        load_extensions()
        self.prediction = _checked(prediction, cube, truth)
        self.truth_deg = None if truth is None else np.asarray(truth.values, float)
        self.cube = cube
        self._frame = ScanFrame(prediction)
        self.state = ViewState(probe=(self._frame.shape[0] // 2, self._frame.shape[1] // 2)) if state is None else state
        row, column = self._frame.within(self.state.probe)
        self._probe = ProbePosition(row=row, column=column)
        self._region = Region(**self._chosen_region())
        self.state.observe(self._probe_moved, "probe")
        self.state.observe(lambda _: self._region.event(**self._chosen_region()), ["region", "pattern_of"])
        self._layout = self._lay_out(colormap, arrows)
        super().__init__()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def _lay_out(self, colormap: str, arrows: int) -> pn.viewable.Viewable:
        prediction = self.prediction
        views = [self._direction_map("Polarization direction", prediction["direction_deg"].values, colormap, arrows)]
        views.append(self._map(prediction["confidence"].values, "Confidence", "cividis", (0.0, 1.0)))
        if self.truth_deg is not None:
            views.append(self._direction_map("Truth", self.truth_deg, colormap, arrows))
            right = correctness(prediction["direction_deg"].values, self.truth_deg)
            views.append(self._map(right, "Within 22.5° of the truth", RIGHT_WRONG, (0.0, 1.0)))
        if self.cube is not None:
            views.append(self._virtual_image(self.cube))
        for name, title in (("displacement_pm", "Displacement (pm)"), ("thickness_A", "Thickness (Å)")):
            if name in self.prediction and float(self.prediction[name].max() - self.prediction[name].min()) > 0:
                views.append(self._map(prediction[name].values, title, "viridis"))
        if self.cube is not None:
            views.append(self._pattern(self.cube))
        views.append(self._probabilities(colormap))
        if self.truth_deg is not None:
            views.append(self._confusion())
        # a Panel pane of text would fetch its style sheets anew with every change, from outside
        readout = hv.DynamicMap(self._readout, streams=[self._probe, self._region]).opts(
            width=LEGEND_PX - 10, height=190, hooks=[as_status]
        )
        clear = pn.widgets.Button(label="Clear region", width=LEGEND_PX - 30, description="Back to the pattern at the probe position")
        clear.on_click(lambda _: self._select(()))
        legend = pn.Column(pn.pane.HoloViews(wheel_legend(colormap), linked_axes=False), readout, clear, width=LEGEND_PX)
        return pn.Row(legend, pn.GridBox(*map(pn.pane.HoloViews, views), ncols=3))

    # maps

    def _direction_map(self, title: str, direction: NDArray[np.float64], colormap: str, arrows: int) -> hv.DynamicMap:
        confidence = self.prediction["confidence"].values if title != "Truth" else np.isfinite(direction).astype(float)
        colors = direction_colors(direction, confidence, colormap=colormap)
        picture = self._frame.colors(colors).opts(**plane(title, self._frame.unit))
        layers = picture * self._frame.arrows(mean_arrows(direction, confidence, across=arrows)) if arrows else picture
        return self._tappable(picture, layers)

    def _map(self, values: NDArray[np.float64], title: str, colormap: str, limits: tuple[float, float] = (np.nan, np.nan)) -> hv.DynamicMap:
        image = self._frame.image(values, title)
        return self._tappable(image.opts(cmap=color_list(colormap), clim=limits, **COLOR_BAR, **plane(title, self._frame.unit)))

    def _virtual_image(self, cube: xr.DataArray) -> hv.DynamicMap:
        choose_detector(self.state, cube)
        detector = VirtualDetector(chosen=chosen_detector(self.state))
        self.state.observe(lambda _: detector.event(chosen=chosen_detector(self.state)), DETECTOR_TRAITS)

        def draw(chosen: DetectorPixels) -> hv.Image:
            return self._frame.image(detector_image(cube, chosen), "virtual image")

        images = hv.DynamicMap(draw, streams=[detector])
        return self._tappable(images, images.opts(cmap="gray", framewise=True, **COLOR_BAR, **plane("Virtual image", self._frame.unit)))

    def _tappable(self, source: Any, layers: Any = None) -> hv.DynamicMap:
        """The layers (by default the source alone) with probe position and region on top; a tap moves the one, a selection the other."""
        Tap(source=source).add_subscriber(self._tapped)
        BoundsXY(source=source).add_subscriber(self._boxed)
        Lasso(source=source).add_subscriber(self._lassoed)
        marker = hv.DynamicMap(self._frame.marker, streams=[self._probe]).opts(color=PROBE_COLOR, line_width=1.6, apply_ranges=False)
        outline = hv.DynamicMap(self._outline, streams=[self._region]).opts(color=REGION_COLOR, line_width=2.2, apply_ranges=False)
        return (source if layers is None else layers) * marker * outline

    def _outline(self, corners: Corners, shown: bool) -> hv.Segments:  # noqa: ARG002
        return self._frame.outline(corners)

    # what lies behind a position

    def _pattern(self, cube: xr.DataArray) -> hv.DynamicMap:
        mrad = mrad_per_wave_number(cube)
        unit = "mrad" if mrad else cube["kx"].attrs["units"].replace("angstrom", "Å").replace(UNCALIBRATED, "px")
        ky, kx = (cube[dim].values * (mrad or 1.0) for dim in ("ky", "kx"))
        dims = [hv.Dimension(name, unit=unit) for name in ("kx", "ky")]
        chosen = PatternScale(scale=self.state.pattern_scale)
        self.state.observe(lambda change: chosen.event(scale=change["new"]), "pattern_scale")

        def draw(row: int, column: int, corners: Corners, shown: bool, scale: str) -> hv.Image:
            region = corners if shown and self._mask(corners) is not None else ()
            pattern = region_mean(cube, region)[0] if region else np.asarray(cube.isel(scan_y=row, scan_x=column).values, float)
            return hv.Image((kx, ky, SCALES[scale](np.clip(pattern, 0, None))), kdims=dims, vdims=["intensity"])

        patterns = hv.DynamicMap(draw, streams=[self._probe, self._region, chosen])
        return patterns.opts(cmap=color_list("magma"), framewise=True, **plane("Pattern", unit))

    def _probabilities(self, colormap: str) -> hv.DynamicMap:
        colors = class_colors(colormap)

        def draw(row: int, column: int, corners: Corners, shown: bool) -> hv.Bars:
            mask = self._mask(corners) if shown else None
            probability = self.prediction["probability"].values
            values = probability[row, column] if mask is None else probability[mask].mean(0)
            return hv.Bars(list(zip(colors, values, strict=True)), "direction", "probability")

        style = {"color": hv.dim("direction").categorize(colors), "frame_height": SIDE_PX, "ylim": (0, 1), "xlabel": ""}
        return hv.DynamicMap(draw, streams=[self._probe, self._region]).opts(
            invert_axes=True, invert_yaxis=True, **style, **plain("Probabilities")
        )

    def _confusion(self) -> hv.DynamicMap:
        """True against predicted classes in the region, or in the whole scan: colours are shares of the true class."""
        dims = [hv.Dimension("predicted", label="predicted"), hv.Dimension("true", label="true")]
        ticks = list(enumerate(NAMES))

        def draw(corners: Corners, shown: bool) -> hv.Overlay:  # noqa: ARG001
            mask = self._mask(corners) if corners else None
            everywhere = np.ones(self.prediction["confidence"].shape, bool)
            counts = summarise(self.prediction, self.truth_deg, everywhere if mask is None else mask).confusion
            assert counts is not None
            places = np.argwhere(counts)
            texts = [(column, row, str(counts[row, column])) for row, column in places]
            squares = hv.Image((range(8), range(8), shares(counts)), kdims=dims, vdims=["share"])
            return squares * hv.Labels(texts, kdims=dims, vdims=["count"])

        return hv.DynamicMap(draw, streams=[self._region]).opts(
            hv.opts.Image(
                cmap=color_list("Blues")[:170], clim=(0, 1), invert_yaxis=True, frame_height=SIDE_PX, xticks=ticks, yticks=ticks,
                xrotation=45, **plain("Confusion, positions"),
            ),
            hv.opts.Labels(text_font_size="8pt", text_color="#111111"),
        )  # fmt: skip

    def _readout(self, row: int, column: int, corners: Corners, shown: bool) -> hv.Div:  # noqa: ARG002
        here = self.prediction.isel(scan_y=row, scan_x=column)
        lines = [
            f"position ({row}, {column})",
            f"y {self._frame.rows[row]:.3g}, x {self._frame.columns[column]:.3g} {self._frame.unit}",
            f"{NAMES[int(here['probability'].values.argmax())]}, {float(here['direction_deg']):.0f}°",
            f"confidence {float(here['confidence']):.2f}",
        ]
        if "displacement_pm" in here:
            error = f" ± {float(here['displacement_error_pm']):.1f}" if "displacement_error_pm" in here else ""
            lines.append(f"displacement {float(here['displacement_pm']):.1f}{error} pm")
        if self.truth_deg is not None:
            lines.append(f"truth {self.truth_deg[row, column]:.0f}°")
        return hv.Div("\n".join(lines + self._region_lines(corners)))

    def _region_lines(self, corners: Corners) -> list[str]:
        if not corners:
            return []
        mask = self._mask(corners)
        if mask is None:
            return ["", "The region holds no position:", "draw a larger one."]
        found = summarise(self.prediction, self.truth_deg, mask)
        lines = ["", f"region of {found.positions} positions", f"mean confidence {found.confidence:.2f}"]
        return [*lines, f"right {found.correct:.1%}"] if self.truth_deg is not None else lines

    # state

    def _chosen_region(self) -> dict[str, Any]:
        return {"corners": self.state.region, "shown": self.state.pattern_of == "region" and bool(self.state.region)}

    def _mask(self, corners: Corners) -> NDArray[np.bool_] | None:
        """Positions in a region; None where there are none."""
        try:
            return region_mask(corners, self._frame.shape)
        except ValueError:
            return None

    def _select(self, corners: Corners) -> None:
        with self.state.hold_trait_notifications():
            self.state.region = corners
            self.state.pattern_of = "region" if corners else "probe"

    def _boxed(self, bounds: tuple[float, float, float, float] | None) -> None:
        if bounds is not None:
            left, top, right, bottom = bounds
            self._lassoed(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]))

    def _lassoed(self, geometry: NDArray[np.float64] | None) -> None:
        """Corners (x, y) in the maps' units."""
        if geometry is not None and len(geometry) >= 3:
            few = geometry[:: -(-len(geometry) // LARGEST_OUTLINE)]
            self._select(self._frame.pixels(few))

    def _probe_moved(self, change: Any) -> None:
        row, column = self._frame.within(change["new"])
        self._probe.event(row=row, column=column)

    def _tapped(self, x: float | None, y: float | None) -> None:
        if x is not None and y is not None:
            with self.state.hold_trait_notifications():
                self.state.probe = self._frame.nearest(x, y)
                self.state.pattern_of = "probe"


def _checked(prediction: xr.Dataset, cube: xr.DataArray | None, truth: xr.DataArray | None) -> xr.Dataset:
    missing = [name for name in ("direction_deg", "probability", "confidence") if name not in prediction]
    if missing:
        raise ValueError(f"the prediction has no {', '.join(missing)}; expected a Dataset as pw.map_polarization makes it")
    for name, other in (("cube", None if cube is None else validate(cube)), ("truth", truth)):
        if other is not None:
            here, there = (tuple(labelled.sizes[dim] for dim in ("scan_y", "scan_x")) for labelled in (prediction, other))
            if here != there:
                raise ValueError(f"the prediction covers {here} scan positions, the {name} {there}; give the {name} that was mapped")
    return prediction
