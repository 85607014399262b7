"""The Panel app: a scan, and where there is one its map, on one state.

``polwidgets app scan.zarr`` serves it, and so does ``panel serve polwidgets/app.py --args scan.zarr map.zarr``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import panel as pn
import xarray as xr

import polwidgets as pw
from polwidgets.widgets.browser_model import CubeBrowserModel
from polwidgets.widgets.cube_browser import CubeBrowserPane
from polwidgets.widgets.linked_maps import LinkedMaps


def view(scan: xr.DataArray, prediction: xr.Dataset | None = None) -> pn.viewable.Viewable:
    """The linked views of a scan, for one visitor.

    Parameters
    ----------
    scan : DataArray (scan_y, scan_x, ky, kx)
    prediction : Dataset on (scan_y, scan_x), optional
        Its map, as `pw.map_polarization` makes it.
    """
    model = CubeBrowserModel(scan)
    views: list[pn.viewable.Viewable | pn.viewable.Viewer] = [CubeBrowserPane(model)]
    if prediction is not None:
        views.append(LinkedMaps(prediction, cube=scan, state=model.state))
    return pn.Column(*views, sizing_mode="stretch_width", margin=16)


def serve(
    path: str | Path | None = None,
    port: int = 5006,
    address: str = "127.0.0.1",
    *,
    map_path: str | Path | None = None,
    show: bool = True,
) -> None:
    """Serve the app until it is interrupted.

    Parameters
    ----------
    path : path, optional
        Anything `pw.open_cube` opens; the bundled sample without it.
    port, address
        Where to listen; the default address is reached from this machine only.
    map_path : path, optional
        A map written by ``polwidgets map`` (zarr).
    show : bool
        Open a browser window.
    """
    pn.extension(inline=True)
    scan, prediction = _open(path, map_path)
    title = "polwidgets" if path is None else f"{Path(path).name} · polwidgets"
    origins = [f"{address}:{port}", f"localhost:{port}"]
    pn.serve(lambda: view(scan, prediction), port=port, address=address, websocket_origin=origins, show=show, title=title)


def _open(path: str | Path | None, map_path: str | Path | None = None) -> tuple[xr.DataArray, xr.Dataset | None]:
    scan = pw.sample("knn_wall") if path is None else pw.open_cube(path)
    return scan, None if map_path is None else xr.open_zarr(map_path).load()


if pn.state.served:
    pn.extension(inline=True)
    view(*_open(*sys.argv[1:3])).servable(title="polwidgets")
