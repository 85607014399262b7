"""Whole scans: where the probe stands, what is counted, and how they are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import polwidgets as pw
from polwidgets.simulate import scan as module
from polwidgets.simulate.probe import Probe

QUICK: dict[str, Any] = {
    "scan_shape": (6, 8), "cells": (1.0, 1.5), "detector_shape": (16, 14), "semiangle_mrad": 12.0, "thickness_A": 30.0, "k_limit": 2.0,
}  # fmt: skip


def simulate(crystal: str = "knn", **settings: Any) -> xr.DataArray:
    return pw.simulate_scan(crystal, **(QUICK | settings))


def test_a_scan_is_a_calibrated_cube() -> None:
    cube = pw.validate(simulate(scan_rotation_deg=11.0, probe=Probe(tilt_y_mrad=1.0, tilt_x_mrad=-2.0)))
    assert cube.shape == (6, 8, 16, 14)
    assert cube.dtype == np.float32
    assert np.diff(cube.scan_y)[0] == pytest.approx(3.97 / 6)
    assert np.diff(cube.scan_x)[0] == pytest.approx(3.97 * 1.5 / 8)
    # the detector reaches to twice the semi-angle and holds the undiffracted beam at its middle pixel
    aperture = np.sin(12e-3) / 0.0250793
    assert cube.ky.values[0] == pytest.approx(-2 * aperture, rel=1e-3)
    assert (float(cube.ky[8]), float(cube.kx[7])) == (0, 0)
    wanted = {"voltage_kV": 200, "semiangle_mrad": 12, "scan_rotation_deg": 11, "tilt_y_mrad": 1, "tilt_x_mrad": -2}
    assert {name: cube.attrs[name] for name in wanted} == wanted
    assert cube.attrs["thickness_A"] == pytest.approx(8 * 3.97)
    assert float(cube.sum(("ky", "kx")).mean()) == pytest.approx(1, abs=0.1)


def test_provenance_says_how_it_was_made() -> None:
    cube = simulate(direction_deg=[45, 225], displacement_A=0.12, dose=9.0, seed=4, source_A=0.2)
    (step,) = json.loads(cube.attrs["provenance"])
    made = step["simulate_scan"]
    assert [(stripe["crystal"], stripe["direction_deg"], stripe["displacement_A"]) for stripe in made["stripes"]] == [
        ("knn", 45, 0.12), ("knn", 225, 0.12),
    ]  # fmt: skip
    assert (made["dose"], made["seed"], made["source_A"]) == (9, 4, 0.2)


def test_a_scan_repeats_with_the_cells() -> None:
    cube = simulate(direction_deg=30.0, scan_shape=(8, 8), cells=2)
    np.testing.assert_allclose(cube.values[:4], cube.values[4:], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(cube.values[:, :4], cube.values[:, 4:], rtol=1e-3, atol=1e-6)
    assert np.abs(cube.values[0] - cube.values[2]).max() > 1e-3


@pytest.mark.parametrize("angle_deg", [90.0, -40.0, 180.0])
def test_a_turned_scan_sees_the_same_at_the_same_places(angle_deg: float) -> None:
    """Patterns of a turned scan, looked up on a fine scan along the crystal at the places they were taken at."""
    turned = simulate(direction_deg=30.0, scan_rotation_deg=angle_deg, source_A=0.4)
    fine = simulate(direction_deg=30.0, scan_shape=(64, 64), cells=1, source_A=0.4)
    y, x = np.meshgrid(turned.scan_y, turned.scan_x, indexing="ij")
    # on screen: right is real, up is imaginary; the scan's axes are turned anticlockwise
    place = (x - 1j * y) * np.exp(1j * np.deg2rad(angle_deg))
    rows, columns = (np.round(value / 3.97 * 64).astype(int) % 64 for value in (-place.imag, place.real))
    expected = fine.values[rows, columns]
    error = np.linalg.norm(turned.values - expected) / np.linalg.norm(expected)
    unturned = fine.values[np.round(y / 3.97 * 64).astype(int) % 64, np.round(x / 3.97 * 64).astype(int) % 64]
    assert error < 0.02
    assert np.linalg.norm(turned.values - unturned) / np.linalg.norm(expected) > 3 * error


def test_stripes_stand_side_by_side() -> None:
    stripes = simulate(direction_deg=[0.0, 90.0, 200.0], scan_shape=(4, 12))
    for index, angle in enumerate([0.0, 90.0, 200.0]):
        alone = simulate(direction_deg=angle, scan_shape=(4, 12))
        part = slice(4 * index, 4 * index + 4)
        np.testing.assert_allclose(stripes.values[:, part], alone.values[:, part], atol=1e-7)
        other = slice((4 * index + 4) % 12, (4 * index + 4) % 12 + 4)
        assert np.abs(stripes.values[:, other] - alone.values[:, other]).max() > 1e-4


def test_stripes_of_a_crystal_whose_cell_turns_with_its_polarization() -> None:
    cube = simulate("pbtio3", direction_deg=[0, 45, 90], scan_shape=(4, 6))
    assert np.isfinite(cube.values).all()
    tall = simulate("pbtio3", direction_deg=90)
    assert (np.diff(tall.scan_y)[0], np.diff(tall.scan_x)[0]) == pytest.approx((4.156 / 6, 3.902 * 1.5 / 8))


def test_the_direction_is_the_crystals_own_unless_given() -> None:
    part = pw.crystals.build("knn", direction_deg=135.0, displacement_A=0.2)
    np.testing.assert_array_equal(simulate(part), simulate(direction_deg=135.0, displacement_A=0.2))  # type: ignore[arg-type]


def test_counts_are_poisson_and_follow_the_seed() -> None:
    rate = 40.0 * simulate(background=0.1).values.astype(float)
    draws = np.stack([simulate(background=0.1, dose=40.0, seed=seed).values for seed in range(30)])
    assert draws.dtype == np.uint16
    np.testing.assert_array_equal(draws[3], simulate(background=0.1, dose=40.0, seed=3))
    assert not np.array_equal(draws[0], draws[1])
    assert draws.sum() / 30 == pytest.approx(rate.sum(), rel=5 / np.sqrt(30 * rate.sum()))
    # for Poisson counts the mean square deviation is the rate, pixel by pixel
    chi_square = ((draws - rate) ** 2 / rate).mean()
    assert chi_square == pytest.approx(1, abs=0.03)


def test_background_source_and_blur() -> None:
    bare, flat = simulate(), simulate(background=0.2)
    np.testing.assert_allclose(flat.values - bare.values, 0.2 / (16 * 14), atol=1e-6)
    assert simulate(source_A=0.5).values.std((0, 1)).mean() < 0.6 * bare.values.std((0, 1)).mean()
    whole, blurred = (simulate(cells=1, source_A=source).mean(("scan_y", "scan_x")) for source in (0.0, 0.5))
    np.testing.assert_allclose(blurred, whole, atol=1e-3 * float(whole.max()))
    edge = np.abs(np.diff(bare.mean(("scan_y", "scan_x")), axis=0)).max()
    assert np.abs(np.diff(simulate(blur=0.1).mean(("scan_y", "scan_x")), axis=0)).max() < 0.8 * edge


@pytest.mark.parametrize("dose", [None, 60.0])
def test_written_to_a_file_is_the_same(tmp_path: Path, dose: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_BYTES", 4 * 8 * 16 * 14 * 4)  # four rows at a time, so that the last block is short
    settings: dict[str, Any] = {"dose": dose, "seed": 2, "direction_deg": [90, 270]}
    lazy = simulate(path=tmp_path / "scan.zarr", **settings)
    assert lazy.chunks is not None
    xr.testing.assert_identical(lazy.compute(), simulate(**settings))
    assert [path.name for path in tmp_path.iterdir()] == ["scan.zarr"]


def test_a_file_is_not_overwritten_unasked(tmp_path: Path) -> None:
    path = tmp_path / "scan.zarr.zip"
    first = simulate(path=path, dose=5.0, seed=1).compute()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        simulate(path=path, dose=5.0, seed=2)
    xr.testing.assert_identical(pw.open_cube(path).compute(), first)
    assert not np.array_equal(simulate(path=path, dose=5.0, seed=2, overwrite=True).values, first.values)


def test_progress_ends_at_one() -> None:
    seen: list[tuple[str, float]] = []
    simulate(progress=lambda step, fraction: seen.append((step, fraction)))
    assert {step for step, fraction in seen if fraction == 1.0} == {step for step, _ in seen}


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"scan_shape": (1, 8)}, ValueError, "at least 2 x 2"),
        ({"detector_shape": (16, 1)}, ValueError, "at least 2 x 2"),
        ({"cells": 0}, ValueError, "cells above zero"),
        ({"direction_deg": []}, ValueError, "empty list"),
        ({"crystal": "knm"}, KeyError, "did you mean 'knn'"),
    ],
)
def test_senseless_input_is_refused(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        simulate(**settings)
