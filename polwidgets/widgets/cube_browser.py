"""The cube browser in its two hosts: Jupyter (anywidget) and Panel."""

from __future__ import annotations

from typing import Any, Final

import xarray as xr

from polwidgets.widgets.browser_model import CubeBrowserModel
from polwidgets.widgets.host import BrowserPane, BrowserWidget, browser_module
from polwidgets.widgets.view_state import ViewState

ESM: Final = browser_module(
    "maths.mjs", "detectors.mjs", "regions.mjs", "arrows.mjs", "preview.mjs", "requests.mjs", "canvas_view.mjs", "overlays.mjs",
    "scan_panel.mjs", "pattern_panel.mjs", "cube_browser.mjs",
)  # fmt: skip


class CubeBrowserPane(BrowserPane):
    """A `CubeBrowserModel` as a Panel component."""

    _esm = ESM


class CubeBrowser(BrowserWidget):
    """Scan image and pattern side by side, live.

    Drag on the scan image, or use the arrow keys, to move the probe; drag the virtual detector on the pattern, or its
    edges, to see its image. While something moves the browser draws from a preview of the cube that it holds; as soon as
    it rests, exact values come from Python.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
        Lazy cubes are read only where somebody looks, and row by row for the preview.
    state : ViewState, optional
        Shared with other widgets; by default one of its own. ``browser.state.probe`` is the probe position.
    **options
        ``preview_MB`` (64): budget of the copy that the browser holds; a cube that does not fit is binned on the detector,
        and the widget says so. ``pattern_colormap`` ("magma"), ``scan_colormap`` ("gray"): names known to `cmap`.

    Notes
    -----
    Under ``panel serve`` the same object shows itself as a Panel component, for example in ``pn.Row(pw.CubeBrowser(cube))``.
    """

    _esm = ESM
    _pane = CubeBrowserPane

    def __init__(self, cube: xr.DataArray, *, state: ViewState | None = None, **options: Any) -> None:
        model = CubeBrowserModel(cube, state=state, **options)
        super().__init__(model)
        self.state = model.state
