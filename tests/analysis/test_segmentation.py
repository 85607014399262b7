"""Scores of masks against counts by hand; the study on sets small enough for a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from polwidgets.analysis.segmentation import PixelScore, pixel_score
from polwidgets.analysis.segmentation_study import Curation, experimental_tests, read_table, run_study
from polwidgets.progress import silent


def plane(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((20, 30), np.uint8)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = 255
    return mask


def test_counts_and_their_ratios() -> None:
    score = pixel_score(plane((2, 6, 2, 8)), plane((2, 6, 5, 11)))
    assert score == PixelScore(both=12, predicted=24, true=24)
    assert (score.f1, score.precision, score.recall) == (0.5, 0.5, 0.5)
    both = score + PixelScore(10, 10, 20)
    assert both.f1 == pytest.approx(2 * 22 / (34 + 44))
    nothing = pixel_score(plane(), plane())
    assert (nothing.f1, nothing.precision, nothing.recall) == (1.0, 1.0, 1.0)


def test_particles_cut_by_the_edge_count_neither_for_nor_against() -> None:
    inside, cut = (5, 10, 5, 10), (0, 4, 20, 26)
    truth = plane(inside)
    assert pixel_score(plane(inside, cut), truth, border=False).f1 == 1
    assert pixel_score(plane(inside, cut), truth).f1 < 0.7
    assert pixel_score(plane(inside), plane(inside, cut), border=False).f1 == 1
    # a prediction that reaches from the edge over a whole particle has missed it
    assert pixel_score(plane((0, 10, 5, 10)), truth, border=False).recall == 0


def test_numbers_keep_touching_particles_apart_at_the_edge() -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[0:5, 5:10], labels[5:10, 5:10] = 1, 2
    assert pixel_score(labels, plane((5, 10, 5, 10)), border=False).f1 == 1


def test_ignored_pixels_do_not_count() -> None:
    ignored = plane((0, 20, 5, 11)) > 0
    assert pixel_score(plane((2, 6, 2, 8)), plane((2, 6, 2, 5)), ignored=ignored).f1 == 1
    with pytest.raises(ValueError, match="expected the same"):
        pixel_score(plane(), plane()[1:])


def test_the_study_writes_a_row_for_every_seed_and_test_and_goes_on(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / "experiment" / folder).mkdir(parents=True)
        for name in ("A_1", "A_2", "B_1"):
            Image.fromarray(np.uint8(plane((5, 12, 5, 14)) // 2)).save(tmp_path / "experiment" / folder / f"{name}.png")
    tests = experimental_tests(tmp_path / "experiment")
    assert [(test.name, len(test.images), test.border) for test in tests] == [("experiment A", 2, False), ("experiment B", 1, False)]
    curations = [Curation("reference", "bright_field"), Curation("large", "bright_field", changes={"radius_px": (20.0, 30.0)})]
    keywords = {
        "count": 6,
        "epochs": 1,
        "crop": 32,
        "tested": 2,
        "seeds": (0, 1),
        "experiment": tmp_path / "experiment",
        "progress": silent,
    }
    rows = run_study(tmp_path / "study.csv", tmp_path / "sets", curations=curations[:1], **keywords)
    assert [(row["seed"], row["test"]) for row in rows[:3]] == [(0, "held out"), (0, "experiment A"), (0, "experiment B")]
    assert len(rows) == 6
    written = read_table(tmp_path / "study.csv")
    more = run_study(tmp_path / "study.csv", tmp_path / "sets", curations=curations, **keywords)
    assert more[:6] == written
    assert {row["training"] for row in more[6:]} == {"large"}
    (tmp_path / "empty" / "images").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="no images"):
        experimental_tests(tmp_path / "empty")
