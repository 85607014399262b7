"""One display of linked maps: its figures, and what of them changes when the state does."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import panel as pn
import xarray as xr
from numpy.typing import NDArray

from polwidgets.directions import NAMES
from polwidgets.widgets.arrows import mean_arrows
from polwidgets.widgets.geometry import DetectorPixels, choose_detector, chosen_detector, detector_image, region_mask, region_mean
from polwidgets.widgets.map_figures import MapFigures, MapOfValues
from polwidgets.widgets.map_region import RegionSummary, correctness, summarise
from polwidgets.widgets.map_style import LEGEND_PX, RIGHT_WRONG, SIDE_PX, wheel_legend
from polwidgets.widgets.picture import SCALES, Picture, pattern_extent
from polwidgets.widgets.position_figures import ConfusionFigure, ProbabilityBars
from polwidgets.widgets.scan_frame import ScanFrame
from polwidgets.widgets.text import status_text
from polwidgets.widgets.view_state import ViewState

FOLLOWED: Final = ("probe", "region", "pattern_of", "pattern_scale", *(f"detector_{name}" for name in DetectorPixels._fields))
LARGEST_OUTLINE: Final = 64  # corners
Corners: TypeAlias = tuple[tuple[float, float], ...]


class ScanFigures(NamedTuple):
    """A scan, and what is drawn of it."""

    cube: xr.DataArray
    virtual: MapOfValues
    pattern: Picture


class MapSheet:
    """The figures of `LinkedMaps`, made for one display, since Bokeh's models belong to one page.

    Every change of the state is sent as one message, and only with what it changes.

    Parameters
    ----------
    prediction, cube, truth_deg, colormap, arrows
        See `LinkedMaps`; ``truth_deg`` is an array (scan_y, scan_x).
    state : ViewState
        Moved by taps and selections.
    """

    def __init__(
        self,
        prediction: xr.Dataset,
        cube: xr.DataArray | None,
        truth_deg: NDArray[np.float64] | None,
        state: ViewState,
        colormap: str,
        arrows: int,
    ) -> None:
        self._prediction, self._truth_deg, self._state = prediction, truth_deg, state
        self._frame = ScanFrame(prediction)
        self.maps = MapFigures(self._frame, self._tapped, self._selected)
        self.bars = ProbabilityBars(colormap)
        self.confusion = None if truth_deg is None else ConfusionFigure()
        self.readout = status_text(LEGEND_PX - 10, 190)
        self.scan = None if cube is None else self._scan_figures(cube)
        figures = self._map_figures(colormap, arrows)
        figures += [] if self.scan is None else [self.scan.pattern.figure]
        figures += [self.bars.figure] if self.confusion is None else [self.bars.figure, self.confusion.figure]
        views = [pn.pane.Bokeh(figure, margin=2) for figure in figures]
        clear = pn.widgets.Button(label="Clear region", width=LEGEND_PX - 30, description="Back to the pattern at the probe position")
        clear.on_click(lambda _: self._select(()))
        legend = pn.Column(pn.pane.Bokeh(wheel_legend(colormap)), pn.pane.Bokeh(self.readout), clear, width=LEGEND_PX)
        self.layout = pn.Row(legend, pn.GridBox(*views, ncols=3))
        self._shown: dict[str, Any] = {}
        self.show()

    def _scan_figures(self, cube: xr.DataArray) -> ScanFigures:
        choose_detector(self._state, cube)
        extent, unit = pattern_extent(cube)
        virtual = self.maps.values("Virtual image", np.zeros(self._frame.shape), "gray")
        return ScanFigures(cube, virtual, Picture("Pattern", extent, unit=unit, side=SIDE_PX))

    def _map_figures(self, colormap: str, arrows: int) -> list[Any]:
        prediction, draw = self._prediction, self.maps
        direction, confidence = (np.asarray(prediction[name].values, float) for name in ("direction_deg", "confidence"))

        def directions(title: str, direction: NDArray[np.float64], confidence: NDArray[np.float64]) -> Any:
            few = mean_arrows(direction, confidence, across=arrows) if arrows else None
            return draw.directions(title, direction, confidence, few, colormap=colormap)

        figures = [directions("Polarization direction", direction, confidence)]
        figures.append(draw.values("Confidence", confidence, "cividis", (0.0, 1.0)).figure)
        if self._truth_deg is not None:
            figures.append(directions("Truth", self._truth_deg, np.isfinite(self._truth_deg).astype(float)))
            right = correctness(direction, self._truth_deg)
            figures.append(draw.values("Within 22.5° of the truth", right, RIGHT_WRONG, (0.0, 1.0)).figure)
        if self.scan is not None:
            figures.append(self.scan.virtual.figure)
        for name, title in (("displacement_pm", "Displacement (pm)"), ("thickness_A", "Thickness (Å)")):
            if name in prediction and float(prediction[name].max() - prediction[name].min()) > 0:
                figures.append(draw.values(title, np.asarray(prediction[name].values, float), "viridis").figure)
        return figures

    # from the state to the page

    def show(self) -> None:
        """Draw what has changed since the last time."""
        state, changed = self._state, self._changed
        probe = self._frame.within(state.probe)
        if changed("region", state.region):
            self._mask = self._positions_in(state.region)
            self.maps.region.data = self._frame.outline(state.region)
            if self.confusion is not None:
                counts = self._summary(self._mask).confusion
                assert counts is not None
                self.confusion.show(counts)
        if changed("probe", probe):
            self.maps.probe.update(**self._frame.cross_hair(*probe))
        if changed("readout", (probe, state.region)):
            self.readout.text = "\n".join(self._position_lines(*probe) + self._region_lines())
        region = state.region if state.pattern_of == "region" and self._mask is not None else ()
        if changed("bars", (probe, region)):
            probability = self._prediction["probability"].values
            self.bars.show(probability[self._mask].mean(0) if region else probability[probe])
        if self.scan is not None:
            self._show_scan(*self.scan, probe, region)
        pn.io.push_notebook(self.layout)

    def _show_scan(self, cube: xr.DataArray, virtual: MapOfValues, picture: Picture, probe: tuple[int, int], region: Corners) -> None:
        scale, detector = self._state.pattern_scale, chosen_detector(self._state)
        if self._changed("virtual image", detector):
            virtual.draw(detector_image(cube, detector))
        if self._changed("pattern", (probe, region, scale)):
            pattern = region_mean(cube, region)[0] if region else np.asarray(cube[probe].values, float)
            picture.draw(SCALES[scale](np.clip(pattern, 0, None)))

    def _changed(self, what: str, wanted: Any) -> bool:
        """Whether something is not shown as it is wanted; from now on it is."""
        known = self._shown.get(what) == wanted
        self._shown[what] = wanted
        return not known

    def _positions_in(self, corners: Corners) -> NDArray[np.bool_] | None:
        """Positions in a region; None where there are none."""
        try:
            return region_mask(corners, self._frame.shape)
        except ValueError:
            return None

    def _summary(self, mask: NDArray[np.bool_] | None) -> RegionSummary:
        """Of a region, or of the whole scan."""
        everywhere = np.ones(self._frame.shape, bool)
        return summarise(self._prediction, self._truth_deg, everywhere if mask is None else mask)

    def _position_lines(self, row: int, column: int) -> list[str]:
        here = self._prediction.isel(scan_y=row, scan_x=column)
        lines = [
            f"position ({row}, {column})",
            f"y {self._frame.rows[row]:.3g}, x {self._frame.columns[column]:.3g} {self._frame.unit}",
            f"{NAMES[int(here['probability'].values.argmax())]}, {float(here['direction_deg']):.0f}°",
            f"confidence {float(here['confidence']):.2f}",
        ]
        if "displacement_pm" in here:
            error = f" ± {float(here['displacement_error_pm']):.1f}" if "displacement_error_pm" in here else ""
            lines.append(f"displacement {float(here['displacement_pm']):.1f}{error} pm")
        if self._truth_deg is not None:
            lines.append(f"truth {self._truth_deg[row, column]:.0f}°")
        return lines

    def _region_lines(self) -> list[str]:
        if not self._state.region:
            return []
        if self._mask is None:
            return ["", "The region holds no position:", "draw a larger one."]
        found = self._summary(self._mask)
        lines = ["", f"region of {found.positions} positions", f"mean confidence {found.confidence:.2f}"]
        return [*lines, f"right {found.correct:.1%}"] if self._truth_deg is not None else lines

    # from the page to the state

    def _tapped(self, probe: tuple[int, int]) -> None:
        with self._state.hold_trait_notifications():
            self._state.probe = probe
            self._state.pattern_of = "probe"

    def _selected(self, places: NDArray[np.float64]) -> None:
        if len(places) >= 3:
            few = places[:: -(-len(places) // LARGEST_OUTLINE)]
            self._select(self._frame.pixels(few))

    def _select(self, corners: Corners) -> None:
        with self._state.hold_trait_notifications():
            self._state.region = corners
            self._state.pattern_of = "region" if corners else "probe"
