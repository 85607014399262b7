from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from polwidgets.analysis.benchmark.plan import make_plan
from polwidgets.analysis.benchmark.scans import ScanFile
from polwidgets.analysis.benchmark.sets import all_sets
from polwidgets.analysis.scores import pure_region
from polwidgets.models.base import models
from polwidgets.progress import silent


def test_the_full_plan_trains_every_model_in_every_way() -> None:
    plan = make_plan(quick=False)
    assert {training.model for training in plan.trainings} == set(models.names())
    own = [training for training in plan.trainings if training.model == "cnn_regressor" and training.recipe != "shipped"]
    assert {training.seed for training in own} == set(range(5))
    ways = {(training.recipe, training.augmentation != "none", training.filter) for training in own}
    assert ways == {
        (recipe, noise, rule) for recipe in ("study", "randomised", "matched") for noise in (False, True) for rule in ("none", "above_mean")
    }
    assert [training.recipe for training in plan.trainings if training.model == "unit_cell_match"] == ["none"]
    assert len({str(training.content()) for training in plan.trainings}) == len(plan.trainings)


def test_the_quick_plan_is_a_part_of_the_work() -> None:
    quick, full = make_plan(quick=True), make_plan(quick=False)
    assert len(quick.trainings) < len(full.trainings) / 10
    assert {scan.name for scan in quick.scans} < {scan.name for scan in full.scans}


def test_models_and_sets_can_be_chosen() -> None:
    plan = make_plan(quick=True, names=["pca_knn"], sets=["7S", "P1"], seeds=2)
    assert [scan.name for scan in plan.scans] == ["7S", "P1"]
    assert {(training.model, training.seed) for training in plan.trainings} == {("pca_knn", 0), ("pca_knn", 1)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ["pca_knm"]}, "pca_knn"),
        ({"sets": ["1S", "8S"]}, "no test set 8S; there are 1S"),
        ({"seeds": 0}, "at least 1"),
        ({"sets": ["D1"]}, "no test set D1"),  # without the folder that holds it
    ],
)
def test_what_does_not_exist_is_named(options: dict[str, object], message: str) -> None:
    with pytest.raises((KeyError, ValueError), match=message):
        make_plan(quick=True, **options)  # type: ignore[arg-type]


def test_the_studys_sets() -> None:
    study = {scan.name: scan for scan in all_sets() if scan.group == "study"}
    assert list(study) == ["1S", "2S", "3S", "4S", "5S", "6S", "7S"]
    assert all(scan.content()["positions"] == 128 for scan in study.values())


def test_a_file_keeps_its_truth(tmp_path: Path) -> None:
    counts = np.zeros((8, 12, 3, 4), np.uint8)
    folder = tmp_path / "knn-dev"
    folder.mkdir()
    labels = np.array([["RU", "RU", "LD"], ["RU", "MU", "LD"]])
    np.savez(folder / "D2.npz", cube=counts, labmap=labels, step_A=0.9925, dk=0.06, amp_A=0.14)
    (recipe,) = [scan for scan in all_sets(data=tmp_path) if isinstance(scan, ScanFile)]
    scan = recipe.make(progress=silent)
    assert scan.cube.attrs["scan_rotation_deg"] == 5.0
    assert scan.cell_px == pytest.approx(4)
    # labels are against the detector, directions in the scan frame
    assert scan.direction_deg[0, 0] == 40.0
    assert scan.direction_deg[7, 5] == 85.0
    assert (scan.direction_deg[:, 8:] == 220.0).all()
    assert not pure_region(scan.direction_deg, scan.cell_px)[0, 7]
    key = recipe.content()
    np.savez(folder / "D2.npz", cube=counts + 1, labmap=labels, step_A=0.9925, dk=0.06, amp_A=0.14)
    assert recipe.content() != key
