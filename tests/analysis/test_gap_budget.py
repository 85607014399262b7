"""A training set made elsewhere: the budget names what is different."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import xarray as xr

import polwidgets as pw
from polwidgets.analysis.gap_budget import TrainingConditions
from polwidgets.match.specimen import SpecimenFit


@pytest.fixture(scope="module")
def cube(good: xr.DataArray) -> xr.DataArray:
    return good.copy(data=np.random.default_rng(0).poisson(3000 * good.values.astype(float)).astype(np.uint16))


@pytest.mark.slow
def test_the_budget_names_what_is_different(cube: xr.DataArray, specimen: SpecimenFit) -> None:
    matched = TrainingConditions.matched(specimen)
    training = dataclasses.replace(matched, thickness_A=matched.thickness_A + 60, tilt_x_mrad=1.0)
    budget = pw.gap_budget(cube, specimen, 45.0, training=training, positions=8)
    assert set(budget["nuisance"].values) == {"thickness", "tilt"}
    assert budget["nuisance"].values[0] == "thickness"
    assert np.all(np.diff(budget["distance"]) < 0)
    whole = float(budget["distance"][0] - budget["distance"][-1])
    assert float(budget["distance_part"].sum()) == pytest.approx(whole)
    assert float(budget["accuracy_part"].sum()) == pytest.approx(float(budget["accuracy"][-1] - budget["accuracy"][0]))
    assert budget["matched"].values.tolist() == ["", "tilt", "thickness", "thickness tilt"]


def test_no_gap_is_no_budget(cube: xr.DataArray, specimen: SpecimenFit) -> None:
    with pytest.raises(ValueError, match="no gap to divide"):
        pw.gap_budget(cube, specimen, 45.0, training=TrainingConditions.matched(specimen))


def test_target_patterns_are_those_of_the_scan(cube: xr.DataArray, specimen: SpecimenFit) -> None:
    target = pw.target_patterns(cube, specimen, count=9, seed=1)
    row, column = int(target["scan_row"][4]), int(target["scan_column"][4])
    kept = cube[row, column].sel(ky=target["ky"], kx=target["kx"], method="nearest")
    np.testing.assert_array_equal(target["intensity"][4], kept)
