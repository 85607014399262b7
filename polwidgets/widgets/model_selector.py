"""Choose a model, train it for this scan, and map: the work runs beside the page."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any, Final

import panel as pn
import param
import xarray as xr

from polwidgets.crystal.base import Crystal, crystals
from polwidgets.cube.schema import validate
from polwidgets.match.matching import match
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.base import Context, Model, models
from polwidgets.models.shipped import has_shipped, load_shipped
from polwidgets.perturb.base import perturbations
from polwidgets.progress import Progress
from polwidgets.widgets.form import WIDTH_PX, Form, note, words
from polwidgets.widgets.map_style import load_extensions
from polwidgets.widgets.view_state import ViewState
from polwidgets.widgets.worker import Worker
from polwidgets.workflow import RECIPES, map_polarization, train_model

CONTEXTS: Final = {"unit_cell": "unit cell", "pattern": "single pattern"}
SHIPPED: Final = "shipped"
LABELS: Final = {
    SHIPPED: "weights that come with polwidgets",
    "matched": "matched to this specimen",
    "study": "one thickness of 20 nm",
    "randomised": "random specimens",
}


class ModelSelector(pn.viewable.Viewer):
    """Every registered model with its parameters; train, map, load and save.

    ``selector.prediction`` is the last map, ``selector.specimen`` the match that it rests on; watch them with
    ``selector.param.watch(function, "prediction")``. The choice stands in ``state.model``, ``state.context``,
    ``state.perturbations`` (the augmentation) and ``state.seed``.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
        Calibrated.
    crystal : str or Crystal
        A registered name, or a part.
    specimen : SpecimenFit, optional
        A match made before; without it the scan is matched when it is first mapped.
    state : ViewState, optional
        Shared with other widgets; by default one of its own.
    """

    prediction = param.ClassSelector(class_=xr.Dataset, default=None, allow_None=True, doc="The last map.")
    specimen = param.Parameter(default=None, doc="The match that maps rest on.")

    def __init__(
        self, cube: xr.DataArray, *, crystal: str | Crystal = "knn", specimen: SpecimenFit | None = None, state: ViewState | None = None
    ) -> None:
        load_extensions()
        super().__init__(specimen=specimen)
        self.cube = validate(cube)
        self.state = ViewState() if state is None else state
        self.crystal = crystals.build(crystal) if isinstance(crystal, str) else crystal
        self.worker = Worker()
        self._trained: tuple[tuple[Any, ...], Model] | None = None
        self._maps: dict[tuple[Any, ...], xr.Dataset] = {}
        self._choose = pn.widgets.Select(label="model", options={words(name): name for name in models}, width=WIDTH_PX - 20)
        self._context = pn.widgets.RadioButtonGroup(
            options={label: context for context, label in CONTEXTS.items()}, value=self.state.context, width=WIDTH_PX - 20
        )
        self._recipe = pn.widgets.Select(label="training", options=[], width=WIDTH_PX - 20)
        self._seed = pn.widgets.IntInput(label="seed", value=self.state.seed, start=0, step=1, width=90)
        self._map = pn.widgets.Button(label="Train and map", color="primary", width=130)
        self._save = pn.widgets.FileDownload(
            callback=self._saved, filename="model", label="Save model", width=120, color="light", disabled=True
        )
        self._load = pn.widgets.FileInput(width=WIDTH_PX - 20, multiple=False)
        self._about, self._augmentation, self._result = note(), note(), note()
        self._parameters = pn.Column(margin=0)
        self._layout = pn.Row(
            pn.Column(self._choose, self._about, self._parameters, width=WIDTH_PX + 10),
            pn.Column(
                note("evidence from"), self._context, self._recipe, self._augmentation, self._seed,
                note("load a saved model"), self._load, width=WIDTH_PX + 10,
            ),
            pn.Column(pn.Row(self._map, self._save, margin=0), self.worker, self._result, width=WIDTH_PX + 60),
        )  # fmt: skip
        self._form: Form[Model] | None = None
        self._choose.param.watch(lambda event: self._set_model(models.build(event.new)), "value")
        self._context.param.watch(lambda event: setattr(self.state, "context", event.new), "value")
        self._seed.param.watch(lambda event: setattr(self.state, "seed", max(0, event.new or 0)), "value")
        self._load.param.watch(lambda event: self._loaded(event.new) if event.new else None, "value")
        self._map.on_click(lambda _: self.map())
        self.worker.param.watch(lambda event: setattr(self._map, "disabled", event.new), "busy")
        self.state.observe(self._model_changed, "model")
        self.state.observe(self._context_changed, "context")
        self.state.observe(lambda change: setattr(self._seed, "value", change["new"]), "seed")
        self.state.observe(self._augmentation_changed, "perturbations")
        self.param.watch(self._rematched, "specimen")
        self._model_changed()
        self._augmentation_changed()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    @property
    def model(self) -> Model:
        """The chosen model with the parameters shown, not trained."""
        return models.from_json(self.state.model)

    def map(self) -> None:
        """Match, train and map as chosen, beside the page; what is known already is not done again."""
        context: Context = self.state.context  # type: ignore[assignment]
        key, seed = self._key(), self.state.seed
        if (*key, context) in self._maps:
            self._show(self._maps[(*key, context)])
            return
        model = self._trained[1] if self._trained is not None and self._trained[0] == key else None
        recipe, specimen = self._recipe.value, self.specimen
        augmentation = tuple(perturbations.from_json(text) for text in self.state.perturbations)
        chosen = self.model

        def work(progress: Progress) -> tuple[SpecimenFit, Model, xr.Dataset]:
            fit = match(self.cube, crystal=self.crystal, progress=progress) if specimen is None else specimen
            trained = model
            if trained is None and recipe == SHIPPED:
                trained = load_shipped(models.name_of(chosen))
            elif trained is None and chosen.trains_on == "specimen":
                trained = chosen.fit(fit, seed=seed, progress=progress)
            elif trained is None:
                microscope: dict[str, Any] = (
                    {} if recipe == "matched" else {"voltage_kV": fit.voltage_kV, "semiangle_mrad": fit.semiangle_mrad}
                )
                trained = train_model(
                    chosen, recipe=recipe, crystal=fit.crystal, cube=self.cube, specimen=fit, augmentation=augmentation or None,
                    seed=seed, progress=progress, **microscope,
                )  # fmt: skip
            prediction = map_polarization(
                self.cube, crystal=fit.crystal, model=trained, context=context, specimen=fit, seed=seed, progress=progress
            )
            return fit, trained, prediction

        def done(answer: tuple[SpecimenFit, Model, xr.Dataset]) -> None:
            fit, trained, prediction = answer
            if self.specimen is None:
                self.specimen = fit
            self._trained = (key, trained)
            self._save.disabled = False
            self._maps[(*key, context)] = prediction
            # a map that was asked for in another context meanwhile is made now
            self._show(prediction) if context == self.state.context else self.map()

        self._result.value = ""
        self.worker.start(work, done)

    def take(self, model: Model) -> None:
        """Go on with a trained model, for example a loaded one."""
        self.state.model = models.to_json(model)
        self._trained = (self._key(), model)
        self._save.disabled = False
        self._result.value = "a trained model; map with it"

    def _key(self) -> tuple[Any, ...]:
        """What a trained model depends on."""
        return self.state.model, self._recipe.value, self.state.perturbations, self.state.seed

    def _show(self, prediction: xr.Dataset) -> None:
        attrs = prediction.attrs
        lines = [f"{words(str(attrs.get('model', 'map')))}, {words(str(attrs.get('context', '')))}", *_specimen_lines(attrs)]
        self._result.value = "<br>".join(lines)
        self.prediction = prediction

    def _set_model(self, model: Model) -> None:
        self.state.model = models.to_json(model)

    def _model_changed(self, _: Any = None) -> None:
        try:
            model = self.model
        except Exception as error:  # noqa: BLE001 an unknown model in a restored session is shown, not raised
            self.worker.say(str(error), error=True)
            return
        name = models.name_of(model)
        if self._form is None or type(self._form.part) is not type(model):
            self._form = Form(model)
            self._form.param.watch(lambda event: self._set_model(event.new), "part")
            self._parameters[:] = [self._form]
            self._choose.value = name
            self._save.filename = f"{name}.model"
            self._about.value = (type(model).__doc__ or "").strip().splitlines()[0]
            recipes = [*([SHIPPED] if has_shipped(name) else []), *sorted(RECIPES.get(model.trains_on, {}))]
            self._recipe.options = {LABELS.get(recipe, recipe): recipe for recipe in recipes}
            self._recipe.value = next(iter(recipes), None)
            self._recipe.visible = bool(recipes)
            self._context.options = {CONTEXTS[context]: context for context in model.contexts}
            self.state.context = self._context.value = self.state.context if self.state.context in model.contexts else model.contexts[0]
            self._augmentation.visible = bool(recipes)
        elif models.to_json(self._form.part) != self.state.model:
            self._form.set(model)

    def _rematched(self, event: Any) -> None:
        """What was learnt at another match is of no use any more."""
        if event.old is not None:
            self._trained = None
            self._maps.clear()

    def _context_changed(self, _: Any) -> None:
        self._context.value = self.state.context
        # the switch is worth most where its effect is seen at once
        if self.prediction is not None and not self.worker.busy:
            self.map()

    def _augmentation_changed(self, _: Any = None) -> None:
        count = len(self.state.perturbations)
        self._augmentation.value = f"augmentation: {count} perturbation{'s' * (count != 1)}" if count else "no augmentation"

    def _saved(self) -> io.BytesIO:
        assert self._trained is not None
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            self._trained[1].save(path)
            return io.BytesIO(path.read_bytes())

    def _loaded(self, content: bytes) -> None:
        """A saved model of the chosen kind; files are read as data, nothing in them is run."""
        kind = models[self._choose.value]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / (self._load.filename or "model")
            path.write_bytes(content)
            try:
                self.take(kind.load(path))
            except Exception as error:  # noqa: BLE001 whatever is wrong with the file is shown where the user looks
                self.worker.say(str(error).replace(f"{folder}/", ""), error=True)


def _specimen_lines(attrs: dict[str, Any]) -> list[str]:
    if "thickness_A" not in attrs:
        return []
    error = f" ± {attrs['thickness_A_error'] / 10:.1f}" if "thickness_A_error" in attrs else ""
    tilt = f"{attrs['tilt_y_mrad']:.1f}, {attrs['tilt_x_mrad']:.1f}"
    quality = " <b>(poor match: do not trust the map)</b>" if attrs.get("match_quality") == "poor" else ""
    return [f"thickness {attrs['thickness_A'] / 10:.1f}{error} nm, mistilt {tilt} mrad{quality}"]
