"""The command line as a user meets it. What it computes is tested where it is computed."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import polwidgets as pw
from polwidgets.cli import main
from polwidgets.models.prediction import make_prediction
from polwidgets.simulate.probe import Probe


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A scan of 5 x 7 positions on disk, asymmetric everywhere."""
    counts = np.random.default_rng(4).poisson(9, (5, 7, 12, 10)).astype(np.uint16)
    cube = pw.make_cube(counts, scan_step_A=(0.4, 0.3), k_step=0.1, voltage_kV=200.0, semiangle_mrad=24.0)
    return pw.save_cube(cube, tmp_path / "scan.zarr")


@pytest.fixture
def mapped(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Stands in for the mapping itself, which takes seconds; records what it was asked for."""
    asked: list[dict[str, Any]] = []

    def map_polarization(cube: xr.DataArray, **settings: Any) -> xr.Dataset:
        asked.append({"cube": cube, **settings})
        warnings.warn("a poor match", UserWarning, stacklevel=2)
        warnings.warn("a developer's matter", DeprecationWarning, stacklevel=2)
        probability = np.random.default_rng(3).dirichlet(np.ones(8), cube.shape[:2])
        attrs = {"model": settings["model"], "thickness_A": 203.0, "tilt_y_mrad": 1.0, "tilt_x_mrad": 0.5}
        return make_prediction(cube, probability=probability, attrs=attrs)

    monkeypatch.setitem(vars(pw), "map_polarization", map_polarization)
    return asked


def test_map_writes_what_the_mapping_found(scan: Path, mapped: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    out = scan.with_name("map.zarr")
    chosen = ["--crystal", "batio3", "--context", "pattern", "--seed", "7", "--semiangle-mrad", "21.5"]
    assert main(["map", str(scan), "-o", str(out), *chosen]) == 0
    (asked,) = mapped
    assert {key: asked[key] for key in ("crystal", "model", "context", "seed")} == {
        "crystal": "batio3", "model": "unit_cell_match", "context": "pattern", "seed": 7,
    }  # fmt: skip
    assert asked["cube"].attrs["semiangle_mrad"] == 21.5
    with xr.open_zarr(out) as found:
        assert dict(found.sizes) == {"scan_y": 5, "scan_x": 7, "direction_class": 8}
        assert found.attrs["thickness_A"] == 203.0
        assert list(found.direction_class.values) == ["RM", "RU", "MU", "LU", "LM", "LD", "MD", "RD"]
        np.testing.assert_allclose(found.probability.sum("direction_class"), 1, rtol=1e-5)
    assert capsys.readouterr().err == "polwidgets: warning: a poor match\n"
    assert sorted(path.name for path in scan.parent.iterdir()) == ["map.zarr", "scan.zarr"]


def test_map_draws_a_summary(scan: Path, mapped: list[dict[str, Any]]) -> None:
    from PIL import Image

    out = scan.with_name("map.zarr")
    assert main(["map", str(scan), "-o", str(out), "--png", "--quiet"]) == 0
    with Image.open(out.with_suffix(".png")) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape[2] == 3
    assert len(np.unique(pixels[24:-24, 24:500].reshape(-1, 3), axis=0)) > 30  # nearly every position has a colour of its own
    assert mapped[0]["progress"] is False


def test_an_existing_map_is_kept_unless_told(scan: Path, mapped: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    out = scan.with_name("map.zarr")
    assert main(["map", str(scan), "-o", str(out)]) == 0
    assert main(["map", str(scan), "-o", str(out)]) == 2
    assert "map.zarr exists; choose another name or add --overwrite" in capsys.readouterr().err
    assert len(mapped) == 1, "it must refuse before the work"
    assert main(["map", str(scan), "-o", str(out), "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["map", "{folder}/absent.zarr", "-o", "{folder}/map.zarr"], "absent.zarr"),
        (["map", "{scan}", "-o", "{folder}/map.zarr", "--crystal", "knm"], "unknown crystal 'knm'; did you mean 'knn'?"),
        (["map", "{scan}", "-o", "{folder}/map.zarr", "--model", "unit_cell_mach"], "unknown model 'unit_cell_mach'; did you mean"),
        (["map", "{scan}", "-o", "{folder}/map.tif"], "give it the ending .zarr"),
        (["map", "{scan}", "-o", "{folder}/absent/map.zarr"], "there is no folder"),
        (["simulate", "-o", "{folder}/scan.zarr"], "scan.zarr exists"),
    ],
)
def test_what_the_user_can_mend_is_one_line(
    scan: Path, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([text.format(folder=scan.parent, scan=scan) for text in arguments]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.startswith("polwidgets: error: ")
    assert error.count("\n") == 1
    assert [path.name for path in scan.parent.iterdir()] == ["scan.zarr"]


def test_debug_shows_where(scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["map", str(scan), "-o", str(scan.with_name("map.zarr")), "--crystal", "knm", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_leaves_nothing(scan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(vars(pw), "map_polarization", interrupted)
    assert main(["map", str(scan), "-o", str(scan.with_name("map.zarr"))]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert [path.name for path in scan.parent.iterdir()] == ["scan.zarr"]


def test_the_app_is_served_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    import polwidgets.app as app

    asked: list[tuple[Any, ...]] = []

    def serve(path: Path | None, port: int, address: str, **more: object) -> None:
        asked.append((path, port, address, more))

    monkeypatch.setattr(app, "serve", serve)
    assert main(["app", "scan.zarr", "map.zarr", "--port", "6001", "--no-browser"]) == 0
    more = {"map_path": Path("map.zarr"), "show": False, "prefix": "", "origin": None}
    assert asked == [(Path("scan.zarr"), 6001, "127.0.0.1", more)]


def test_a_simulated_scan_is_what_was_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "scan.zarr.zip"
    shape = ["--scan", "4", "6", "--cells", "1", "2", "--detector", "9", "8", "--semiangle-mrad", "8", "--thickness-nm", "2"]
    flaws = ["--direction", "90", "270", "--tilt-mrad", "0.5", "-1", "--source-A", "0.3", "--blur", "0.02", "--background", "0.1"]
    assert main(["simulate", "-o", str(out), *shape, *flaws, "--dose", "50", "--seed", "3", "--scan-rotation-deg", "7", "--quiet"]) == 0
    found = pw.open_cube(out)
    probe = Probe(tilt_y_mrad=0.5, tilt_x_mrad=-1.0)
    expected = pw.simulate_scan(
        "knn", direction_deg=[90, 270], thickness_A=20, scan_shape=(4, 6), cells=(1, 2), detector_shape=(9, 8), semiangle_mrad=8,
        probe=probe, source_A=0.3, blur=0.02, background=0.1, dose=50, seed=3, scan_rotation_deg=7,
    )  # fmt: skip
    xr.testing.assert_equal(found.compute(), expected)
    assert json.loads(found.attrs["provenance"]) == json.loads(expected.attrs["provenance"])


def test_too_many_numbers_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "-o", str(tmp_path / "scan.zarr"), "--scan", "4", "5", "6"]) == 2
    assert "--scan takes rows and columns, got 3 numbers" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["map"], ["map", "a.zarr"], ["nonsense"]])
def test_usage_is_argparse_s(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: polwidgets" in capsys.readouterr().err


def test_help_answers_without_loading_what_is_heavy() -> None:
    done = subprocess.run([sys.executable, "-m", "polwidgets", "map", "--help"], capture_output=True, text=True, check=True)
    assert "--crystal" in done.stdout
    script = "import sys, polwidgets.cli; polwidgets.cli.parser(); print(*[m for m in ('torch', 'panel', 'xarray') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_every_option_has_a_default_that_parses() -> None:
    from polwidgets.cli import parser

    options = parser().parse_args(["simulate", "-o", "scan.zarr"])
    assert isinstance(options, argparse.Namespace)
    assert (options.scan, options.detector, options.cells, options.thickness_nm, options.crystal) == ([128], [64], [2.0], 20.0, "knn")


def test_a_model_is_trained_and_what_was_interrupted_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "net.safetensors"
    command = ["train", "--model", "cnn_classifier", "--output", str(out), "--recipe", "study", "--augmentation", "none", "--quiet"]
    command += ["--epochs", "1", "--set", "batch=64", "learning_rate=1e-3", "--recipe-set", "positions=4", "cells=1", "pixels=16"]
    with pytest.MonkeyPatch.context() as patch:

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("polwidgets.models.network._Task.loss", interrupted)
        assert main(command) == 130
    assert "with --resume goes on" in capsys.readouterr().err
    assert not out.exists()
    assert main(command) == 2
    assert "add --resume to go on" in capsys.readouterr().err
    assert main([*command, "--resume"]) == 0
    assert [file.name for file in tmp_path.iterdir()] == [out.name]
    model = pw.load_model(out)
    assert (model.epochs, model.batch, model.learning_rate) == (1, 64, 1e-3)  # type: ignore[attr-defined]
    assert main(command) == 2
    assert "exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--model", "cnn_classifer"], "did you mean 'cnn_classifier'"),
        (["--filter", "above"], "unknown filter rule 'above'"),
        (["--augmentation", "detektor"], "unknown preset 'detektor'"),
        (["--model", "unit_cell_match"], "learns nothing that could be kept"),
        (["--set", "lr=3"], "has no parameter lr"),
        (["--set", "epochs"], "--set takes KEY=VALUE"),
        (["--recipe", "matched"], "made from a scan; give cube (on the command line --scan)"),
        (["--resume"], "to go on from; leave --resume out"),
        (["--output", "net.pickle"], "give it the ending .safetensors"),
    ],
)
def test_what_cannot_be_trained_says_why(more: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "--model", "cnn_classifier", "--output", str(tmp_path / "net.safetensors"), *more]
    assert main(command) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
