"""What the cube browser knows and answers, whichever host shows it.

Its requests are a preview chunk, an exact pattern and an exact virtual image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import cmap
import numpy as np
import traitlets
import xarray as xr

from polwidgets.cube.schema import validate
from polwidgets.widgets.geometry import (
    DetectorPixels,
    beam_px,
    choose_detector,
    detector_image,
    mrad_per_wave_number,
    plane_axes,
    region_mean,
    semiangle_px,
    values_of,
)
from polwidgets.widgets.host import Answer, BrowserModel
from polwidgets.widgets.preview import plan_preview, quantised_rows
from polwidgets.widgets.view_state import ViewState

SAMPLED: Final = 9


class CubeBrowserModel(BrowserModel):
    """The cube browser without a host.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
        Lazy cubes are read only where somebody looks, and row by row for the preview.
    state : ViewState, optional
        Shared with other widgets; by default one of its own.
    compare : DataArray (scan_y, scan_x, ky, kx), optional
        A second cube of the same shape, shown at the same probe position: a simulation of the scan, another treatment of it.
    preview_MB : float
        Budget of the copy that the browser holds. A cube that does not fit is binned on the detector, and the widget says so.
    pattern_colormap, scan_colormap : str
        Names known to `cmap`.
    """

    def __init__(
        self,
        cube: xr.DataArray,
        *,
        state: ViewState | None = None,
        compare: xr.DataArray | None = None,
        preview_MB: float = 64,
        pattern_colormap: str = "magma",
        scan_colormap: str = "gray",
    ) -> None:
        super().__init__()
        self.cube = validate(cube)
        self.state = ViewState(probe=(cube.sizes["scan_y"] // 2, cube.sizes["scan_x"] // 2)) if state is None else state
        self.cubes = [self.cube] if compare is None else [self.cube, _comparable(validate(compare), cube)]
        # rows that are stored together travel together, so that no chunk is read twice
        self.plan = plan_preview(
            self.cube.shape, preview_MB * 2**20 / len(self.cubes), stored_together=cube.chunks[0][0] if cube.chunks else 1
        )
        choose_detector(self.state, cube)
        self.scene = {
            "scan": plane_axes(self.cube, "scan_y", "scan_x"),
            "detector": plane_axes(self.cube, "ky", "kx"),
            "beam_px": list(beam_px(cube)),
            "semiangle_px": semiangle_px(cube),
            "mrad_per_unit": mrad_per_wave_number(cube),
            "pattern_ranges": [_usual_range(one) for one in self.cubes],
            "scan_rotation_deg": float(cube.attrs.get("scan_rotation_deg", 0.0)),
            "cubes": [str(one.attrs.get("name", label)) for one, label in zip(self.cubes, ("measured", "compared"), strict=False)],
            "preview": {
                "binning": self.plan.binning,
                "bits": self.plan.bits,
                "shape": list(self.plan.detector_shape),
                "chunks": self.plan.chunks,
            },
            "colors": {"pattern": color_table(pattern_colormap), "scan": color_table(scan_colormap), "signed": color_table("vik")},
        }
        self.view = self._state_as_view()
        # what the reset button goes back to
        self.scene = {**self.scene, "beginning": self.view}
        self.state.observe(self._state_changed)

    def _state_as_view(self) -> dict[str, Any]:
        return {name: _as_lists(getattr(self.state, name)) for name in self.state.trait_names(python_only=None)}

    def _state_changed(self, _: Any) -> None:
        view = self._state_as_view()
        probe = view["probe"]
        if self._holds(probe) and view["pattern_of"] == "probe" and probe != self.view["probe"]:
            # another widget went there: the exact pattern goes ahead of the place, so that the browser need not ask for it
            self.reply = {"id": "", "kind": "pattern", "probe": probe, **self._pattern({"probe": probe, "region": []})}
        self.view = view

    def _holds(self, probe: Sequence[int]) -> bool:
        return all(0 <= place < size for place, size in zip(probe, self.cube.shape, strict=False))

    @traitlets.observe("view")
    def _view_changed(self, change: Any) -> None:
        with self.state.hold_trait_notifications():
            for name, value in change["new"].items():
                setattr(self.state, name, tuple(value) if isinstance(value, list) else value)

    def answers(self) -> dict[str, Answer]:
        """Preview chunks, exact patterns, exact virtual images."""
        return {"chunk": self._chunk, "pattern": self._pattern, "image": self._image}

    def _chunk(self, request: dict[str, Any]) -> dict[str, Any]:
        rows = self.plan.chunk(int(request["index"]))
        data, lowest, highest = quantised_rows(self.cubes[request["cube"]], rows, self.plan)
        return {"rows": list(rows), "data": data, "lowest": lowest, "highest": highest}

    def _pattern(self, request: dict[str, Any]) -> dict[str, Any]:
        """The exact pattern at a probe position, or where there is one the mean of a region; that of every cube."""
        if request["region"]:
            patterns, counts = zip(*(region_mean(cube, request["region"]) for cube in self.cubes), strict=True)
            count = counts[0]
        else:
            scan_y, scan_x = request["probe"]
            if not self._holds(request["probe"]):
                scan = self.cube.shape[:2]
                raise ValueError(
                    f"probe position ({scan_y}, {scan_x}) lies outside the scan of {scan} positions; set state.probe within it"
                )
            patterns, count = tuple(values_of(cube.isel(scan_y=scan_y, scan_x=scan_x)) for cube in self.cubes), 1
        return {"count": count, "data": [np.asarray(pattern, "<f4").tobytes() for pattern in patterns]}

    def _image(self, request: dict[str, Any]) -> dict[str, Any]:
        chosen = DetectorPixels(*(request["detector"][name] for name in DetectorPixels._fields))
        return {"data": detector_image(self.cube, chosen).astype("<f4").tobytes()}


def _usual_range(cube: xr.DataArray) -> list[float]:
    """Lowest and, but for a few hot pixels, highest intensity of neighbouring patterns: where the colours start.

    Those in the middle of the scan, so that of a cube in chunks only a few have to be read.
    """
    middle = (slice(max(0, size // 2 - SAMPLED // 2), size // 2 + SAMPLED // 2 + 1) for size in cube.shape[:2])
    values = values_of(cube[tuple(middle)]).astype(float)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return [0.0, 1.0]
    low, high = float(finite.min()), float(np.quantile(finite, 0.9995))
    return [low, high if high > low else low + 1.0]


def _comparable(other: xr.DataArray, cube: xr.DataArray) -> xr.DataArray:
    if other.shape != cube.shape:
        raise ValueError(f"the cube to compare with has shape {other.shape}, the cube {cube.shape}; they must be the same")
    return other


def _as_lists(value: Any) -> Any:
    return [_as_lists(part) for part in value] if isinstance(value, tuple) else value


def color_table(name: str) -> list[int]:
    """256 colours as red, green, blue, red, ... of 0 to 255."""
    return [int(value) for value in np.rint(cmap.Colormap(name).lut(256)[:, :3] * 255).ravel()]
