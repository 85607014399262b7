"""What all per-pattern models share: frames, poolings, refusals and files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from safetensors.torch import save_file
from spots import labelled, turned_scan

import polwidgets as pw
from polwidgets.cube.unit_cell import UnitCell
from polwidgets.directions import angular_difference, nearest_class
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.base import models
from polwidgets.models.cnn import CNNClassifier
from polwidgets.models.pca_knn import PCAKNN
from polwidgets.models.per_pattern import PatternModel
from polwidgets.models.unit_cell_match import UnitCellMatch
from polwidgets.progress import silent

NAMES = ("pca_knn", "cnn_classifier", "cnn_regressor", "cnn_prototype")


def trained(name: str) -> PatternModel:
    hasty = {"components": 8, "neighbours": 3} if name == "pca_knn" else {"epochs": 8, "batch": 16, "learning_rate": 2e-3}
    return models.build(name, **hasty).fit(labelled(), seed=0, progress=silent)  # type: ignore[return-value]


@pytest.fixture(scope="module", params=NAMES)
def model(request: pytest.FixtureRequest) -> PatternModel:
    return trained(request.param)


@pytest.fixture(scope="module")
def knn() -> PatternModel:
    return trained("pca_knn")


def test_another_detector_with_a_turned_crystal_is_read_as_if_it_were_the_trained_one(model: PatternModel, lone: SpecimenFit) -> None:
    cube, specimen, direction = turned_scan(lone)
    found = model.predict(cube, specimen, context="pattern", progress=silent)
    off = np.abs(angular_difference(found["direction_deg"].values, direction))
    assert off.max() < 22.5
    np.testing.assert_array_equal(found["direction"], nearest_class(direction))
    np.testing.assert_array_equal(found["probability"].argmax("direction_class"), nearest_class(direction))
    if not type(model).__name__.endswith("Regressor"):
        np.testing.assert_allclose(off, 0, atol=1e-3)


def test_exposure_and_integers_do_not_matter(model: PatternModel, lone: SpecimenFit) -> None:
    cube, specimen, _ = turned_scan(lone)
    whole = cube.astype(np.uint16)
    first, second = (model.predict(each, specimen, context="pattern", progress=silent) for each in (whole, 64.0 * whole.astype(np.float32)))
    np.testing.assert_allclose(first["probability"], second["probability"], atol=1e-5)


def test_dead_pixels_and_a_blanked_beam(model: PatternModel, lone: SpecimenFit) -> None:
    cube, specimen, direction = turned_scan(lone)
    dark = cube.copy(deep=True)
    good = np.ones(cube.shape[2:], bool)
    good[17] = good[30, 8] = False
    dark.values[:, :, ~good] = 9999
    dark[1, 2] = 0
    found = model.predict(dark, dataclasses.replace(specimen, good_pixels=good), context="pattern", progress=silent)
    np.testing.assert_allclose(found["probability"][1, 2], 1 / 8, rtol=1e-5)
    lit = np.ones(cube.shape[:2], bool)
    lit[1, 2] = False
    np.testing.assert_array_equal(found["direction"].values[lit], nearest_class(direction)[lit])


def test_patterns_of_a_cell_are_pooled_and_trust_is_honoured(knn: PatternModel, lone: SpecimenFit) -> None:
    cube, specimen, _ = turned_scan(lone, rotation_deg=0.0, scan_rotation_deg=0.0)
    # a cell of two by two positions
    cell = dataclasses.replace(specimen, unit_cell=UnitCell(np.array([[0.0, 0.0], [1.25, 0.0], [0.0, 1.25]])))
    alone, pooled = (knn.predict(cube, cell, context=context, progress=silent) for context in ("pattern", "unit_cell"))
    assert alone.attrs["context"] == "pattern"
    single = np.log(alone["probability"].values[1:3, 1:3].reshape(-1, 8).astype(float))
    calibration = knn.trained().calibration
    window = np.log(alone["probability"].values.astype(float))
    # widths of two: a whole position and two halves along each axis
    weight = np.outer([0.5, 1, 0.5], [0.5, 1, 0.5])
    total = (weight[..., None] * window[0:3, 0:3]).sum((0, 1))
    expected = np.exp(calibration.pooled(total, 4.0))
    np.testing.assert_allclose(pooled["probability"].values[1, 1], expected, atol=1e-4)
    assert single.shape == (4, 8)
    poor = knn.predict(cube, dataclasses.replace(cell, score=0.45), context="pattern", progress=silent)
    np.testing.assert_allclose(poor["probability"], 1 / 8, rtol=1e-6)


def test_saved_and_loaded_it_is_the_same(model: PatternModel, tmp_path: Path, lone: SpecimenFit) -> None:
    path = tmp_path / "any.model"
    model.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["any.model"]
    loaded = pw.load_model(path)
    assert loaded == model
    cube, specimen, _ = turned_scan(lone)
    xr.testing.assert_identical(*(each.predict(cube, specimen, context="pattern", progress=silent) for each in (model, loaded)))
    assert loaded.trained().training == model.trained().training
    assert loaded.trained().training["recipe"] == "spots"
    assert loaded.trained().calibration == model.trained().calibration


def test_foreign_and_broken_files_are_refused(knn: PatternModel, tmp_path: Path) -> None:
    path = tmp_path / "file.model"
    knn.save(path)
    whole = path.read_bytes()
    for broken in (b"", b"text", whole[: len(whole) // 2], b"\x80\x04K\x01.", b'{"model": 3}', b'{"not json'):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=r"file\.model (is no whole safetensors file|does not hold)"):
            PCAKNN.load(path)
        with pytest.raises((ValueError, KeyError), match=r"file\.model|unknown model"):
            pw.load_model(path)
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match="another program"):
        pw.load_model(path)
    knn.save(path)
    with pytest.raises(ValueError, match="holds the model PCAKNN, expected CNNClassifier"):
        CNNClassifier.load(path)
    learnt = knn.trained()
    lacking = PCAKNN()
    lacking.learnt = dataclasses.replace(learnt, tensors={"label": learnt.tensors["label"]})
    lacking.save(path)
    with pytest.raises(ValueError, match="does not hold a whole PCAKNN: 'projection'"):
        pw.load_model(path)
    with pytest.raises(FileNotFoundError):
        pw.load_model(tmp_path / "absent.model")


def test_a_model_without_weights_is_loaded_by_name_too(tmp_path: Path) -> None:
    UnitCellMatch(order=5).save(tmp_path / "match.model")
    assert pw.load_model(tmp_path / "match.model") == UnitCellMatch(order=5)


def test_another_microscope_is_refused(knn: PatternModel, lone: SpecimenFit) -> None:
    cube, specimen, _ = turned_scan(lone)
    with pytest.raises(ValueError, match="trained for voltage_kV 200, the scan has 80"):
        knn.predict(cube, dataclasses.replace(specimen, voltage_kV=80.0), context="pattern", progress=silent)


def test_a_detector_that_misses_what_was_learnt_is_refused(knn: PatternModel, lone: SpecimenFit) -> None:
    cube, specimen, _ = turned_scan(lone)
    with pytest.raises(ValueError, match=r"misses \d+% of the intensity.*reach to 1\.2"):
        knn.predict(cube[..., 14:28], specimen, context="pattern", progress=silent)


def test_what_cannot_be_trained_on_is_named(lone: SpecimenFit) -> None:
    with pytest.raises(ValueError, match="pca_knn has not been trained"):
        PCAKNN().predict(turned_scan(lone)[0], lone, context="pattern", progress=silent)
    with pytest.raises(TypeError, match="cnn_classifier learns from a Dataset of labelled patterns"):
        CNNClassifier().fit(lone, seed=0, progress=silent)
    given = labelled()
    given["intensity"][3, 2, 1] = np.nan
    with pytest.raises(ValueError, match="1 training patterns hold NaN"):
        PCAKNN().fit(given, seed=0, progress=silent)


@pytest.mark.parametrize("name", ["pca_knn", "cnn_classifier", "cnn_regressor", "cnn_prototype"])
def test_a_class_that_is_missing_is_named_and_does_no_harm(name: str, lone: SpecimenFit) -> None:
    given = labelled()
    part = given.isel(sample=np.flatnonzero(~np.isin(given["direction_deg"], [90.0, 225.0])))
    hasty = {} if name == "pca_knn" else {"epochs": 1, "batch": 16}
    with pytest.warns(UserWarning, match="hold no MU, LD: "):
        model = models.build(name, **hasty).fit(part, seed=0, progress=silent)
    cube, specimen, _ = turned_scan(lone)
    found = model.predict(cube, specimen, context="pattern", progress=silent)
    assert np.isfinite(found["probability"]).all()
