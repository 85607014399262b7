"""What the cube browser knows and answers, whichever host shows it.

Its requests are a preview chunk, an exact pattern and an exact virtual image.
"""

from __future__ import annotations

from typing import Any, Final

import cmap
import numpy as np
import traitlets
import xarray as xr

from polwidgets.cube.reduce import virtual_image
from polwidgets.cube.schema import UNCALIBRATED, step_of, validate
from polwidgets.widgets.geometry import beam_px, choose_detector, detector_on, mrad_per_wave_number, semiangle_px
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
        preview_MB: float = 64,
        pattern_colormap: str = "magma",
        scan_colormap: str = "gray",
    ) -> None:
        super().__init__()
        self.cube = validate(cube)
        self.state = ViewState(probe=(cube.sizes["scan_y"] // 2, cube.sizes["scan_x"] // 2)) if state is None else state
        # rows that are stored together travel together, so that no chunk is read twice
        self.plan = plan_preview(self.cube.shape, preview_MB * 2**20, stored_together=cube.chunks[0][0] if cube.chunks else 1)
        choose_detector(self.state, cube)
        self.scene = {
            "scan": self._axes("scan_y", "scan_x"),
            "detector": self._axes("ky", "kx"),
            "beam_px": list(beam_px(cube)),
            "semiangle_px": semiangle_px(cube),
            "mrad_per_unit": mrad_per_wave_number(cube),
            "pattern_range": self._pattern_range(),
            "preview": {
                "binning": self.plan.binning,
                "bits": self.plan.bits,
                "shape": list(self.plan.detector_shape),
                "chunks": self.plan.chunks,
            },
            "colors": {"pattern": color_table(pattern_colormap), "scan": color_table(scan_colormap)},
        }
        self.view = self._state_as_view()
        self.state.observe(self._state_changed)

    def _axes(self, vertical: str, horizontal: str) -> dict[str, Any]:
        """Shape, origin, step and unit of a plane, rows first."""
        dims = (vertical, horizontal)
        return {
            "shape": [self.cube.sizes[dim] for dim in dims],
            "origin": [float(self.cube[dim].values[0]) for dim in dims],
            "step": [step_of(self.cube, dim) for dim in dims],
            "unit": {UNCALIBRATED: "px", "angstrom": "Å", "1/angstrom": "1/Å"}[self.cube[horizontal].attrs["units"]],
        }

    def _pattern_range(self) -> list[float]:
        """Lowest and, but for a few hot pixels, highest intensity of neighbouring patterns: where the colours start.

        Those in the middle of the scan, so that of a cube in chunks only a few have to be read.
        """
        middle = (slice(max(0, size // 2 - SAMPLED // 2), size // 2 + SAMPLED // 2 + 1) for size in self.cube.shape[:2])
        values = np.asarray(self.cube[tuple(middle)].values, float)
        finite = values[np.isfinite(values)]
        if not finite.size:
            return [0.0, 1.0]
        low, high = float(finite.min()), float(np.quantile(finite, 0.9995))
        return [low, high if high > low else low + 1.0]

    def _state_as_view(self) -> dict[str, Any]:
        values = {name: getattr(self.state, name) for name in self.state.trait_names(python_only=None)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def _state_changed(self, _: Any) -> None:
        self.view = self._state_as_view()

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
        data, lowest, highest = quantised_rows(self.cube, rows, self.plan)
        return {"rows": list(rows), "data": data, "lowest": lowest, "highest": highest}

    def _pattern(self, request: dict[str, Any]) -> dict[str, Any]:
        scan_y, scan_x = request["probe"]
        if not (0 <= scan_y < self.cube.sizes["scan_y"] and 0 <= scan_x < self.cube.sizes["scan_x"]):
            raise ValueError(
                f"probe position ({scan_y}, {scan_x}) lies outside the scan of {self.cube.shape[:2]} positions; set state.probe within it"
            )
        pattern = np.asarray(self.cube.isel(scan_y=scan_y, scan_x=scan_x).values, "<f4")
        return {"probe": [scan_y, scan_x], "data": pattern.tobytes()}

    def _image(self, request: dict[str, Any]) -> dict[str, Any]:
        center, inner, outer = request["center"], float(request["inner"]), float(request["outer"])
        image = np.asarray(virtual_image(self.cube, detector_on(self.cube, center, inner, outer)).values, "<f4")
        return {"center": center, "inner": inner, "outer": outer, "data": image.tobytes()}


def color_table(name: str) -> list[int]:
    """256 colours as red, green, blue, red, ... of 0 to 255."""
    return [int(value) for value in np.rint(cmap.Colormap(name).lut(256)[:, :3] * 255).ravel()]
