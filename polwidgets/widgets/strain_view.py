"""Disks and strain of one scan, above each other on one state: what the explorer's tab holds."""

from __future__ import annotations

from typing import Any

import panel as pn
import param
import traitlets
import xarray as xr

from polwidgets.widgets.disk_explorer import DiskExplorerPane
from polwidgets.widgets.disk_explorer_model import DiskExplorerModel
from polwidgets.widgets.map_style import load_extensions
from polwidgets.widgets.strain_maps import StrainMapsPane
from polwidgets.widgets.strain_maps_model import StrainMapsModel
from polwidgets.widgets.view_state import ViewState


class StrainView(pn.viewable.Viewer):
    """The disk explorer, and below it the strain maps once there are some.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
    strain : Dataset on (scan_y, scan_x), optional
        Maps made before.
    state : ViewState
    """

    strain = param.ClassSelector(class_=xr.Dataset, default=None, allow_None=True, doc="The maps that are shown.")

    def __init__(self, cube: xr.DataArray, *, strain: xr.Dataset | None = None, state: ViewState) -> None:
        load_extensions()
        super().__init__()
        self.cube, self.state = cube, state
        self.disks = DiskExplorerModel(cube, state=state)
        self._links: list[traitlets.link] = []
        self._column = pn.Column(DiskExplorerPane(self.disks), sizing_mode="stretch_width", margin=0)
        self.disks.observe(lambda change: setattr(self, "strain", change["new"]), "strain")
        self.param.watch(self._show, "strain")
        self.strain = strain

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    def _show(self, *_: Any) -> None:
        for link in self._links:
            link.unlink()
        if self.strain is None:
            self._column[1:] = []
            return
        # a state of their own, which can be cut off when these maps are replaced
        own = ViewState(probe=self.state.probe)
        self._links = [traitlets.link((self.state, "probe"), (own, "probe"))]
        self._column[1:] = [StrainMapsPane(StrainMapsModel(self.strain, cube=self.cube, state=own))]
