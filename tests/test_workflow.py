"""The loop as a user runs it, on small scans of known specimens, whole and broken."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import polwidgets as pw
from polwidgets.cli import main
from polwidgets.directions import angular_difference
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.pca_knn import PCAKNN
from polwidgets.progress import silent
from polwidgets.simulate.probe import Probe
from polwidgets.training.matched import matched_patterns

RANGE_A = (95.0, 145.0)
RATIO = 13 / 12


@pytest.fixture(scope="module")
def cube() -> xr.DataArray:
    """Two domains side by side, at 150 and 225 degrees on the detector, in a scan turned by 20 degrees."""
    return pw.simulate_scan(
        "knn", direction_deg=[150.0, 225.0], thickness_A=119.1, scan_shape=(26, 40), cells=(2 * RATIO, 40 / 12), detector_shape=(32, 32),
        source_A=0.3, blur=0.05, dose=8e3, scan_rotation_deg=20.0, probe=Probe(tilt_y_mrad=-0.6, tilt_x_mrad=1.1), k_limit=2.8, seed=4,
    )  # fmt: skip


@pytest.fixture(scope="module")
def mapped(cube: xr.DataArray, specimen: SpecimenFit) -> xr.Dataset:
    before, steps = cube.copy(deep=True), []
    found = pw.map_polarization(cube, specimen=specimen, seed=11, progress=lambda step, fraction: steps.append((step, fraction)))
    xr.testing.assert_identical(cube, before)
    assert [step for step, fraction in steps if fraction == 1] == ["check the scan", "read the polarization"]
    assert all(0 <= fraction <= 1 for _, fraction in steps)
    return found


@pytest.fixture(scope="module")
def specimen(cube: xr.DataArray) -> SpecimenFit:
    return pw.match(cube, thickness_range_A=RANGE_A)


def test_two_domains_of_a_turned_scan(mapped: xr.Dataset) -> None:
    """Directions are in the scan frame: 130 and 205 degrees."""
    truth = np.where(np.arange(40) < 20, 130.0, 205.0)
    off = np.abs(angular_difference(mapped["direction_deg"].values, truth))
    assert (mapped["direction"][:, :16] == 3).all()
    assert (mapped["direction"][:, 24:] == 5).all()
    assert off[:, :17].max() < 8
    assert off[:, 23:].max() < 8
    assert (off < 22.5).mean() > 0.93
    assert float(mapped["displacement_pm"].mean()) == pytest.approx(15.0, abs=1.0)


def test_attrs_say_how_it_was_made(mapped: xr.Dataset, cube: xr.DataArray) -> None:
    attrs = mapped.attrs
    assert {
        "crystal": "knn",
        "model": "unit_cell_match",
        "context": "unit_cell",
        "seed": 11,
        "match_quality": "good",
    }.items() <= attrs.items()
    assert attrs["polwidgets_version"] == pw.__version__
    assert json.loads(attrs["parameters"])["order"] == 6
    assert attrs["thickness_A"] == pytest.approx(119.1, abs=3)
    assert (attrs["tilt_y_mrad"], attrs["tilt_x_mrad"]) == pytest.approx((-0.6, 1.1), abs=0.1)
    assert {"source_A", "rotation_deg", "thickness_A_error", "tilt_y_mrad_error", "match_score", "match_misfit"} <= set(attrs)
    assert all(isinstance(value, (int, float, str)) for value in attrs.values())
    xr.testing.assert_equal(mapped["scan_x"], cube["scan_x"])


def test_a_lazy_scan_and_a_given_specimen_give_the_same(cube: xr.DataArray, mapped: xr.Dataset, specimen: SpecimenFit) -> None:
    lazy = cube.chunk({"scan_y": 7, "scan_x": 40, "ky": -1, "kx": -1})
    given = pw.map_polarization(lazy, specimen=specimen, seed=11, thickness_range_A=(600.0, 601.0))
    xr.testing.assert_identical(given, mapped)


@pytest.mark.slow
def test_a_lazy_scan_is_matched_as_one_in_memory(cube: xr.DataArray, mapped: xr.Dataset) -> None:
    lazy = cube.chunk({"scan_y": 5, "scan_x": 20, "ky": -1, "kx": -1})
    xr.testing.assert_identical(pw.map_polarization(lazy, thickness_range_A=RANGE_A, seed=11), mapped)


def test_a_trained_model_is_taken_as_it_is(cube: xr.DataArray, specimen: SpecimenFit, tmp_path: Path) -> None:
    model = PCAKNN(components=30).fit(matched_patterns(specimen, cube, seed=3, progress=silent), seed=3, progress=silent)
    model.save(tmp_path / "model")
    by_name = pw.map_polarization(cube, model="pca_knn", specimen=specimen, seed=3)
    part = cube[:14]
    loaded = pw.map_polarization(part, model=PCAKNN.load(tmp_path / "model"), specimen=specimen, context="pattern")
    assert json.loads(loaded.attrs["parameters"]) == {"components": 30, "neighbours": 5}
    assert by_name.attrs["model"] == loaded.attrs["model"] == "pca_knn"
    # the crystal's variants at 135 and 225 degrees on the detector
    np.testing.assert_allclose(by_name["direction_deg"][:, :16], 115, atol=0.3)
    np.testing.assert_allclose(by_name["direction_deg"][:, 24:], 205, atol=0.3)
    again = pw.map_polarization(part, model=model, specimen=specimen, context="pattern")
    xr.testing.assert_identical(loaded, again)


def complaints(work: Callable[[], xr.Dataset]) -> tuple[xr.Dataset, list[str]]:
    """What it returns, and what it warns of."""
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        return work(), [str(warning.message) for warning in raised if warning.category is UserWarning]


def changed(cube: xr.DataArray, change: Callable[[np.ndarray], Any], dtype: type | None = None) -> xr.DataArray:
    values = cube.values.astype(dtype or cube.dtype)
    change(values)
    return cube.copy(data=values)


def spoil(values: np.ndarray) -> None:
    """NaN here and there, in a whole pattern, and in a detector pixel of the disk; two dead rows across the disk."""
    values[np.random.default_rng(0).random(values.shape) < 5e-4] = np.nan
    values[4, 9] = np.nan
    values[:, :, 18, 12] = np.nan
    values[:, :, 13:15] = 0


def test_nan_and_dead_rows_are_left_out(cube: xr.DataArray, mapped: xr.Dataset) -> None:
    broken = changed(cube, spoil, np.float32)
    found, texts = complaints(lambda: pw.map_polarization(broken, thickness_range_A=RANGE_A))
    assert any("values are NaN or infinite" in text for text in texts)
    assert any("dead rows 13-14" in text for text in texts)
    assert np.isfinite(found["displacement_pm"]).all()
    assert found.attrs["thickness_A"] == pytest.approx(119.1, abs=3)
    off = angular_difference(found["direction_deg"].values, mapped["direction_deg"].values)
    assert (np.abs(off) < 10).mean() > 0.95


@pytest.mark.slow
def test_a_saturated_scan_makes_no_confident_map(cube: xr.DataArray) -> None:
    full = cube.copy(data=(cube.values.astype(float) * 20).clip(max=255).astype(np.uint8))
    found, texts = complaints(lambda: pw.map_polarization(full, thickness_range_A=RANGE_A))
    assert any("detector pixels reach 255" in text for text in texts)
    assert any("poor match" in text for text in texts)
    assert found.attrs["match_quality"] == "poor"
    assert float(found["confidence"].max()) < 0.9


def test_a_part_smaller_than_a_cell_of_a_matched_scan(cube: xr.DataArray, specimen: SpecimenFit) -> None:
    part = cube[5:9, 7:10]
    with pytest.raises(ValueError, match="less than one unit cell"):
        pw.map_polarization(part, specimen=specimen)
    found = pw.map_polarization(part, specimen=specimen, context="pattern", model="pca_knn")
    assert found["direction"].shape == (4, 3)
    assert found["probability"].notnull().all()


def without(cube: xr.DataArray, name: str) -> xr.DataArray:
    return cube.drop_attrs(deep=False).assign_attrs({key: value for key, value in cube.attrs.items() if key != name})


BROKEN: dict[str, tuple[Callable[[xr.DataArray], xr.DataArray], str]] = {
    "empty": (lambda cube: cube * 0, "every pattern is empty"),
    "mostly NaN": (lambda cube: cube.where(cube > 4), "values are NaN or infinite"),
    "small": (lambda cube: cube[:8, :8], "less than one unit cell"),
    "uncalibrated": (lambda cube: pw.make_cube(cube.values, voltage_kV=200.0, semiangle_mrad=24.0), "use pw.calibrate"),
    "no voltage": (lambda cube: without(cube, "voltage_kV"), "does not say its voltage_kV"),
    "voltage in volts": (lambda cube: cube.assign_attrs(voltage_kV=2e5), "give kilovolts, not volts"),
    "semi-angle in radians": (lambda cube: cube.assign_attrs(semiangle_mrad=0.024), "check semiangle_mrad (milliradians)"),
    "negative semi-angle": (lambda cube: cube.assign_attrs(semiangle_mrad=-24.0), "check semiangle_mrad (milliradians)"),
    "text for a number": (lambda cube: cube.assign_attrs(voltage_kV="200 kV"), "voltage_kV is '200 kV', expected a number"),
    "one detector row": (lambda cube: cube[:, :, :1], "on a detector of 1 x 32"),
    "below zero": (lambda cube: cube - 1e4, "every pattern is empty"),
    "upside down": (lambda cube: cube[::-1], "use cube.sortby(['scan_y'])"),
}


def broken(cube: xr.DataArray, name: str) -> xr.DataArray:
    with xr.set_options(keep_attrs=True):
        return BROKEN[name][0](cube)


@pytest.mark.filterwarnings("ignore:intensities go down to", "ignore:.*patterns are empty")
@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_said_before_the_work(cube: xr.DataArray, name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(BROKEN[name][1])) as complaint:
        pw.map_polarization(broken(cube, name))
    assert ";" in str(complaint.value), "what to do is missing"


@pytest.mark.parametrize(
    ("settings", "kind", "complaint"),
    [
        ({"crystal": "srtio3"}, ValueError, "no polar displacement"),
        ({"crystal": "knm"}, KeyError, "did you mean 'knn'"),
        ({"model": "unit_cell_mach"}, KeyError, "did you mean 'unit_cell_match'"),
        ({"context": "cell"}, ValueError, "context must be one of pattern, unit_cell, got 'cell'"),
        ({"thickness_range_A": (12.0, 11.0)}, ValueError, "0 < low < high <= 3000"),
    ],
)
def test_a_wrong_setting_is_named_before_the_work(
    cube: xr.DataArray, settings: dict[str, Any], kind: type[Exception], complaint: str
) -> None:
    with pytest.raises(kind, match=complaint):
        pw.map_polarization(cube, **settings)


def test_an_array_is_not_a_cube(cube: xr.DataArray) -> None:
    with pytest.raises(TypeError, match=r"use pw\.open_cube\(path\) or pw\.make_cube\(array\)"):
        pw.map_polarization(cube.values)


@pytest.mark.slow
def test_another_thickness_warns_and_is_not_confident(cube: xr.DataArray) -> None:
    found, texts = complaints(lambda: pw.map_polarization(cube[:, :20], thickness_range_A=(260.0, 300.0)))
    assert any("poor match" in text and "check the crystal (knn)" in text for text in texts)
    assert any("widen it" in text for text in texts)
    assert found.attrs["match_quality"] == "poor"
    assert float(found["confidence"].max()) < 0.9


COMMAND: dict[str, tuple[list[str], str]] = {
    "small": ([], "less than one unit cell"),
    "uncalibrated": ([], "use pw.calibrate"),
    "no voltage": ([], "does not say its voltage_kV"),
    "empty": ([], "every pattern is empty"),
    "semi-angle in radians": ([], "check semiangle_mrad"),
    "whole, SrTiO3": (["--crystal", "srtio3"], "SrTiO3 has no polar displacement"),
    "whole, senseless thickness": (["--thickness-nm", "30", "20"], "thickness_range_A must be"),
    "whole, unknown model": (["--model", "resnet"], "unknown model 'resnet'"),
}


@pytest.mark.parametrize("name", COMMAND)
def test_the_command_fails_in_one_line_and_writes_nothing(
    cube: xr.DataArray, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options, complaint = COMMAND[name]
    path = pw.save_cube(broken(cube, name) if name in BROKEN else cube, tmp_path / "scan.zarr")
    assert main(["map", str(path), "-o", str(tmp_path / "map.zarr"), "--png", "--quiet", *options]) == 2
    said = capsys.readouterr().err.splitlines()
    assert complaint in said[-1]
    assert said[-1].startswith("polwidgets: error: ")
    assert [entry.name for entry in tmp_path.iterdir()] == ["scan.zarr"]


@pytest.mark.slow
def test_the_command_maps_a_scan(cube: xr.DataArray, mapped: xr.Dataset, tmp_path: Path) -> None:
    path = pw.save_cube(cube, tmp_path / "scan.zarr")
    out = tmp_path / "map.zarr"
    assert main(["map", str(path), "-o", str(out), "--thickness-nm", "9.5", "14.5", "--seed", "11", "--quiet"]) == 0
    with xr.open_zarr(out) as found:
        xr.testing.assert_allclose(found.load(), mapped, rtol=1e-5)
        assert found.attrs == mapped.attrs
