from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polwidgets.analysis.benchmark import report
from polwidgets.analysis.benchmark.plan import Plan
from polwidgets.cli import main


def test_the_command_writes_tables_and_figures_and_goes_on(
    fake: Any, plan: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(report, "make_plan", lambda **options: asked.update(options) or plan())
    out = tmp_path / "out"
    command = ["benchmark", "--quick", "--out", str(out), "--data", str(tmp_path), "--models", "fake", "--sets", "1S", "P1", "--seeds", "2"]
    assert main(command) == 0
    assert asked == {"quick": True, "data": tmp_path, "names": ["fake"], "sets": ["1S", "P1"], "seeds": 2}
    assert {path.name for path in out.iterdir()} == {
        "cache", "table.csv", "table.md",
        "maps-study.png", "maps-pseudo-experimental.png", "distributions-study.png", "distributions-pseudo-experimental.png",
    }  # fmt: skip
    said = capsys.readouterr().err
    assert "make 1S" in said
    assert "min left" in said
    fake.clear()
    assert main([*command, "--quiet"]) == 0
    assert (fake.made, fake.trained) == ([], [])
    assert "make" not in capsys.readouterr().err


@pytest.mark.usefixtures("fake")
def test_an_interruption_says_how_to_go_on(
    plan: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "make_plan", lambda **_: plan())

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("polwidgets.analysis.benchmark.run.match", interrupt)
    assert main(["benchmark", "--out", str(tmp_path)]) == 130
    assert "the same command goes on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--models", "cnn_clasifier"], "cnn_classifier"),
        (["--sets", "9S"], "there are 1S"),
        (["--data", "nowhere"], "no folder nowhere"),
        (["--seeds", "0"], "at least 1"),
    ],
)
def test_misspelt_options_are_named_before_the_work(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["benchmark", "--out", str(tmp_path / "out"), *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_supercells_without_abtem_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match=r"P1.*polwidgets\[sim\]"):
        report.benchmark(tmp_path, quick=True, sets=["1S", "P1"])
