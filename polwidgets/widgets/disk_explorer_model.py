"""What the disk explorer knows and answers, whichever host shows it.

Its requests are a pattern, the disks that a detector proposes in it, the measured disks with their lattice, and the whole
scan, to start and to cancel. What looks at more than one pattern runs in the background.
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Callable
from typing import Any, Final, TypeVar, get_args

import numpy as np
import traitlets
import xarray as xr
from numpy.typing import NDArray

from polwidgets.analysis.strain import strain_map
from polwidgets.cube.reduce import project
from polwidgets.cube.schema import UNCALIBRATED, step_of, validate
from polwidgets.disks.base import AUTO, DiskDetector, MapDetector, disk_detectors
from polwidgets.disks.find import find_disks
from polwidgets.disks.measure import Refine
from polwidgets.disks.preparation import Preparation, prepare
from polwidgets.disks.probe import SMALLEST_RADIUS_PX, synthetic_probe
from polwidgets.progress import Progress
from polwidgets.widgets.background import Background, Cancelled
from polwidgets.widgets.browser_model import color_table
from polwidgets.widgets.dataset_trait import DatasetTrait
from polwidgets.widgets.disk_explorer_pattern import disk_map, measure, propose
from polwidgets.widgets.form import words
from polwidgets.widgets.geometry import mrad_per_wave_number, plane_axes, region_mask
from polwidgets.widgets.host import Answer, BrowserModel
from polwidgets.widgets.view_state import ViewState

Result = TypeVar("Result")
PATTERN: Final = "pattern"
GIVEN, SYNTHETIC = "given", "synthetic"
MOST_STEPS: Final = 100_000  # a slider of more is no help
LARGEST_IMAGE: Final = 2**30  # bytes of a scan that is read for its image alone
REFINE_HELP: Final = {
    "lattice": "one lattice fitted to all disks at once",
    "disks": "disks fitted one by one, then the lattice to them",
    "none": "the detector's places as they are",
}
REFERENCES: Final = {"median": "the scan's median", "region": "the selected region", "here": "this position", "lattice": "this lattice"}


class DiskExplorerModel(BrowserModel):
    """The disk explorer without a host.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
        Nanobeam patterns with separate disks.
    probe : array (ky, kx), optional
        Vacuum pattern; without it one is estimated, and the widget says so.
    state : ViewState, optional
        Shared with other widgets; its probe position says which pattern is shown, its region what may be unstrained.
    detector : str or DiskDetector
        Where the controls start.
    """

    strain = DatasetTrait()
    """The last strain map of the whole scan."""

    disks = DatasetTrait()
    """The last table of the whole scan's disks."""

    def __init__(
        self,
        cube: xr.DataArray,
        *,
        probe: xr.DataArray | NDArray[Any] | None = None,
        state: ViewState | None = None,
        detector: str | DiskDetector = "auto",
    ) -> None:
        super().__init__()
        self.cube = validate(cube)
        self.probe = probe
        self.state = ViewState(probe=(cube.sizes["scan_y"] // 2, cube.sizes["scan_x"] // 2)) if state is None else state
        self.background: Background[Any] | None = None
        self.preparation: Preparation | None = None
        self._image: NDArray[np.float32] | None = None
        part = disk_detectors.build(AUTO if detector == "auto" else detector) if isinstance(detector, str) else detector
        self.scene = self._scene()
        self.view = self._start(part)
        self.scene = {**self.scene, "beginning": self.view}
        self._say("waiting")
        self.state.observe(self._state_changed, ["probe", "region"])
        self._state_changed(None)

    def answers(self) -> dict[str, Answer]:
        """Everything the browser may ask."""
        return {"find": self._find, "measure": self._measure, "image": self._scan_image, "apply": self._apply, "cancel": self._cancel}

    @property
    def detector(self) -> DiskDetector:
        """The detector as the controls say."""
        return self._detector(self.view)

    # what the browser draws from

    def _scene(self) -> dict[str, Any]:
        detectors = [{"name": name, "controls": _controls(disk_detectors[name])} for name in disk_detectors]
        parts = {name: disk_detectors.build(name) for name in disk_detectors}
        maps = {PATTERN: PATTERN, **{name: part.map_name for name, part in parts.items() if isinstance(part, MapDetector)}}
        return {
            "scan": plane_axes(self.cube, "scan_y", "scan_x"),
            "detector": plane_axes(self.cube, "ky", "kx"),
            "mrad_per_unit": mrad_per_wave_number(self.cube),
            "detectors": detectors,
            "backgrounds": maps,
            "refine": REFINE_HELP,
            "references": REFERENCES,
            "probes": {GIVEN: "estimated from the scan" if self.probe is None else "measured", SYNTHETIC: "even disk"},
            "radius": {
                "name": "radius_px", "label": "Radius", "min": SMALLEST_RADIUS_PX, "max": min(self.cube.shape[2:]) / 2, "step": 0.05,
                "unit": "px", "help": "of the even disk that is taken for the probe",
            },
            "colors": {"pattern": color_table("magma"), "map": color_table("viridis"), "scan": color_table("gray")},
        }  # fmt: skip

    def _start(self, part: DiskDetector) -> dict[str, Any]:
        parameters = {name: _values(disk_detectors.build(name)) for name in disk_detectors}
        name = disk_detectors.name_of(part)
        return {
            "probe": list(self.state.probe),
            "region": bool(self.state.region),
            "detector": name,
            "parameters": {**parameters, name: _values(part)},
            "refine": "lattice",
            "probe_source": GIVEN,
            "radius_px": 0.0,
            "lattice": None,
            "background": PATTERN,
            "reference": "median",
        }

    def _state_changed(self, _: Any) -> None:
        shape = self.cube.shape[:2]
        probe = [min(max(0, place), size - 1) for place, size in zip(self.state.probe, shape, strict=True)]
        self.view = {**self.view, "probe": probe, "region": bool(self.state.region)}

    @traitlets.observe("view")
    def _view_changed(self, change: Any) -> None:
        row, column = change["new"]["probe"]
        if self._place(self.state.probe) != (row, column):
            self.state.probe = (int(row), int(column))

    def _say(self, phase: str, message: str = "", **more: Any) -> None:
        kept: dict[str, Any] = {name: self.status[name] for name in ("caution", "radius_px", "result") if name in self.status}
        self.status = {**kept, "phase": phase, "message": message, **more}

    # in the background

    def _in_background(self, phase: str, work: Callable[[Progress], Result], done: Callable[[Result], None]) -> None:
        """Do what takes longer than a moment; warnings are shown as well."""

        def watched(progress: Progress) -> tuple[Result, list[str]]:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                result = work(progress)
            return result, list(dict.fromkeys(str(each.message) for each in caught if each.category is UserWarning))

        def finished(answer: tuple[Result, list[str]]) -> None:
            result, cautions = answer
            self._say("ready", caution="\n".join(cautions))
            done(result)

        def failed(error: Exception) -> None:
            ready = "failed" if self.preparation is None else "ready"
            self._say(ready, "cancelled" if isinstance(error, Cancelled) else f"{type(error).__name__}: {error}")

        self._say(phase, step="", fraction=0.0)
        self.background = Background(
            watched, done=finished, failed=failed, progress=lambda step, fraction: self._say(phase, step=step, fraction=fraction)
        )

    def _prepare(self, values: dict[str, Any]) -> None:
        """Look at a sample of the scan: its probe, noise, bad pixels and lattice."""
        probe, part = self._probe_image(values), self._detector(values)

        def work(progress: Progress) -> tuple[Preparation, NDArray[np.float32] | None]:
            progress("look at a sample", 0.0)
            found = prepare(self.cube, probe, part)
            image = None
            if self.cube.nbytes <= LARGEST_IMAGE:
                progress("read the scan", 0.3)
                image = np.asarray(project(self.cube, np.ones((1, *self.cube.shape[2:]), np.float32))[0], np.float32)
            return found, image

        def done(result: tuple[Preparation, NDArray[np.float32] | None]) -> None:
            self.preparation, self._image = result
            self._say("ready", radius_px=self.preparation.probe.radius_px)

        self._in_background("preparing", work, done)

    def _apply(self, request: dict[str, Any]) -> dict[str, Any]:
        """The whole scan, with what the controls say."""
        if self._busy():
            raise RuntimeError("something is being computed already; wait for it, or cancel it")
        values = request["values"]
        part, probe, refine = self._detector(values), self._probe_image(values), _refine(values)
        if request["what"] == "disks":
            alone = refine != "none"
            self._in_background(
                "running", lambda progress: find_disks(self.cube, probe=probe, detector=part, refine=alone, progress=progress), self._found
            )
            return {}
        reference = self._reference(values)
        options: dict[str, Any] = {"probe": probe, "detector": part, "refine": refine, "reference": reference}
        self._in_background("running", lambda progress: strain_map(self.cube, **options, progress=progress), self._mapped)
        return {}

    def _found(self, table: xr.Dataset) -> None:
        self.disks = table
        self._say("ready", result=f"{table.sizes['disk']} disks at {self.cube.shape[0] * self.cube.shape[1]} positions")

    def _mapped(self, strain: xr.Dataset) -> None:
        self.strain = strain
        good = int((strain["reason"] == 0).sum())
        self._say("ready", result=f"strain at {good} of {strain['reason'].size} positions")

    def _reference(self, values: dict[str, Any]) -> NDArray[Any] | None:
        kind = values["reference"]
        shape = self.cube.sizes["scan_y"], self.cube.sizes["scan_x"]
        if kind == "region":
            if not self.state.region:
                raise ValueError("no region is selected: draw one in a CubeBrowser or in maps that share this state")
            return region_mask(self.state.region, shape)
        if kind == "here":
            mask = np.zeros(shape, bool)
            mask[tuple(values["probe"])] = True
            return mask
        if kind == "lattice":
            lattice = measure(self._pattern(values), self._prepared(values), self._detector(values), **self._wanted(values)).lattice
            if lattice is None:
                raise ValueError("there is no lattice at this position; choose another position, or the scan's median")
            if UNCALIBRATED in (self.cube[dim].attrs["units"] for dim in ("ky", "kx")):
                raise ValueError("a lattice as reference needs the detector in 1/angstrom; use pw.calibrate(cube, k_step=...)")
            return np.asarray(lattice.vectors * [step_of(self.cube, "ky"), step_of(self.cube, "kx")])
        return None

    def _cancel(self, _: dict[str, Any]) -> dict[str, Any]:
        if self.background is not None:
            self.background.cancel()
        return {}

    def _busy(self) -> bool:
        return self.background is not None and self.background.running

    # at once

    def _find(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the detector proposes; with the pattern where it is another one, and with the map that is shown behind it."""
        values = request["values"]
        pattern = self._pattern(values)
        reply: dict[str, Any] = {"pattern": _bytes(pattern)} if request["pattern"] else {}
        if not self._is_ready(values):
            return {**reply, "waiting": True}
        preparation, part = self._prepared(values), self._detector(values)
        found = propose(pattern, preparation, part)
        shown = values["background"]
        if shown != PATTERN:
            maker = part if shown == values["detector"] else self._detector({**values, "detector": shown})
            assert isinstance(maker, MapDetector)
            try:
                reply["map"] = _bytes(disk_map(pattern, preparation, maker))
            except Exception as error:  # noqa: BLE001 without its map another detector's disks are shown all the same
                reply["trouble"] = f"no {maker.map_name}: {error}"
        return {
            **reply,
            "outline": _outline(preparation).tolist(),
            "places": found.places.tolist(),
            "certainty": found.certainty.tolist(),
            "intensity": found.strength.tolist(),
        }

    def _measure(self, request: dict[str, Any]) -> dict[str, Any]:
        """Measured disks and their lattice."""
        values = request["values"]
        if not self._is_ready(values):
            return {"waiting": True}
        found = measure(self._pattern(values), self._prepared(values), self._detector(values), **self._wanted(values))
        lattice = found.lattice
        # JSON knows no NaN
        indices = [None if np.isnan(pair).any() else [int(pair[0]), int(pair[1])] for pair in found.indices]
        return {
            "places": found.places.tolist(),
            "errors": np.nan_to_num(found.error).tolist(),  # one that is named error would say that the request failed
            "certainty": found.certainty.tolist(),
            "intensity": found.intensity.tolist(),
            "indices": indices,
            "lattice": None if lattice is None else {name: _plain(value) for name, value in dataclasses.asdict(lattice).items()},
        }

    def _scan_image(self, _: dict[str, Any]) -> dict[str, Any]:
        """Disks that had a say at every position, once they are known; before, the intensity."""
        if self.strain is not None:
            return {"what": "disks on the lattice", "data": _bytes(self.strain["disks"].values)}
        if self._image is None:
            return {"what": "", "data": _bytes(np.zeros(self.cube.shape[:2]))}
        return {"what": "intensity", "data": _bytes(self._image)}

    def _is_ready(self, values: dict[str, Any]) -> bool:
        """Whether a sample has been looked at; else it is, in the background."""
        if self.preparation is None and not self._busy():
            failed = self.status["phase"] == "failed"
            if not failed or values["probe_source"] == SYNTHETIC:
                self._prepare(values)
        return self.preparation is not None

    def _prepared(self, values: dict[str, Any]) -> Preparation:
        assert self.preparation is not None
        if values["probe_source"] == GIVEN:
            return self.preparation
        return dataclasses.replace(self.preparation, probe=_even_disk(float(values["radius_px"]), self.cube.shape[2:]))

    def _wanted(self, values: dict[str, Any]) -> dict[str, Any]:
        """Arguments of `measure`: how to refine, and the lattice that was drawn, if any."""
        preparation, drawn = self._prepared(values), values["lattice"]
        refine = _refine(values)
        basis = preparation.basis if drawn is None else np.array(drawn[1:], float)
        if basis is not None and np.linalg.norm(basis, axis=1).min() < 2 * preparation.probe.longest_px:
            refine = "none"  # as `strain_map` does where disks touch
        return {"refine": refine, "basis": basis, "beam": None if drawn is None else np.array(drawn[0], float)}

    def _pattern(self, values: dict[str, Any]) -> NDArray[Any]:
        row, column = self._place(values["probe"])
        return _read(self.cube, row, column)

    def _place(self, probe: Any) -> tuple[int, int]:
        row, column = (min(max(0, int(place)), size - 1) for place, size in zip(probe, self.cube.shape[:2], strict=True))
        return row, column

    def _probe_image(self, values: dict[str, Any]) -> xr.DataArray | NDArray[Any] | None:
        if values["probe_source"] == GIVEN:
            return self.probe
        return _even_disk(float(values["radius_px"]), self.cube.shape[2:]).image

    def _detector(self, values: dict[str, Any]) -> DiskDetector:
        name = values["detector"]
        defaults = _values(disk_detectors.build(name))
        given = {key: _like(defaults[key], value) for key, value in values["parameters"][name].items()}
        return disk_detectors.build(name, **given)


@functools.lru_cache(maxsize=4)
def _even_disk(radius_px: float, shape: tuple[int, int]) -> Any:
    return synthetic_probe(radius_px, shape)


def _read(cube: xr.DataArray, row: int, column: int) -> NDArray[Any]:
    return np.asarray(cube.isel(scan_y=row, scan_x=column).values)


def _outline(preparation: Preparation) -> NDArray[np.float64]:
    """A disk's edge (corner, 2) around its middle, (down, right) in pixels."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    circle = preparation.probe.radius_px * np.stack([np.sin(angle), np.cos(angle)], -1)
    return np.asarray(circle @ np.linalg.inv(preparation.probe.shape).T)


def _refine(values: dict[str, Any]) -> Refine:
    chosen: Refine = values["refine"]
    if chosen not in get_args(Refine):
        raise ValueError(f"refine must be one of {', '.join(get_args(Refine))}, got {chosen!r}")
    return chosen


def _controls(part: Any) -> list[dict[str, Any]]:
    """What the browser needs to draw a control for every parameter of a detector."""
    controls = []
    for field in dataclasses.fields(part):
        if not field.init:
            continue
        about = field.metadata
        unit = str(about.get("unit", ""))
        step = about.get("step") or (1 if isinstance(field.default, int) else 0.01)
        ranged = about.get("min") is not None and about.get("max") is not None and about["max"] - about["min"] < MOST_STEPS * step
        kind = (
            "choice" if about.get("choices") is not None else "flag" if isinstance(field.default, bool) else "number" if ranged else "entry"
        )
        controls.append(
            {
                "name": field.name, "label": words(field.name, unit).split(" (")[0].capitalize(), "kind": kind,
                "min": about.get("min"), "max": about.get("max"), "step": step, "unit": unit, "help": str(about.get("help", "")),
                "choices": None if about.get("choices") is None else list(about["choices"]),
            }
        )  # fmt: skip
    return controls


def _values(part: DiskDetector) -> dict[str, Any]:
    fields = [field.name for field in dataclasses.fields(part) if field.init]  # type: ignore[arg-type]
    return {name: getattr(part, name) for name in fields}


def _like(default: Any, value: Any) -> Any:
    """A number as the parameter wants it: JSON does not tell 2 from 2.0."""
    if isinstance(default, bool | str):
        return value
    return round(value) if isinstance(default, int) else float(value) if isinstance(default, float) else value


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _bytes(values: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(values, "<f4").tobytes()
