"""What the explorers of errors, gap and defects share: a scan, its match and its map, and work that needs them."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import param
import xarray as xr

from polwidgets.cube.schema import validate
from polwidgets.match.matching import match
from polwidgets.match.specimen import SpecimenFit
from polwidgets.progress import Progress
from polwidgets.widgets.map_style import load_extensions
from polwidgets.widgets.picture import Picture
from polwidgets.widgets.view import View
from polwidgets.widgets.view_state import ViewState
from polwidgets.widgets.worker import Worker
from polwidgets.workflow import map_polarization


class AnalysisView(View):
    """A view of what an analysis finds, done when its button is pressed."""

    prediction = param.ClassSelector(class_=xr.Dataset, default=None, allow_None=True, doc="The map that is explained.")
    specimen = param.Parameter(default=None, doc="The match that it rests on.")

    def __init__(
        self,
        cube: xr.DataArray,
        *,
        prediction: xr.Dataset | None = None,
        specimen: SpecimenFit | None = None,
        crystal: Any = "knn",
        state: ViewState | None = None,
    ) -> None:
        load_extensions()
        super().__init__(prediction=prediction, specimen=specimen)
        self.cube = validate(cube)
        self.crystal = crystal
        self.state = ViewState(probe=(cube.sizes["scan_y"] // 2, cube.sizes["scan_x"] // 2)) if state is None else state
        self.worker = Worker()
        self._start = pn.widgets.Button(label="Analyse", color="primary", width=110)
        self.worker.param.watch(lambda event: setattr(self._start, "disabled", event.new), "busy")

    def matched(self, progress: Progress) -> SpecimenFit:
        """The match, made where there is none yet."""
        return match(self.cube, crystal=self.crystal, progress=progress) if self.specimen is None else self.specimen

    def mapped(self, specimen: SpecimenFit, progress: Progress) -> xr.Dataset:
        """The map with unit-cell context that all else is measured against: the one shown, where it has it."""
        shown = self.prediction
        if shown is not None and shown.attrs.get("context") == "unit_cell":
            return shown
        return map_polarization(self.cube, crystal=specimen.crystal, specimen=specimen, progress=progress)

    def check(self) -> xr.Dataset:
        """The map that is shown; what does not fit the scan is refused."""
        if self.prediction is None:
            raise ValueError("there is no map yet: train and map first")
        shape = tuple(self.prediction.sizes.get(dim, 0) for dim in ("scan_y", "scan_x"))
        if shape != self.cube.shape[:2]:
            raise ValueError(f"the prediction covers {shape} scan positions, the scan {self.cube.shape[:2]}; give a map of this scan")
        return self.prediction

    def probe(self) -> tuple[int, int]:
        """The probe position, within the scan."""
        row, column = self.state.probe
        return min(row, self.cube.sizes["scan_y"] - 1), min(column, self.cube.sizes["scan_x"] - 1)

    def scan_picture(self, title: str, colormap: str, side: int = 220) -> Picture:
        """A picture of the scan, in which a tap moves the probe."""
        height, width = self.cube.shape[:2]
        picture = Picture(title, (-0.5, -0.5, width - 0.5, height - 0.5), colormap=colormap, side=side)
        picture.figure.axis.visible = False

        def tapped(x: float, y: float) -> None:
            if -0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5:
                self.state.probe = (min(round(y), height - 1), min(round(x), width - 1))

        picture.on_tap(tapped)
        return picture


def number(value: float, digits: int = 2) -> str:
    """A number as text; a word where there is none."""
    return f"{value:.{digits}f}" if np.isfinite(value) else "none"
