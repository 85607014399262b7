"""Maps of a prediction, side by side and linked: direction, confidence, virtual image, and what lies behind a position."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import panel as pn
import xarray as xr

from polwidgets.cube.schema import validate
from polwidgets.widgets.colors import COLORMAP
from polwidgets.widgets.form import note
from polwidgets.widgets.map_sheet import FOLLOWED, MapSheet
from polwidgets.widgets.map_style import load_extensions
from polwidgets.widgets.view_state import ViewState


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
        super().__init__()
        missing = [name for name in ("direction_deg", "probability", "confidence") if name not in prediction]
        if missing:
            raise ValueError(f"the prediction has no {', '.join(missing)}; expected a Dataset as pw.map_polarization makes it")
        self.prediction, self.cube = prediction, None if cube is None else validate(cube)
        self.truth_deg = None if truth is None else np.asarray(truth.values, float)
        self.trouble = _mismatch(prediction, {"cube": cube, "truth": truth})
        middle = prediction.sizes["scan_y"] // 2, prediction.sizes["scan_x"] // 2
        self.state = ViewState(probe=middle) if state is None else state
        self._colormap, self._arrows = colormap, arrows
        # a sheet lives as long as it is on a page: its figures hold it by what they call
        self._sheets: weakref.WeakSet[MapSheet] = weakref.WeakSet()
        self.state.observe(self._follow, FOLLOWED)

    def __panel__(self) -> pn.viewable.Viewable:
        if self.trouble:
            return note(self.trouble, error=True)
        sheet = MapSheet(self.prediction, self.cube, self.truth_deg, self.state, self._colormap, self._arrows)
        self._sheets.add(sheet)
        return sheet.layout

    def _follow(self, _: Any) -> None:
        for sheet in list(self._sheets):
            sheet.show()


def _mismatch(prediction: xr.Dataset, others: dict[str, xr.DataArray | None]) -> str:
    """What is wrong where scan or truth are not those of the map; empty where they are."""
    here = tuple(prediction.sizes[dim] for dim in ("scan_y", "scan_x"))
    for name, other in others.items():
        there = here if other is None else tuple(other.sizes[dim] for dim in ("scan_y", "scan_x"))
        if here != there:
            return f"The map covers {here} scan positions, the {name} {there}: give the {name} that belongs to this map."
    return ""
