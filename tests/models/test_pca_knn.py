"""The classic classifier against scikit-learn's own pipeline."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
import xarray as xr
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import polwidgets as pw
from polwidgets.directions import nearest_class
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.pca_knn import PCAKNN, nearest_neighbours
from polwidgets.progress import silent
from polwidgets.training.calibration import Calibration
from polwidgets.training.matched import matched_patterns
from polwidgets.training.split import split_specimens

COMPONENTS, NEIGHBOURS = 9, 4
CLASSES = np.random.default_rng(0).uniform(2, 10, (8, 9, 7))


def patterns(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy patterns of eight classes, and their classes."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 8, count)
    return rng.poisson(6 * CLASSES[label]).astype(np.float32), label


def training(k_step: float = 0.1) -> xr.Dataset:
    values, label = patterns(400, seed=1)
    detector = pw.make_cube(values[None, :1], k_step=k_step)
    return xr.Dataset(
        {"intensity": (("sample", "ky", "kx"), values)},
        coords={"ky": detector.ky, "kx": detector.kx, "direction_deg": ("sample", 45.0 * label)},
    )


def scan() -> tuple[xr.DataArray, np.ndarray]:
    values, label = patterns(6 * 5, seed=2)
    cube = pw.make_cube(values.reshape(6, 5, 9, 7), scan_step_A=0.4, k_step=0.1, voltage_kV=200.0, semiangle_mrad=24.0)
    return cube, label.reshape(6, 5)


def trained() -> PCAKNN:
    return PCAKNN(components=COMPONENTS, neighbours=NEIGHBOURS).fit(training(), seed=0, progress=silent)


def uncalibrated() -> PCAKNN:
    """With its bare votes as probabilities."""
    model = trained()
    model.learnt = dataclasses.replace(model.trained(), calibration=Calibration())
    return model


def test_agrees_with_the_pipeline(lone: SpecimenFit) -> None:
    cube, label = scan()
    rows, given = training()["intensity"].values.reshape(400, -1), training()["direction_deg"].values.astype(int)
    own = split_specimens(np.zeros(400), seed=0).training
    reduce = make_pipeline(
        FunctionTransformer(lambda rows: rows / rows.mean(1, keepdims=True)), StandardScaler(), PCA(COMPONENTS, svd_solver="full")
    ).fit(rows[own])
    classify = KNeighborsClassifier(NEIGHBOURS).fit(reduce.transform(rows), given)
    share = classify.predict_proba(reduce.transform(cube.values.reshape(30, -1)))
    found = uncalibrated().predict(cube, lone, context="pattern", progress=silent)
    # half a vote of one neighbour for what got none
    expected = (share + 0.5 / NEIGHBOURS) / (1 + 8 * 0.5 / NEIGHBOURS)
    np.testing.assert_allclose(found["probability"].values.reshape(30, 8), expected, atol=1e-5)
    assert (found["direction"] == label).mean() > 0.9


def test_scaler_and_components_see_only_training_patterns(lone: SpecimenFit) -> None:
    cube, _ = scan()
    model = trained()
    alone = model.predict(cube[:2], lone, context="pattern", progress=silent)
    beside = model.predict(cube, lone, context="pattern", progress=silent)
    xr.testing.assert_allclose(alone, beside.isel(scan_y=slice(2)))
    rows = training()["intensity"].values.reshape(400, -1)[split_specimens(np.zeros(400), seed=0).training]
    np.testing.assert_allclose(model.trained().mean, (rows / rows.mean(1, keepdims=True)).mean(0), rtol=1e-5)


def test_brightness_does_not_matter(lone: SpecimenFit) -> None:
    cube, _ = scan()
    dim, bright = (trained().predict(cube * factor, lone, context="pattern", progress=silent) for factor in (1, 64))
    np.testing.assert_array_equal(dim["probability"], bright["probability"])


def test_it_must_be_trained_on_patterns_and_before(lone: SpecimenFit) -> None:
    with pytest.raises(ValueError, match="has not been trained"):
        PCAKNN().predict(scan()[0], lone, context="pattern", progress=silent)
    with pytest.raises(TypeError, match="learns from a Dataset of labelled patterns"):
        PCAKNN().fit(lone, seed=0, progress=silent)


def test_evidence_of_a_cell_is_better_than_that_of_a_pattern(known: tuple[xr.DataArray, SpecimenFit]) -> None:
    """With dead rows across the disk, which are left out of training and of reading alike."""
    cube, specimen = known
    good = np.ones(cube.shape[2:], bool)
    good[14:16] = False
    dead = cube.where(xr.DataArray(good, dims=("ky", "kx"))).fillna(0).astype(cube.dtype)
    masked = dataclasses.replace(specimen, good_pixels=good)
    model = PCAKNN().fit(matched_patterns(masked, dead, positions=24, seed=0, progress=silent), seed=0, progress=silent)
    truth = nearest_class(225.0 - 12.0)
    pattern, cell = (model.predict(dead, masked, context=context, progress=silent) for context in ("pattern", "unit_cell"))
    assert (cell["direction"] == truth).mean() > 0.99
    assert 0.3 < (pattern["direction"] == truth).mean() < 0.95


@pytest.mark.parametrize(("members", "count"), [(5, 5), (6, 5), (63, 1), (700, 5), (1029, 17)])
def test_nearest_neighbours_are_those_of_scikit_learn(members: int, count: int) -> None:
    rng = np.random.default_rng(members)
    reference, query = rng.normal(size=(members, 7)), rng.normal(size=(33, 7))
    found = nearest_neighbours(torch.from_numpy(reference).float(), count)(torch.from_numpy(query).float())
    expected = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(reference).kneighbors(query, return_distance=False)
    np.testing.assert_array_equal(found.numpy(), expected)
