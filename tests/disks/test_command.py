"""The command `polwidgets strain`: the same maps as the function's, with hints, references and what goes wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import drawn_disks as drawn
import numpy as np
import pytest
import xarray as xr

import polwidgets as pw
from polwidgets.cli import main

SHAPE = (2, 3)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("strain")
    rows = [dataclasses.replace(drawn.INSTRUMENT, dose=3e5, background=0.05, e_xx=0.01 * (row > 2)) for row in range(6)]
    pw.save_cube(drawn.scan(rows, SHAPE), folder / "scan.zarr")
    np.save(folder / "probe.npy", drawn.probe().values)
    return folder


def run(files: Path, *options: str) -> int:
    probe = ["--probe", str(files / "probe.npy")]
    return main(["strain", str(files / "scan.zarr"), "-o", str(files / "strain.zarr"), "--overwrite", "--quiet", *probe, *options])


def test_writes_what_the_function_gives(files: Path) -> None:
    assert run(files, "--reference", "0", "1", "0", "3") == 0
    region = np.array([[True] * 3, [False] * 3])
    expected = pw.strain_map(pw.open_cube(files / "scan.zarr"), probe=drawn.probe(), reference=region)
    with xr.open_zarr(files / "strain.zarr") as written:
        np.testing.assert_allclose(written.e_xx, expected.e_xx, atol=1e-6)
        np.testing.assert_allclose(written.e_xx[1], 0.01, atol=2e-3)
        assert written.attrs["reference"] == "mean of 3 of 3 positions"
        assert written.reason.attrs["flag_meanings"].startswith("good ")


def test_axis_and_refinement_are_passed_on(files: Path) -> None:
    assert run(files, "--reference", "0", "1", "0", "3", "--axis-deg", "90", "--refine", "disks") == 0
    with xr.open_zarr(files / "strain.zarr") as turned:
        np.testing.assert_allclose(turned.e_yy[1], 0.01, atol=3e-3)
        assert turned.attrs["refine"] == "disks"


def test_a_reference_off_the_scan_is_refused(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files, "--reference", "5", "9", "0", "3") == 2
    assert "mask is empty" in capsys.readouterr().err
