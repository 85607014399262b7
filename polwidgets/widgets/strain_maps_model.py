"""What strain maps know and answer, whichever host shows them: the maps once, the pattern at the probe, and exports."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import traitlets
import xarray as xr
from numpy.typing import NDArray

from polwidgets.analysis.strain_axis import along_axis
from polwidgets.cube.schema import UNCALIBRATED, validate
from polwidgets.directions import rotate_vector, vector_to_direction
from polwidgets.widgets.browser_model import color_table
from polwidgets.widgets.geometry import mrad_per_wave_number, plane_axes
from polwidgets.widgets.host import Answer, BrowserModel
from polwidgets.widgets.strain_export import FORMATS, NAMES, limits_of, reasons
from polwidgets.widgets.view_state import ViewState

SENT: Final = (*NAMES, *(f"{name}_error" for name in NAMES), "fit_quality", "disks", "reason", "center_ky", "center_kx")
VISIBLE: Final = 0.25  # deformation of the drawn cell at the largest strain


class StrainMapsModel(BrowserModel):
    """Strain maps without a host.

    Parameters
    ----------
    strain : Dataset on (scan_y, scan_x)
        As `polwidgets.strain_map` makes it.
    cube : DataArray (scan_y, scan_x, ky, kx), optional
        The scan itself: adds the pattern at the probe position.
    state : ViewState, optional
        Shared with other widgets.
    """

    def __init__(self, strain: xr.Dataset, *, cube: xr.DataArray | None = None, state: ViewState | None = None) -> None:
        super().__init__()
        self.strain = _checked(strain, cube)
        self.cube = cube
        shape = strain.sizes["scan_y"], strain.sizes["scan_x"]
        self.state = ViewState(probe=(shape[0] // 2, shape[1] // 2)) if state is None else state
        self._shape = shape
        self.scene = self._scene()
        largest, turned = limits_of(strain)
        self.view = {
            "probe": self._probe(),
            "axis_deg": float(strain.attrs["axis_deg"]),
            "limit": _nice(100 * largest),
            "rotation_limit": _nice(turned),
            "exaggeration": float(np.clip(round(VISIBLE / max(largest, 1e-6)), 1, 100)),
            "shown": "value",
            "line": None,
        }
        self.scene = {**self.scene, "beginning": self.view}
        self.state.observe(lambda _: self.set_trait("view", {**self.view, "probe": self._probe()}), "probe")

    def answers(self) -> dict[str, Answer]:
        """Everything the browser may ask."""
        return {"maps": self._maps, "pattern": self._pattern, "export": self._export}

    def _scene(self) -> dict[str, Any]:
        strain = self.strain
        base = np.array([[strain.attrs.get(f"reference_{i}_k{axis}", np.nan) for axis in "yx"] for i in (1, 2)], float)
        known = bool(np.isfinite(base).all() and abs(np.linalg.det(base)) > 0)
        turn = 0.0 if self.cube is None else float(self.cube.attrs.get("scan_rotation_deg", 0.0))
        # direct vectors, (down, right) as rows, in the scan frame
        cell = rotate_vector(np.linalg.inv(base).T, -turn) if known else np.array([[0.0, 1.0], [-1.0, 0.0]])
        unit = "1/Å" if self.cube is not None and self.cube["kx"].attrs["units"] != UNCALIBRATED else ""
        pattern = None
        if self.cube is not None:
            pattern = {"axes": plane_axes(self.cube, "ky", "kx"), "mrad_per_unit": mrad_per_wave_number(self.cube)}
        return {
            "scan": plane_axes(strain, "scan_y", "scan_x"),
            "reasons": reasons(strain),
            "reference": str(strain.attrs.get("reference", "")),
            "base": base.tolist() if known else None,
            "cell": cell.tolist(),
            "cell_known": known,
            "cell_unit": "Å" if unit else "",
            "axis_deg": float(strain.attrs["axis_deg"]),
            "scan_rotation_deg": turn,
            "axes": {"scan x": 0.0, "cell a": _axis(cell[0]), "cell b": _axis(cell[1])} if known else {"scan x": 0.0},
            "pattern": pattern,
            "formats": list(FORMATS),
            "colors": {
                "signed": color_table("vik"), "error": color_table("viridis"), "quality": color_table("cividis"),
                "pattern": color_table("magma"),
            },
        }  # fmt: skip

    def _probe(self) -> list[int]:
        return [min(max(0, place), size - 1) for place, size in zip(self.state.probe, self._shape, strict=True)]

    @traitlets.observe("view")
    def _view_changed(self, change: Any) -> None:
        probe = [int(place) for place in change["new"]["probe"]]
        if self._probe() != probe:
            self.state.probe = (probe[0], probe[1])

    def _maps(self, _: dict[str, Any]) -> dict[str, Any]:
        return {name: np.ascontiguousarray(self.strain[name].values, "<f4").tobytes() for name in SENT}

    def _pattern(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.cube is None:
            raise ValueError("there is no cube to show patterns of; give cube=")
        row, column = request["probe"]
        values: NDArray[Any] = np.asarray(self.cube.isel(scan_y=int(row), scan_x=int(column)).values)
        return {"data": np.ascontiguousarray(values, "<f4").tobytes()}

    def _export(self, request: dict[str, Any]) -> dict[str, Any]:
        name, mime, write = FORMATS[request["format"]]
        return {"name": name, "mime": mime, "data": write(along_axis(self.strain, float(request["axis_deg"])))}


def _checked(strain: xr.Dataset, cube: xr.DataArray | None) -> xr.Dataset:
    missing = [name for name in SENT if name not in strain]
    if missing or "axis_deg" not in strain.attrs:
        lacks = ", ".join(missing) or "attribute axis_deg"
        raise ValueError(f"the strain has no {lacks}; expected a Dataset as pw.strain_map makes it")
    if cube is not None:
        here, there = (tuple(labelled.sizes[dim] for dim in ("scan_y", "scan_x")) for labelled in (strain, validate(cube)))
        if here != there:
            raise ValueError(f"the strain covers {here} scan positions, the cube {there}; give the cube that was mapped")
    return strain


def _axis(vector: NDArray[np.float64]) -> float:
    """Direction of a line, from -90 to 90 degrees."""
    angle = float(vector_to_direction(vector))
    return round((angle + 90) % 180 - 90, 2)


def _nice(value: float) -> float:
    """Rounded up to two digits."""
    power = 10.0 ** np.floor(np.log10(max(value, 1e-3)) - 1)
    return float(np.round(np.ceil(value / power) * power, 6)) if value > 0 else 0.001
