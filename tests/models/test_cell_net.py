"""cell_net: what it refuses, that it learns at a match, and that the shipped weights reach what their card says."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

import polwidgets as pw
from polwidgets.directions import angular_difference
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.base import load_model, models
from polwidgets.models.cell_net import CellNet, LearntCells, _Module
from polwidgets.models.shipped import has_shipped, load_shipped
from polwidgets.progress import silent
from polwidgets.simulate import scan
from polwidgets.simulate.probe import Probe
from polwidgets.simulate.smatrix import scattering_matrix
from polwidgets.training.cell_recipes import matched_cells

Known = tuple[xr.DataArray, SpecimenFit]
TRUTH = 225.0 - 12.0  # of the scan `known`, in its own frame


def share_right(prediction: xr.Dataset, direction_deg: float) -> float:
    return float((np.abs(angular_difference(prediction["direction_deg"].values, direction_deg)) <= 22.5).mean())


@pytest.fixture(scope="module")
def shipped() -> CellNet:
    model = load_shipped("cell_net")
    assert isinstance(model, CellNet)
    return model


def test_shipped_weights_are_small_and_have_a_card() -> None:
    folder = Path(pw.__file__).parent / "data" / "weights"
    files = sorted(folder.glob("*.safetensors"))
    assert {path.stem for path in files} >= {"cell_net"}
    for path in files:
        assert path.stat().st_size < 10e6
        card = path.with_suffix(".md").read_text(encoding="utf-8")
        for word in ("polwidgets train", "Seed", "Versions", "Data", "Limits"):
            assert word in card, f"{path.stem}.md does not say: {word}"
        if path.stem in models:  # else a network of disks or particles, whose own tests load it
            assert has_shipped(path.stem)
            assert models.name_of(load_model(path)) == path.stem


def test_what_is_not_shipped_is_said_so() -> None:
    with pytest.raises(FileNotFoundError, match=r"no weights of pca_knn .* only of cell_net"):
        load_shipped("pca_knn")
    with pytest.raises(KeyError, match="unknown model"):
        load_shipped("cel_net")


def test_shipped_weights_map_a_scan_at_once(shipped: CellNet, known: Known) -> None:
    cube, specimen = known
    prediction = shipped.predict(cube, specimen, context="unit_cell", progress=silent)
    assert share_right(prediction, TRUTH) > 0.95
    np.testing.assert_allclose(prediction["probability"].sum("direction_class"), 1, rtol=1e-5)
    assert float(prediction["confidence"].mean()) > 0.8
    assert prediction.attrs["training"] == "randomised"


def test_a_turned_specimen_gives_the_turned_map(shipped: CellNet, known: Known) -> None:
    """Detector and scan both turned by a quarter: the same scan, read from another side."""
    cube, specimen = known
    first = shipped.predict(cube, specimen, context="unit_cell", progress=silent)
    turned = specimen.unit_cell.coefficients[:, [1, 0]] * [-1, 1]  # type: ignore[union-attr]
    other = dataclasses.replace(
        specimen,
        unit_cell=dataclasses.replace(specimen.unit_cell, coefficients=turned),  # type: ignore[type-var]
        conditions=dataclasses.replace(specimen.conditions, rotation_deg=specimen.rotation_deg - 90.0),
    )
    second = shipped.predict(cube, other, context="unit_cell", progress=silent)
    np.testing.assert_allclose(second["probability"], first["probability"], atol=2e-3)
    np.testing.assert_allclose(angular_difference(second["direction_deg"], first["direction_deg"]), 0, atol=1e-6)


def test_a_cell_without_polarization_has_no_sure_direction(shipped: CellNet, known: Known) -> None:
    _, specimen = known
    cube = pw.simulate_scan(
        "knn", displacement_A=0.0, thickness_A=119.1, scan_shape=(26, 28), cells=(26 / 12, 28 / 12), detector_shape=(32, 32), source_A=0.3,
        blur=0.05, dose=2e4, scan_rotation_deg=12.0, probe=Probe(tilt_y_mrad=0.7, tilt_x_mrad=-0.4), seed=3,
    )  # fmt: skip
    confidence = shipped.predict(cube, specimen, context="unit_cell", progress=silent)["confidence"]
    assert float(confidence.mean()) < 0.5


@pytest.mark.parametrize(
    ("change", "kept"), [({"thickness_A": 30.0}, (0.05, 0.95)), ({"thickness_A": 700.0}, (0.0, 1e-6)), ({"tilt_y_mrad": 7.0}, (0.0, 1e-6))]
)
def test_beyond_what_was_trained_it_is_not_sure(
    shipped: CellNet, known: Known, change: dict[str, float], kept: tuple[float, float]
) -> None:
    cube, specimen = known
    far = dataclasses.replace(specimen, conditions=dataclasses.replace(specimen.conditions, **change))
    confidence = shipped.predict(cube, far, context="unit_cell", progress=silent)["confidence"]
    # an eighth is no confidence at all
    assert kept[0] <= (float(confidence.max()) - 0.125) / 0.875 <= kept[1]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"semiangle_mrad": 20.0}, "trained for semiangle_mrad 24, the scan has 20"),
        ({"voltage_kV": 300.0}, "trained for voltage_kV 200, the scan has 300"),
        ({"crystal": pw.crystals.build("pbtio3")}, "trained for the crystal knn, the scan was matched to pbtio3"),
        ({"unit_cell": None}, "lone pattern"),
    ],
)
def test_other_experiments_are_refused(shipped: CellNet, known: Known, change: dict[str, object], complaint: str) -> None:
    cube, specimen = known
    with pytest.raises(ValueError, match=complaint):
        shipped.predict(cube, dataclasses.replace(specimen, **change), context="unit_cell", progress=silent)  # type: ignore[arg-type]


def test_single_patterns_and_small_detectors_are_refused(shipped: CellNet, known: Known) -> None:
    cube, specimen = known
    with pytest.raises(ValueError, match="reads unit cells, not single patterns"):
        shipped.predict(cube, specimen, context="pattern", progress=silent)
    with pytest.raises(ValueError, match=r"shows .*% of the pixels that cell_net reads"):
        shipped.predict(cube[:, :, 8:-8, 8:-8], dataclasses.replace(specimen, good_pixels=None), context="unit_cell", progress=silent)
    with pytest.raises(ValueError, match="has not been trained"):
        CellNet().predict(cube, specimen, context="unit_cell", progress=silent)


def test_patterns_are_no_cells() -> None:
    with pytest.raises(TypeError, match="learns from a Dataset of labelled cells"):
        CellNet().fit(xr.Dataset({"intensity": ("sample", [1.0])}), seed=0)


def test_files_that_lack_a_weight_are_refused(tmp_path: Path) -> None:
    model = CellNet(embedding=4, hidden=16)
    tensors = _Module(4, 16).state_dict()
    model.learnt = LearntCells(tensors, 1.0, {})
    model.save(tmp_path / "whole")
    assert CellNet.load(tmp_path / "whole").embedding == 4
    model.learnt = LearntCells({name: value for name, value in tensors.items() if name != "mix.bias"}, 1.0, {})
    model.save(tmp_path / "broken")
    with pytest.raises(ValueError, match="does not hold a whole CellNet"):
        CellNet.load(tmp_path / "broken")
    (tmp_path / "foreign").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(ValueError, match="no whole safetensors file"):
        CellNet.load(tmp_path / "foreign")


@pytest.mark.slow
def test_it_learns_at_the_match(known: Known) -> None:
    cube, specimen = known
    cells = matched_cells(specimen, cube, conditions=12, seed=1)
    assert cells.attrs["patterns_low"] < 144 < cells.attrs["patterns_high"]
    np.testing.assert_allclose(cells["thickness_A"], specimen.thickness_A, atol=10)
    model = CellNet(epochs=16).fit(cells, seed=1)
    prediction = model.predict(cube, specimen, context="unit_cell", progress=silent)
    assert share_right(prediction, TRUTH) > 0.98
    assert prediction.attrs["training"] == "matched"
    # it knows this specimen and no other
    other = dataclasses.replace(specimen, conditions=dataclasses.replace(specimen.conditions, thickness_A=specimen.thickness_A + 60))
    assert float(model.predict(cube, other, context="unit_cell", progress=silent)["confidence"].max()) == pytest.approx(0.125, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("thickness_A", "direction_deg", "dose"), [(230.0, 90.0, 700.0), (410.0, 315.0, 1500.0)])
def test_shipped_weights_tell_directions_at_thicknesses_never_matched_before(
    shipped: CellNet, thickness_A: float, direction_deg: float, dose: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With scattering factors that they were not trained with; few electrons, a mistilt, another source and blur."""
    monkeypatch.setattr(scan, "scattering_matrix", functools.partial(scattering_matrix, parametrization="kirkland"))
    cube = pw.simulate_scan(
        "knn", direction_deg=direction_deg, displacement_A=0.14, thickness_A=thickness_A, scan_shape=(27, 30), cells=(2.3, 2.556),
        detector_shape=(48, 48), source_A=0.28, blur=0.04, dose=dose, probe=Probe(tilt_y_mrad=-0.9, tilt_x_mrad=1.1), seed=8,
    )  # fmt: skip
    specimen = pw.match(cube, thickness_range_A=(thickness_A - 60, thickness_A + 60))
    prediction = shipped.predict(cube, specimen, context="unit_cell", progress=silent)
    assert share_right(prediction, direction_deg) > 0.95
    assert float(prediction["confidence"].mean()) > 0.9


def test_the_module_is_small() -> None:
    assert sum(value.numel() for value in _Module(CellNet().embedding, CellNet().hidden).parameters()) < 1e6
    assert _Module(8, 16)(torch.zeros(2, 28, 8), torch.zeros(2, 17)).shape == (2, 8)
