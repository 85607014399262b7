"""What the specimen matcher knows and answers, whichever host shows it.

Its requests are a simulated pattern, the misfit against thickness, the misfit at a few mistilts, and the fit, to
start and to cancel. The slow things, the library of scattering matrices and the fit, run in the background.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np
import traitlets
import xarray as xr
from numpy.typing import NDArray

from polwidgets.crystal.base import Crystal, crystals
from polwidgets.cube.checks import inspect
from polwidgets.cube.schema import step_of, validate
from polwidgets.directions import NAMES
from polwidgets.electron import wavelength_A
from polwidgets.match.comparison import PatternComparison, ScanComparison, Shown, displaced_variants
from polwidgets.match.conditions import Conditions
from polwidgets.match.library import PARAELECTRIC
from polwidgets.match.matching import match
from polwidgets.match.specimen import SpecimenFit
from polwidgets.progress import Progress
from polwidgets.widgets.background import Background, Cancelled
from polwidgets.widgets.browser_model import color_table
from polwidgets.widgets.host import Answer, BrowserModel
from polwidgets.widgets.view_state import ViewState

CONDITIONS: Final = tuple(field.name for field in dataclasses.fields(Conditions))
LARGEST_TILT_mrad: Final = 6.0
TILTS_mrad: Final = tuple(float(tilt) for tilt in np.linspace(-LARGEST_TILT_mrad, LARGEST_TILT_mrad, 9))


class SpecimenMatcherModel(BrowserModel):
    """The specimen matcher without a host.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx) or (ky, kx)
        A calibrated scan, or a lone position-averaged pattern.
    state : ViewState, optional
        Shared with other widgets; its probe position says which pattern is compared.
    specimen : SpecimenFit, optional
        A match made before.
    crystal : str or Crystal
    thickness_range_A : (float, float)
        What the thickness slider covers, and where the fit searches.
    """

    specimen = traitlets.Any(None, allow_none=True)
    """The last match; observe it to go on with it."""

    def __init__(
        self,
        cube: xr.DataArray,
        *,
        state: ViewState | None = None,
        specimen: SpecimenFit | None = None,
        crystal: str | Crystal = "knn",
        thickness_range_A: tuple[float, float] = (40.0, 700.0),
    ) -> None:
        super().__init__()
        self.lone = cube.dims == ("ky", "kx")
        self.cube = cube if self.lone else validate(cube)
        self.state = ViewState() if state is None else state
        self.crystal = specimen.crystal if specimen is not None else crystals.build(crystal) if isinstance(crystal, str) else crystal
        self.thickness_range_A = thickness_range_A
        self.background: Background[Any] | None = None
        self._comparison: ScanComparison | PatternComparison | None = None
        self.scene = self._scene()
        self.view = {**self._start(specimen.conditions if specimen else Conditions()), "probe": list(self.state.probe)}
        self.specimen = specimen
        self._say("waiting", fit=self._fitted())
        self.state.observe(lambda change: self.set_trait("view", {**self.view, "probe": list(change["new"])}), "probe")

    def answers(self) -> dict[str, Answer]:
        """Everything the browser may ask."""
        return {
            "simulate": self._simulate, "landscape": self._landscape, "tilts": self._tilts, "fit": self._fit, "cancel": self._cancel,
        }  # fmt: skip

    # what the browser draws from

    def _scene(self) -> dict[str, Any]:
        limits = {field.name: field.metadata for field in dataclasses.fields(Conditions)}
        low, high = self.thickness_range_A
        own = float(getattr(self.crystal, "displacement_A", 0.0))

        def control(name: str, label: str, lowest: float, highest: float, step: float, unit: str, help: str = "") -> dict[str, Any]:
            help = help or str(limits[name]["help"])
            return {"name": name, "label": label, "min": lowest, "max": highest, "step": step, "unit": unit, "help": help}

        controls = [
            control("thickness_A", "Thickness", low, high, 1.0, "Å"),
            control("tilt_y_mrad", "Tilt up", -LARGEST_TILT_mrad, LARGEST_TILT_mrad, 0.1, "mrad"),
            control("tilt_x_mrad", "Tilt right", -LARGEST_TILT_mrad, LARGEST_TILT_mrad, 0.1, "mrad"),
            control("blur", "Detector blur", 0.005, 0.15, 0.001, "1/Å"),
            control("rotation_deg", "Crystal rotation", -180.0, 180.0, 0.5, "°"),
        ]
        if not self.lone:
            controls += [
                control("source_A", "Source size", 0.0, 1.0, 0.01, "Å"),
                control("defocus_A", "Defocus", -200.0, 200.0, 5.0, "Å", "defocus, positive is overfocus"),
            ]
        if own:
            controls.append(
                control(
                    "displacement_A", "Displacement", 0.0, own, own / 30, "Å", "of the B cation against its oxygen cage; none when matching"
                )
            )
        return {
            "lone": self.lone,
            "polar": bool(own),
            "controls": controls,
            "directions": list(NAMES),
            "tilts": list(TILTS_mrad),
            "colors": {"pattern": color_table("magma"), "difference": color_table("vik"), "misfit": color_table("viridis_r")},
        }

    def _start(self, conditions: Conditions) -> dict[str, Any]:
        return {**dataclasses.asdict(conditions), "displacement_A": 0.0, "direction_deg": 0.0, "defocus_A": 0.0, "at_probe": False}

    def _say(self, phase: str, message: str = "", **more: Any) -> None:
        kept: dict[str, Any] = {name: self.status[name] for name in ("fit", "frame", "thicknesses_A") if name in self.status}
        self.status = {**kept, "phase": phase, "message": message, **more}

    def _fitted(self) -> dict[str, Any] | None:
        """What is said of the match."""
        if self.specimen is None:
            return None
        return {
            "score": self.specimen.score,
            "poor": self.specimen.poor,
            "lattice": self.specimen.unit_cell is not None,
            "values": dataclasses.asdict(self.specimen.conditions),
            "errors": {name: float(value) for name, value in self.specimen.errors.items()},
        }

    # in the background

    def _in_background(self, work: Any, done: Any, phase: str) -> None:
        def failed(error: Exception) -> None:
            ready = "ready" if self._comparison else "failed"
            self._say(ready, "cancelled" if isinstance(error, Cancelled) else f"{type(error).__name__}: {error}")

        def progress(step: str, fraction: float) -> None:
            self._say(phase, step=step, fraction=fraction)

        self._say(phase, step="", fraction=0.0)
        self.background = Background(work, done=done, failed=failed, progress=progress)

    def _prepare(self) -> None:
        """Read the position-averaged pattern and simulate the thickness series."""

        def work(progress: Progress) -> tuple[ScanComparison | PatternComparison, Conditions]:
            progress("read the pattern" if self.lone else "read the scan", 0.0)
            kind = PatternComparison if self.lone else ScanComparison
            comparison = kind(self.cube, self.crystal, self.thickness_range_A)
            comparison.library.matrix(PARAELECTRIC, lambda fraction: progress("simulate the thickness series", fraction))
            return comparison, comparison.start()

        def done(result: tuple[ScanComparison | PatternComparison, Conditions]) -> None:
            self._comparison, start = result
            if self.specimen is None:
                self.view = {**self.view, **dataclasses.asdict(start)}
            else:
                self._adopt_lattice()
            frame = self._comparison.frame
            wavelength = wavelength_A(self._comparison.library.voltage_kV)
            shape = {"shape": list(frame.shape), "step_mrad": 1e3 * wavelength * step_of(frame, "kx")}
            self._say("ready", frame=shape, thicknesses_A=self._comparison.library.thicknesses_A.tolist())

        self._in_background(work, done, "preparing")

    def _fit(self, _: dict[str, Any]) -> dict[str, Any]:
        def work(progress: Progress) -> SpecimenFit:
            good = None
            if not self.lone:
                progress("check the scan", 0.0)
                good = inspect(self.cube, cell_A=self.crystal.cell_A[:2]).good_pixels.values
            return match(self.cube, crystal=self.crystal, thickness_range_A=self.thickness_range_A, good_pixels=good, progress=progress)

        def done(specimen: SpecimenFit) -> None:
            self.specimen = specimen

        if self._busy():
            raise RuntimeError("something is being computed already; wait for it, or cancel it")
        self._in_background(work, done, "fitting")
        return {}

    def _cancel(self, _: dict[str, Any]) -> dict[str, Any]:
        if self.background is not None:
            self.background.cancel()
        return {}

    def _busy(self) -> bool:
        return self.background is not None and self.background.running

    @traitlets.observe("specimen")
    def _matched(self, change: Any) -> None:
        """A match, made here or elsewhere: show it."""
        if change["new"] is None:
            return
        self._adopt_lattice()
        self.view = {**self.view, **dataclasses.asdict(change["new"].conditions), "displacement_A": 0.0}
        self._say("ready" if self._comparison else "waiting", fit=self._fitted())

    def _adopt_lattice(self) -> None:
        if isinstance(self._comparison, ScanComparison):
            self._comparison.unit_cell = self.specimen.unit_cell

    # at once

    def _simulate(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._comparison is None:
            if not self._busy() and self.status["phase"] == "waiting":
                self._prepare()
            return {"waiting": True}
        values = request["values"]
        shown = self._shown(values)
        if not self._variants_ready(shown):
            return {"waiting": True}
        measured = self._comparison.measured(shown.probe)
        simulated, difference, misfit = self._comparison.compare(self._comparison.simulate(shown), measured, shown.conditions)
        reply: dict[str, Any] = {"misfit": misfit, "simulated": self._bytes(simulated), "difference": self._bytes(difference)}
        if request["measured"]:
            reply["measured"] = self._bytes(measured)
        return reply

    def _shown(self, values: dict[str, Any]) -> Shown:
        return Shown(
            Conditions(**{name: float(values[name]) for name in CONDITIONS}),
            displacement_A=float(values["displacement_A"]),
            direction_deg=float(values["direction_deg"]),
            defocus_A=float(values["defocus_A"]),
            probe=self._probe(values["probe"]) if values["at_probe"] and self._has_lattice() else None,
        )

    def _has_lattice(self) -> bool:
        return self._comparison is not None and self._comparison.unit_cell is not None

    def _probe(self, probe: list[int]) -> tuple[int, int]:
        rows, columns = (self.cube.sizes[dim] for dim in ("scan_y", "scan_x"))
        return min(max(0, int(probe[0])), rows - 1), min(max(0, int(probe[1])), columns - 1)

    def _variants_ready(self, shown: Shown) -> bool:
        """Whether the displaced crystal has been simulated; else it is, in the background."""
        assert self._comparison is not None
        library = self._comparison.library
        if shown.displacement_A == 0:
            return True
        turn = shown.conditions.rotation_deg - float(self.cube.attrs.get("scan_rotation_deg", 0.0))
        own = float(self.crystal.displacement_A)  # type: ignore[attr-defined]
        missing = [variant for variant in displaced_variants(own, shown.direction_deg, turn) if not library.holds(variant)]
        if missing and not self._busy():

            def work(progress: Progress) -> None:
                for variant in missing:
                    library.prepare(variant, lambda fraction: progress("simulate the displaced crystal", fraction))

            self._in_background(work, lambda _: self._say("ready"), "preparing")
        return not missing

    def _landscape(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._comparison is None:
            return {"waiting": True}
        return {"misfits": self._comparison.misfits(self._shown(request["values"]).conditions).tolist()}

    def _tilts(self, request: dict[str, Any]) -> dict[str, Any]:
        """Misfit of the position-averaged pattern at a few tilts (up, right)."""
        if self._comparison is None:
            return {"waiting": True}
        comparison, conditions = self._comparison, self._shown(request["values"]).conditions
        trials = [dataclasses.replace(conditions, tilt_y_mrad=up, tilt_x_mrad=right) for up, right in request["tilts"]]
        measured = comparison.measured()
        return {"misfits": [comparison.compare(comparison.simulate(Shown(trial)), measured, trial).misfit for trial in trials]}

    def _bytes(self, values: NDArray[np.float64]) -> bytes:
        assert self._comparison is not None
        return self._comparison.picture(values).astype("<f4").tobytes()
