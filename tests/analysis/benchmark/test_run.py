from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polwidgets.analysis.benchmark.plan import Plan
from polwidgets.analysis.benchmark.report import write_report
from polwidgets.analysis.benchmark.run import Benchmark
from polwidgets.analysis.benchmark.table import COLUMNS, tidy


def test_every_way_is_scored_in_both_contexts(fake: Any, plan: Callable[..., Plan], tmp_path: Path) -> None:
    work = Benchmark(plan(seeds=2, shift=1), tmp_path)
    work.run()
    records = [result.record for result in work.results()]
    assert len(records) == 2 * 2 * 2 * 2  # seeds, augmentations, sets, contexts
    assert sorted(fake.trained) == [(0, 0), (0, 3), (1, 0), (1, 3)]  # the study's augmentation has three parts
    assert sorted(fake.made) == ["1S", "P1"]
    for record in records:
        # a coin makes the lone pattern wrong by a class
        wrong = np.random.default_rng(record["seed"]).random((8, 12)) < (0.25 if record["context"] == "pattern" else 0)
        assert record["right_everywhere"] == pytest.approx(1 - wrong.mean())
        assert record["calibration_error_everywhere"] == pytest.approx(abs(0.9 + 0.1 / 8 - (1 - wrong.mean())), abs=1e-6)
        assert record["match_score"] == 0.97


def test_a_second_run_does_nothing(fake: Any, plan: Callable[..., Plan], tmp_path: Path) -> None:
    first = Benchmark(plan(), tmp_path)
    assert first.run() == len(first.pieces())
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    fake.clear()
    second = Benchmark(plan(), tmp_path)
    assert second.run() == 0
    assert (fake.made, fake.trained) == ([], [])
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")} == before
    assert tidy(second.results()) == tidy(first.results())


def test_an_interrupted_run_goes_on(fake: Any, plan: Callable[..., Plan], tmp_path: Path) -> None:
    whole = Benchmark(plan(), tmp_path / "whole")
    total = whole.run()
    fake.clear()
    told: list[float] = []

    def cancel(_: str, fraction: float) -> None:
        told.append(fraction)
        if len(set(told)) > 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Benchmark(plan(), tmp_path / "part").run(cancel)
    assert 0 < len(fake.trained) < 4
    rest = Benchmark(plan(), tmp_path / "part")
    assert 0 < rest.run() < total
    assert sorted(fake.made) == ["1S", "P1"]
    assert set(fake.trained) == {(0, 0), (0, 3), (1, 0), (1, 3)}
    assert len(fake.trained) <= 5  # the one that was cut off is done again
    assert not list(tmp_path.rglob(".*"))

    def untimed(work: Benchmark) -> list[dict[str, Any]]:
        return [{name: value for name, value in result.record.items() if "seconds" not in name} for result in work.results()]

    assert untimed(rest) == untimed(whole)


def test_only_what_changed_is_done_again(fake: Any, plan: Callable[..., Plan], tmp_path: Path) -> None:
    Benchmark(plan(shift=1), tmp_path).run()
    fake.clear()
    Benchmark(plan(shift=2), tmp_path).run()
    assert fake.made == []
    assert len(fake.trained) == 4
    fake.clear()
    changed = plan(shift=1)
    scans = (changed.scans[0], dataclasses.replace(changed.scans[1], direction_deg=135.0))  # type: ignore[call-arg]
    work = Benchmark(dataclasses.replace(changed, scans=scans), tmp_path)
    work.run()
    assert fake.made == ["P1"]
    assert fake.trained == []  # models of the study's patterns do not depend on the scan
    assert len(work.results()) == 16


@pytest.mark.usefixtures("fake")
def test_another_title_changes_nothing(plan: Callable[..., Plan], tmp_path: Path) -> None:
    Benchmark(plan(), tmp_path).run()
    renamed = plan()
    scans = tuple(dataclasses.replace(scan, title="in other words") for scan in renamed.scans)
    assert Benchmark(dataclasses.replace(renamed, scans=scans), tmp_path).run() == 0


def test_matched_models_are_trained_for_every_scan(fake: Any, plan: Callable[..., Plan], tmp_path: Path) -> None:
    work = Benchmark(plan(seeds=1, recipe="matched"), tmp_path)
    work.run()
    assert len(fake.trained) == 2 * 2
    assert len(work.results()) == 2 * 2 * 2


@pytest.mark.usefixtures("fake")
def test_progress_names_pieces_and_grows(plan: Callable[..., Plan], tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    Benchmark(plan(), tmp_path).run(lambda *step: told.append(step))
    steps, fractions = zip(*told, strict=True)
    assert list(fractions) == sorted(fractions)
    assert 0 <= fractions[0] < fractions[-1] < 1
    assert steps[0] == "make 1S"
    assert "min left" in steps[-1]


@pytest.mark.usefixtures("fake")
def test_the_report(plan: Callable[..., Plan], tmp_path: Path) -> None:
    work = Benchmark(plan(seeds=2, shift=4), tmp_path / "cache")
    work.run()
    text = write_report(work, tmp_path).read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "table.csv").read_text(encoding="utf-8"))))
    assert len(rows) == 16
    assert tuple(rows[0]) == COLUMNS
    assert {row["set"]: row["majority"] for row in rows if row["context"] == "unit_cell"}.keys() == {"1S", "P1"}
    assert "| fake | study | none | none | unit_cell | 100.0 ± 0.0 🟩 RU |" in text
    assert "Calibration and abstention" in text
    for name in ("maps", "distributions"):
        for group in ("study", "pseudo-experimental"):
            picture = tmp_path / f"{name}-{group}.png"
            assert picture.read_bytes().startswith(b"\x89PNG")
