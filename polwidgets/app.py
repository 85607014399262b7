"""The Panel app: the explorer of a scan, the particles of an image, or a scene of atoms, with what may be opened above it.

``polwidgets app scan.zarr`` serves it, and so does ``panel serve polwidgets/app.py --args scan.zarr map.zarr``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final, TypeGuard

import panel as pn
import xarray as xr
from bokeh.io import curdoc
from panel.theme import DarkTheme

import polwidgets as pw
from polwidgets.segmentation.picture import as_picture
from polwidgets.widgets.explorer import Explorer
from polwidgets.widgets.form import note
from polwidgets.widgets.host import FOLDER
from polwidgets.widgets.map_style import load_extensions
from polwidgets.widgets.open_files import IMAGES, Folders, Recent
from polwidgets.widgets.scene_builder import SceneBuilder
from polwidgets.widgets.segmentation_explorer import SegmentationExplorer
from polwidgets.widgets.text import Text

SCENE: Final = "build a scene of atoms"
SCALES: Final = {"100 %": 1.0, "125 %": 1.25, "150 %": 1.5, "200 %": 2.0}
DISCONNECTED: Final = "The server does not answer any more. What is shown stays, but nothing new is computed: start it again and reload."
SWITCH_THEME: Final = """
const page = new URL(window.location);
page.searchParams.set("theme", page.searchParams.get("theme") === "dark" ? "default" : "dark");
window.location = page;
"""
STYLE: Final = (
    "body { margin: 0 12px; font-family: system-ui, sans-serif; } :focus-visible { outline: 2px solid #35a0ff; outline-offset: 1px; }"
)


class App:
    """One visitor's page.

    Parameters
    ----------
    folders : Folders
        What may be opened.
    path : path, optional
        The scan or image to begin with; the bundled sample without it.
    map_path : path, optional
        The scan's map, written by ``polwidgets map`` or ``polwidgets strain`` (zarr).
    recent : Recent, optional
        Where opened files are remembered.
    """

    def __init__(
        self, folders: Folders, path: str | Path | None = None, map_path: str | Path | None = None, *, recent: Recent | None = None
    ) -> None:
        self.folders, self.recent = folders, Recent() if recent is None else recent
        self.explorer: Explorer | SegmentationExplorer | SceneBuilder | None = None
        self._trouble = note(error=True)
        self._place = pn.Column(sizing_mode="stretch_width")
        low = {"margin": (4, 4), "height": 30}
        self._choose = pn.widgets.Select(width=280, groups=self._choices(), value=None, **low)
        self._path = pn.widgets.TextInput(placeholder="open a path, and press enter", width=280, **low)
        scale = pn.widgets.Select(options=SCALES, width=90, **low)
        scale.jscallback(value=f"const size = cb_obj.value;\n{_page_size()}")
        theme = pn.widgets.Button(label="Dark / light", width=100, **low)
        theme.js_on_click(code=SWITCH_THEME)
        self._choose.param.watch(lambda event: self.open(event.new) if event.new else None, "value")
        self._path.param.watch(lambda event: self.open(event.new) if event.new else None, "value")
        head = pn.Row(
            Text(value="Open"), self._choose, self._path, pn.HSpacer(), Text(value="Size"), scale, theme, sizing_mode="stretch_width"
        )
        self.page = pn.Column(head, self._trouble, self._place, sizing_mode="stretch_width")
        if pn.config.theme == "dark" and pn.state.curdoc is not None:
            # Panel darkens figures before they are on the page, whose own theme then makes them light again
            pn.state.curdoc.theme = DarkTheme().bokeh_theme
        self.open(path, map_path)

    def open(self, path: str | Path | None, map_path: str | Path | None = None) -> None:
        """Show another scan or image; what cannot or may not be opened is said above the one that stays."""
        try:
            file = None if path in (None, SCENE) else self.folders.allowed(path)
            self.explorer = SceneBuilder() if path == SCENE else self._explorer(file, map_path)
        except Exception as error:  # noqa: BLE001 whatever is wrong with a file is shown where the user looks
            self._trouble.value = f"{type(error).__name__}: {error}"
            return
        self._trouble.value = ""
        self._place[:] = [self.explorer]
        if file is not None:
            self.recent.add(file)

    def _explorer(self, file: Path | None, map_path: str | Path | None) -> Explorer | SegmentationExplorer:
        if is_image(file):
            return SegmentationExplorer(file, allowed=self.folders.allowed)
        found = None if map_path is None else xr.open_zarr(self.folders.allowed(map_path)).load()
        scan = pw.sample("knn_wall") if file is None else file
        strained = found is not None and "e_xx" in found
        return Explorer(scan, prediction=None if strained else found, strain=found if strained else None)

    def _choices(self) -> dict[str, dict[str, str]]:
        lately = [path for path in self.recent.read() if any(path.is_relative_to(root) for root in self.folders.roots) and path.exists()]
        groups = {"opened lately": lately, "in the folder": self.folders.files()}
        named = {name: {self._shown(path): str(path) for path in paths} for name, paths in groups.items() if paths}
        return {"": {"…": "", SCENE: SCENE}, **named}

    def _shown(self, path: Path) -> str:
        root = next(root for root in self.folders.roots if path.is_relative_to(root))
        return str(path.relative_to(root))


def serve(
    path: str | Path | None = None,
    port: int = 5006,
    address: str = "127.0.0.1",
    *,
    map_path: str | Path | None = None,
    show: bool = True,
    prefix: str = "",
    origin: str | None = None,
) -> None:
    """Serve the app until it is interrupted.

    Parameters
    ----------
    path : path, optional
        Anything `pw.open_cube` opens, an image, or a folder to choose from; the bundled sample without it. Only files in its
        folder, and in the map's, can be opened on the page.
    port, address
        Where to listen; the default address is reached from this machine only.
    map_path : path, optional
        A map written by ``polwidgets map`` or ``polwidgets strain`` (zarr).
    show : bool
        Open a browser window.
    prefix : str
        Path of the app's address, where a proxy serves it below its own.
    origin : str, optional
        Host and port as the visitors' browsers know them, ``*`` for any; by default those of `address` and `port`.
    """
    _load()
    folders, path = _folders(path, map_path)
    if path is not None:
        # what cannot be opened is said here, before anybody visits
        (as_picture if is_image(path) else pw.open_cube)(folders.allowed(path))
    title = "polwidgets" if path is None else f"{Path(path).name} · polwidgets"
    origins = [f"{address}:{port}", f"localhost:{port}"] if origin is None else [origin]
    where = {"port": port, "address": address, "websocket_origin": origins, "prefix": prefix}

    def page() -> pn.viewable.Viewable:
        # Bokeh serves its own /favicon.ico at the root alone, whatever the prefix
        curdoc().template_variables["app_favicon"] = "static/extensions/panel/images/favicon.ico"
        return App(folders, path, map_path).page

    pn.serve(page, show=show, title=title, **where)


def is_image(path: str | Path | None) -> TypeGuard[str | Path]:
    """Whether a file is shown as an image of particles; scans have other endings."""
    return path is not None and Path(path).suffix.lower() in IMAGES


def _folders(path: str | Path | None, map_path: str | Path | None) -> tuple[Folders, Path | None]:
    """What may be opened, and the scan to begin with: a folder that is no scan is one to choose from."""
    start = None if path is None else Path(path).absolute()
    choose = start is not None and start.is_dir() and start.suffix != ".zarr" and not any(start.glob("*.tif*"))
    given = [start if choose or start is None else start.parent, None if map_path is None else Path(map_path).absolute().parent]
    return Folders([folder for folder in given if folder is not None] or [Path.cwd()]), None if choose else start


def _page_size() -> str:
    """The script that shows the page larger."""
    return (FOLDER / "page_size.js").read_text(encoding="utf-8")


def _load() -> None:
    load_extensions()
    pn.config.raw_css.append(STYLE)
    pn.config.disconnect_notification = DISCONNECTED


if pn.state.served:
    _load()
    _given: tuple[str | None, ...] = (*sys.argv[1:3], None, None)
    _allowed, _start = _folders(*_given[:2])
    App(_allowed, _start, _given[1]).page.servable(title="polwidgets")
