"""The cube browser in its two hosts: Jupyter (anywidget) and Panel."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Final

import anywidget
import param
import traitlets
import xarray as xr
from panel.custom import AnyWidgetComponent

from polwidgets.widgets.browser_model import SYNCED, CubeBrowserModel
from polwidgets.widgets.view_state import ViewState

FOLDER: Final = Path(__file__).parent / "js"


def browser_module(*names: str) -> str:
    """One ES module out of several of the folder js, since a host takes a single file.

    Modules come in the order in which they need each other; their relative imports are left out, because what they name
    is then in the same file. On disk they stay apart, so that Node can test them.
    """
    lines = (line for name in names for line in (FOLDER / name).read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if not (line.startswith("import ") and ' from "./' in line))


ESM: Final = browser_module("maths.mjs", "preview.mjs", "requests.mjs", "canvas_view.mjs", "overlays.mjs", "cube_browser.mjs")
CSS: Final = (FOLDER / "cube_browser.css").read_text(encoding="utf-8")


class CubeBrowser(anywidget.AnyWidget):
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
    _css = CSS
    scene = traitlets.Dict().tag(sync=True)
    view = traitlets.Dict().tag(sync=True)
    request = traitlets.Dict().tag(sync=True)
    reply = traitlets.Dict().tag(sync=True)

    def __init__(self, cube: xr.DataArray, *, state: ViewState | None = None, **options: Any) -> None:
        self.model = CubeBrowserModel(cube, state=state, **options)
        self.state = self.model.state
        super().__init__(**{name: getattr(self.model, name) for name in SYNCED})
        for name in SYNCED:
            traitlets.link((self.model, name), (self, name))

    def __panel__(self) -> CubeBrowserPane:
        return CubeBrowserPane(self.model)


class CubeBrowserPane(AnyWidgetComponent):
    """A `CubeBrowserModel` as a Panel component."""

    _esm = ESM
    _stylesheets: ClassVar = [CSS]
    scene = param.Dict(default={})
    view = param.Dict(default={})
    request = param.Dict(default={})
    reply = param.Dict(default={})

    def __init__(self, model: CubeBrowserModel, **layout: Any) -> None:
        super().__init__(**{name: getattr(model, name) for name in SYNCED}, **{"sizing_mode": "stretch_width", **layout})
        for name in SYNCED:
            model.observe(lambda change: self.param.update(**{change["name"]: change["new"]}), name)
            self.param.watch(lambda event: model.set_trait(event.name, event.new), name)
