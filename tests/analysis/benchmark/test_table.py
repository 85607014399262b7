from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from polwidgets.analysis.benchmark.run import Result
from polwidgets.analysis.benchmark.table import COLUMNS, RIGHT, WRONG, markdown, tidy


def result(right: float, *, found: int = 1, truth: int = 1, **record: object) -> Result:
    numbers = dict.fromkeys(COLUMNS, 0.5)
    way = {"model": "m", "recipe": "study", "augmentation": "none", "filter": "none", "context": "pattern"}
    about = {**numbers, **way, "set": "P1", "group": "pseudo-experimental", "seed": 0, **record, "right": right}
    return Result(about, np.full((2, 3), found, np.int8), np.full((2, 3), truth, np.int8))


def test_mean_and_deviation_over_seeds() -> None:
    text = markdown([result(0.5, seed=0), result(0.7, seed=1)], [])
    assert f"| m | study | none | none | pattern | 60.0 ± 14.1 {RIGHT} RU |" in text


def test_a_majority_that_is_not_in_the_scan_is_marked() -> None:
    assert f"| 10.0 {WRONG} MD |" in markdown([result(0.1, found=6, truth=2)], [])
    # the majority over seeds, not of one
    assert f"± 0.0 {RIGHT} RU |" in markdown([result(0.1, found=found, seed=found) for found in (1, 1, 6)], [])


def test_sets_that_a_way_was_not_tested_on_stay_empty() -> None:
    text = markdown([result(0.5), result(0.5, set="P2"), result(1.0, recipe="matched", set="P2")], [])
    assert f"| m | matched | none | none | pattern |  | 100.0 {RIGHT} RU |" in text


def test_the_matched_recipe_is_compared_with_the_studys_best() -> None:
    study = [result(0.12), result(0.2, augmentation="study"), result(0.9, context="unit_cell"), result(0.3, set="P2")]
    text = markdown([*study, result(0.55, recipe="matched"), result(0.99, recipe="matched", model="other")], [])
    assert "| m | 20.0 → 55.0 |  |" in text
    assert "| other | " not in text.split("What the match changes")[1].split("##")[0]


def test_leaks_are_listed() -> None:
    text = markdown([], [{"model": "pca_knn", "split": "random", "patterns": 8192, "accuracy": 0.951}])
    assert "| pca_knn | random | 8192 | 95.1 |" in text


def test_the_tidy_table_holds_every_number() -> None:
    (row,) = csv.DictReader(io.StringIO(tidy([result(0.123456, calibration_error=0.04, seed=3)])))
    assert tuple(row) == COLUMNS
    assert float(row["right"]) == pytest.approx(0.123456, rel=1e-4)
    assert (row["seed"], row["calibration_error"]) == ("3", "0.04")
