"""Strain maps in their two hosts: Jupyter (anywidget) and Panel."""

from __future__ import annotations

from typing import ClassVar, Final

import xarray as xr

from polwidgets.widgets.disk_explorer import STYLE
from polwidgets.widgets.host import BrowserPane, BrowserWidget, browser_module
from polwidgets.widgets.strain_maps_model import StrainMapsModel
from polwidgets.widgets.view_state import ViewState

ESM: Final = browser_module(
    "maths.mjs", "requests.mjs", "canvas_view.mjs", "controls.mjs", "overlays.mjs", "zoom.mjs", "lattice.mjs", "strain.mjs",
    "ink_plot.mjs", "strain_plots.mjs", "strain_maps.mjs",
)  # fmt: skip


class StrainMapsPane(BrowserPane):
    """A `StrainMapsModel` as a Panel component."""

    _esm = ESM
    _stylesheets: ClassVar = [STYLE]


class StrainMaps(BrowserWidget):
    """Maps of strain and rotation that zoom together, with their errors, and why a position has none.

    The three strains share one diverging scale about zero. At the probe: the numbers, the deformation of the unit cell
    (exaggerated; the unstrained one dashed), and the pattern with its fitted lattice; along a line: a profile with errors. The
    x axis may be turned: the scan's, the cell's, any.

    Parameters
    ----------
    strain : Dataset on (scan_y, scan_x)
        As `pw.strain_map` makes it.
    cube : DataArray (scan_y, scan_x, ky, kx), optional
        The scan itself: adds the pattern at the probe position.
    state : ViewState, optional
        Shared with other widgets: dragging on a map moves the probe.
    """

    _esm = ESM
    _css = STYLE
    _pane = StrainMapsPane

    def __init__(self, strain: xr.Dataset, cube: xr.DataArray | None = None, state: ViewState | None = None) -> None:
        model = StrainMapsModel(strain, cube=cube, state=state)
        super().__init__(model)
        self.state = model.state
