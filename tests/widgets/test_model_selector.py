"""The selector with a model that takes no time; the real ones have tests of their own."""

from __future__ import annotations

import dataclasses
import types
from typing import ClassVar

import pytest
import synthetic

import polwidgets as pw
from polwidgets.models.base import models, restore
from polwidgets.registry import parameter
from polwidgets.widgets import model_selector

FITTED = types.SimpleNamespace(crystal=None)


@dataclasses.dataclass
class Quick:
    """Knows the answer."""

    trains_on: ClassVar[str] = "specimen"
    contexts: ClassVar[tuple[str, ...]] = ("unit_cell", "pattern")
    fail: bool = parameter(False, "fail while training")

    def fit(self, training, *, augmentation=(), seed, progress):
        progress("train", 0.5)
        if self.fail:
            raise ValueError("the loss became NaN in step 7; lower the learning rate")
        self.asked = training, augmentation, seed
        return self

    def save(self, path):
        path.write_text(models.to_json(self))

    @classmethod
    def load(cls, path):
        return restore(path.read_text(errors="replace"), cls, path)


@pytest.fixture
def selector(scan, monkeypatch):
    monkeypatch.setitem(models._parts, "quick", Quick)
    calls = []

    def mapped(cube, *, model, context, seed, **_):
        calls.append((model, context, seed))
        return synthetic.make_map(cube).assign_attrs(model="quick", context=context)

    monkeypatch.setattr(model_selector, "match", lambda *_, **__: FITTED)
    monkeypatch.setattr(model_selector, "map_polarization", mapped)
    selector = pw.ModelSelector(scan, state=pw.ViewState(model='{"model": "quick"}'))
    selector.calls = calls
    return selector


def test_every_registered_model_can_be_chosen(scan):
    selector = pw.ModelSelector(scan)
    assert list(selector._choose.options.values()) == models.names()
    for name in models:
        selector._choose.value = name
        assert models.name_of(selector.model) == name
        assert set(selector._form.controls) == {field.name for field in dataclasses.fields(models[name]) if field.init}


def test_mapping_hands_out_match_and_map(selector):
    selector.map()
    selector.worker.wait()
    assert selector.specimen is FITTED
    assert selector.prediction.attrs == {"model": "quick", "context": "unit_cell"}
    model, context, seed = selector.calls[0]
    assert (model.asked, context, seed) == ((FITTED, (), 0), "unit_cell", 0)
    assert not selector.worker.busy


def test_switching_the_context_maps_again_without_training_and_back_without_work(selector):
    selector.map()
    selector.worker.wait()
    selector.state.context = "pattern"
    selector.worker.wait()
    assert selector.prediction.attrs["context"] == "pattern"
    assert selector.calls[0][0] is selector.calls[1][0]
    selector.state.context = "unit_cell"
    assert selector.prediction.attrs["context"] == "unit_cell"
    assert len(selector.calls) == 2


def test_another_match_makes_what_was_learnt_useless(selector):
    selector.map()
    selector.worker.wait()
    selector.specimen = types.SimpleNamespace(crystal=None)
    selector.map()
    selector.worker.wait()
    assert len(selector.calls) == 2
    assert selector.calls[1][0].asked[0] is selector.specimen


def test_a_model_that_fails_says_why_and_can_be_trained_again(selector):
    selector._form.controls["fail"].value = True
    selector.map()
    selector.worker.wait()
    assert "the loss became NaN in step 7; lower the learning rate" in selector.worker._trouble.value
    assert selector.prediction is None
    selector._form.controls["fail"].value = False
    selector.map()
    selector.worker.wait()
    assert selector.prediction is not None
    assert selector.worker._trouble.value == ""


def test_a_model_of_patterns_is_trained_with_recipe_and_augmentation_of_the_state(selector, monkeypatch):
    asked = {}

    def trained(model, **settings):
        asked.update(settings)
        return model

    monkeypatch.setattr(model_selector, "train_model", trained)
    selector.state.model = '{"model": "pca_knn"}'
    selector.state.perturbations = tuple(pw.perturbations.to_json(part) for part in pw.preset("low_dose"))
    assert selector._augmentation.value == "augmentation: 1 perturbation"
    selector.map()
    selector.worker.wait()
    assert asked["recipe"] == selector._recipe.value
    assert asked["augmentation"] == pw.preset("low_dose")
    assert asked["specimen"] is FITTED


def test_a_saved_model_comes_back_and_a_foreign_file_is_said(selector):
    selector.map()
    selector.worker.wait()
    saved = selector._saved().getvalue()
    selector._loaded(saved)
    assert "a trained model" in selector._result.value
    selector._loaded(b"nonsense")
    assert "does not hold a saved Quick" in selector.worker._trouble.value


def test_an_unknown_model_in_a_session_is_said_not_raised(selector):
    selector.state.model = '{"model": "nonsense"}'
    assert "unknown model" in selector.worker._trouble.value
