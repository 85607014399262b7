"""The displacement vector of a known scan, its error, and its parameters on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from polwidgets.directions import angular_difference
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.pca_knn import PCAKNN
from polwidgets.models.unit_cell_match import UnitCellMatch
from polwidgets.progress import silent

Known = tuple[xr.DataArray, SpecimenFit]
TRUTH_DEG, TRUTH_pm = 225.0 - 12.0, 15.0


@pytest.fixture(scope="module")
def pooled(known: Known) -> xr.Dataset:
    return UnitCellMatch().predict(*known, context="unit_cell", progress=silent)


@pytest.fixture(scope="module")
def single(known: Known) -> xr.Dataset:
    return UnitCellMatch().predict(*known, context="pattern", progress=silent)


def error_pm(found: xr.Dataset) -> np.ndarray:
    return np.asarray(found["displacement_pm"] - TRUTH_pm)


def test_every_direction_is_right(pooled: xr.Dataset) -> None:
    off = angular_difference(pooled["direction_deg"].values, TRUTH_DEG)
    assert np.abs(off).max() < 5
    assert (pooled["direction"] == 5).all()
    assert pooled["confidence"].min() > 0.99
    np.testing.assert_array_equal(pooled["probability"].argmax("direction_class"), 5)


def test_the_displacement_is_right(pooled: xr.Dataset) -> None:
    assert np.abs(error_pm(pooled).mean()) < 0.5
    assert error_pm(pooled).std() < 0.5


def test_single_patterns_scatter_as_they_say(single: xr.Dataset, pooled: xr.Dataset) -> None:
    """Neighbours share no noise here, so that the errors' coverage can be counted."""
    stated = single["displacement_error_pm"].values
    assert np.median(stated) > 5 * np.median(pooled["displacement_error_pm"])
    near = np.abs(error_pm(single)) < stated
    assert 0.55 < near.mean() < 0.85  # 68 % of a normal distribution
    off = angular_difference(single["direction_deg"].values, TRUTH_DEG)
    assert 0.5 < (np.abs(off) < 22.5).mean() < 1
    assert single.attrs["context"] == "pattern"


def test_probabilities_are_calibrated(single: xr.Dataset) -> None:
    claimed = float(single["confidence"].mean())
    assert float((single["probability"].argmax("direction_class") == 5).mean()) == pytest.approx(claimed, abs=0.07)


def test_a_part_of_the_scan_has_the_phases_of_the_whole(known: Known, single: xr.Dataset) -> None:
    cube, specimen = known
    part = UnitCellMatch().predict(cube[7:15, 3:], specimen, context="pattern", progress=silent)
    np.testing.assert_allclose(part["displacement_pm"], single["displacement_pm"][7:15, 3:], rtol=1e-3, atol=1e-2)


def test_a_lone_pattern_s_match_has_no_lattice(known: Known, lone: SpecimenFit) -> None:
    with pytest.raises(ValueError, match=r"has no lattice; use pw\.match\(cube\)"):
        UnitCellMatch().predict(known[0], lone, context="unit_cell", progress=silent)
    with pytest.raises(TypeError, match="learns from a matched specimen"):
        UnitCellMatch().fit(xr.Dataset(), seed=0, progress=silent)


def test_parameters_survive_the_disk(tmp_path: Path) -> None:
    model, path = UnitCellMatch(order=5, k_limit=2.9, longest=1.5), tmp_path / "model.json"
    model.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["model.json"]
    assert UnitCellMatch.load(path) == model


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b"\xff\xfe\x00", b'{"model": "unit_cell_match", "oder": 3}', b'{"model": "nobody"}']
)
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.json does not hold a saved UnitCellMatch"):
        UnitCellMatch.load(path)


def test_another_model_s_file_is_refused(tmp_path: Path) -> None:
    from polwidgets.models.base import models

    path = tmp_path / "model.json"
    path.write_text(models.to_json(PCAKNN()), encoding="utf-8")
    with pytest.raises(ValueError, match="holds the model PCAKNN, expected UnitCellMatch"):
        UnitCellMatch.load(path)
