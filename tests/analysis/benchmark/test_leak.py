from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from polwidgets.analysis.benchmark import leak
from polwidgets.analysis.benchmark.leak import SPECIMENS, SPLITS, Split, leak_check, leak_scans, split
from polwidgets.directions import ANGLES_DEG
from polwidgets.progress import silent
from polwidgets.training.labelled import labelled_patterns

COPIES, PLACES, SPECIMEN_COUNT = 4, 40, 4
CHANCE = 1 / 8


@pytest.fixture(scope="module")
def planted() -> xr.Dataset:
    """Patterns of pure noise with drawn labels, each four times at one place of the cell: nothing can be learnt but the copies."""
    rng = np.random.default_rng(0)
    count = SPECIMEN_COUNT * PLACES
    patterns = rng.random((count, 7, 9), np.float32)
    directions = rng.permutation(np.resize(ANGLES_DEG, count))
    # rounding differs from cell to cell, and one place lies on the cell's border
    phase = (
        np.repeat(rng.random((count, 2)), COPIES, axis=0)
        + rng.integers(0, 2, (count * COPIES, 2))
        + 1e-12 * rng.normal(size=(count * COPIES, 2))
    )
    phase[:COPIES] = np.array([[0.0, 0.5], [1.0, 0.5], [1 - 1e-13, 0.5], [1e-13, 0.5]])
    return labelled_patterns(
        np.repeat(patterns, COPIES, axis=0), ky=np.arange(7) * 0.1, kx=np.arange(9) * 0.1, direction_deg=np.repeat(directions, COPIES),
        thickness_A=np.full(count * COPIES, 200.0), specimen=np.repeat(np.arange(SPECIMEN_COUNT), PLACES * COPIES), phase=phase, attrs={},
    )  # fmt: skip


@pytest.mark.parametrize(("how", "low", "high"), [("random", 0.95, 1.0), ("copies together", 0.0, 0.25), ("specimen", 0.0, 0.25)])
def test_only_the_random_split_knows_planted_copies(planted: xr.Dataset, how: Split, low: float, high: float) -> None:
    accuracy = leak_check("pca_knn", {"components": 30, "neighbours": 1}, planted, how, seed=1, progress=silent)
    assert low <= accuracy <= high


@pytest.mark.parametrize("how", SPLITS)
def test_splits_are_disjoint_and_whole(planted: xr.Dataset, how: Split) -> None:
    training, tested = split(planted, how, seed=3)
    np.testing.assert_array_equal(np.sort(np.concatenate([training, tested])), np.arange(planted.sizes["sample"]))
    assert 0.1 < len(tested) / planted.sizes["sample"] < 0.35


def test_copies_stay_together(planted: xr.Dataset) -> None:
    training, tested = split(planted, "copies together", seed=3)
    pattern = np.arange(planted.sizes["sample"]) // COPIES
    assert not set(pattern[training]) & set(pattern[tested])


def test_the_specimen_split_tests_a_specimen_that_was_not_seen(planted: xr.Dataset) -> None:
    training, tested = split(planted, "specimen", seed=3)
    owner = planted["specimen"].values
    assert set(owner[tested]) == {SPECIMEN_COUNT - 1}
    assert set(owner[training]) == set(range(SPECIMEN_COUNT - 1))


def test_a_model_of_the_match_cannot_be_checked(planted: xr.Dataset) -> None:
    with pytest.raises(TypeError, match="unit_cell_match"):
        leak_check("unit_cell_match", {}, planted, "random", seed=0, progress=silent)


@pytest.mark.slow
def test_scans_of_two_by_two_cells_hold_every_pattern_four_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leak, "SPECIMENS", SPECIMENS[1:3])
    scans = leak_scans(positions=4, seed=0, progress=silent)
    assert scans.sizes["sample"] == 2 * len(ANGLES_DEG) * 16
    first = scans.isel(sample=(scans["specimen"] == 0) & (scans["direction_deg"] == 90))
    patterns = first["intensity"].values.reshape(4, 4, -1)
    np.testing.assert_allclose(patterns[:2, :2], patterns[2:, 2:], rtol=1e-3, atol=1e-7)
    assert not np.allclose(patterns[0, 0], patterns[1, 0], rtol=1e-3)
    second = scans.isel(sample=(scans["specimen"] == 1) & (scans["direction_deg"] == 90))
    assert not np.allclose(first["cell_y"], second["cell_y"])
