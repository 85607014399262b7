"""Finding disks: their true places, and the table of them there and back."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import drawn_disks as drawn
import numpy as np
import pytest
import torch
import xarray as xr

import polwidgets as pw
from polwidgets.disks.base import disk_detectors
from polwidgets.disks.lattice import fit_lattices, guess_basis
from polwidgets.disks.probe import measured_probe

DOSE = 4e5


@pytest.fixture(scope="module")
def cube() -> xr.DataArray:
    return drawn.scan([dataclasses.replace(drawn.INSTRUMENT, dose=DOSE, background=0.1)] * 6, (2, 3))


@pytest.fixture(scope="module")
def disks(cube: xr.DataArray) -> xr.Dataset:
    return pw.find_disks(cube, probe=drawn.probe())


def truth() -> np.ndarray:
    labels = drawn.patterns([drawn.INSTRUMENT])
    places = np.stack([labels.disk_ky.values[0], labels.disk_kx.values[0]], -1)
    return places[np.isfinite(places[:, 0])]


def test_disks_are_where_they_were_drawn(disks: xr.Dataset) -> None:
    found = np.stack([disks.ky, disks.kx], -1)
    distance = np.linalg.norm(found[:, None] - truth()[None], axis=-1)
    near = distance.min(1) / drawn.K_STEP
    assert (near < 0.5 * drawn.RADIUS_PX).mean() > 0.98, "disks were found where there are none"
    bright = disks.intensity.values > 0.01 * DOSE
    assert np.median(near[bright]) < 0.12
    for row, column in np.ndindex(2, 3):
        here = (disks.row.values == row) & (disks.column.values == column)
        recall = (distance[here].min(0) < 0.5 * drawn.RADIUS_PX * drawn.K_STEP).mean()
        assert recall > 0.85


def test_errors_are_of_the_size_of_the_deviations(disks: xr.Dataset) -> None:
    found = np.stack([disks.ky, disks.kx], -1)
    nearest = truth()[np.linalg.norm(found[:, None] - truth()[None], axis=-1).argmin(1)]
    ratio = (found - nearest) / disks.error.values[:, None]
    assert 0.5 < (np.abs(ratio) < 1).mean() < 0.85


def test_intensities_are_sums_of_disks(disks: xr.Dataset) -> None:
    strongest = disks.intensity.values[(disks.row.values == 0) & (disks.column.values == 0)].max()
    assert strongest / (0.9 * DOSE) == pytest.approx(drawn.patterns([drawn.INSTRUMENT]).disk_intensity.max().item(), rel=0.05)


def test_the_table_says_where_and_in_which_units(disks: xr.Dataset, cube: xr.DataArray) -> None:
    assert (disks.attrs["scan_rows"], disks.attrs["scan_columns"]) == (2, 3)
    np.testing.assert_array_equal(disks.scan_x, cube.scan_x.values[disks.column])
    assert disks.ky.attrs["units"] == "1/angstrom"
    assert set(disks.to_dataframe().columns) == {"row", "column", "scan_y", "scan_x", "ky", "kx", "intensity", "error"}


def test_point_lists_come_back(disks: xr.Dataset, tmp_path: Path) -> None:
    again = pw.open_point_lists(pw.save_point_lists(disks, tmp_path / "disks.h5"), units="1/angstrom")
    for name in ("row", "column", "ky", "kx", "intensity"):
        np.testing.assert_array_equal(again[name], disks[name])
    assert again.attrs == {"scan_rows": 2, "scan_columns": 3}
    assert not list(tmp_path.glob(".*"))


def test_reads_what_py4dstem_wrote(shared_data: Path) -> None:
    disks = pw.open_point_lists(shared_data / "readers" / "emd" / "braggdisks_cali.h5")
    assert (disks.attrs["scan_rows"], disks.attrs["scan_columns"]) == (80, 58)
    first = disks.isel(disk=0)
    assert first.ky.item() == pytest.approx(-0.00692827, abs=1e-8)
    assert first.intensity.item() == pytest.approx(12.68152024)


def test_a_file_without_points_says_so(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = np.zeros((3, 3))
    with pytest.raises(ValueError, match="no lists of points"):
        pw.open_point_lists(tmp_path / "other.h5")


@pytest.mark.parametrize("correlation", ["cross", "hybrid", "phase"])
def test_correlations_propose_the_central_disk(correlation: str, cube: xr.DataArray) -> None:
    detector = disk_detectors.build("template", correlation=correlation)
    patterns = torch.from_numpy(cube.values[0])
    probe = measured_probe(drawn.probe(), (drawn.ROWS, drawn.COLUMNS))
    found = detector.propose(patterns, probe, good=torch.ones_like(patterns, dtype=torch.bool), gain=1.0)
    middle = np.array([drawn.ROWS // 2 + 0.31, drawn.COLUMNS // 2 - 0.84])
    assert (np.nanmin(np.linalg.norm(found.places - middle, axis=-1), axis=1) < 0.5 * drawn.RADIUS_PX).all()


def test_detectors_survive_json() -> None:
    part = disk_detectors.build("template", certainty=4.0)
    assert disk_detectors.from_json(disk_detectors.to_json(part)) == part


def test_an_experimental_pattern_shows_one_lattice(shared_data: Path) -> None:
    pytest.importorskip("rsciio", reason="the extra 'io' is not installed")
    cube = pw.open_cube(shared_data / "nbed" / "dd020.dm3")
    with pytest.warns(UserWarning, match="no probe was given"):
        disks = pw.find_disks(cube)
    places = np.stack([disks.ky.values - float(cube.ky[0]), disks.kx.values - float(cube.kx[0])], -1)
    assert disks.attrs["probe_radius_px"] == pytest.approx(4.5, abs=0.5)  # as seen in a picture of it
    assert 20 <= len(places) <= 50
    basis = guess_basis([places], [np.ones(len(places))], 2.5)
    assert basis is not None
    np.testing.assert_allclose(np.sort(np.linalg.norm(basis, axis=1)), [30.0, 50.9], atol=1.5)  # measured with a ruler on screen
    fit = fit_lattices(places[None], disks.intensity.values[None].clip(1), basis, tolerance_px=2.5, middle=np.array([128.0, 128.0]))
    assert fit.explained[0] > 0.97
    down, right = np.indices(cube.shape[2:])
    pattern = cube.values[0, 0]
    for row, column in places:
        distance = np.hypot(down - row, right - column)
        assert pattern[distance < 4].mean() > pattern[(distance > 7) & (distance < 10)].mean()


def test_saturated_spots_are_seen(shared_data: Path) -> None:
    pytest.importorskip("rsciio", reason="the extra 'io' is not installed")
    cube = pw.open_cube(shared_data / "nbed" / "blo_3x2.blo")
    with pytest.warns(UserWarning, match="no probe was given"):
        disks = pw.find_disks(cube[:1, :1], refine=False)
    places = np.stack([disks.ky.values - float(cube.ky[0]), disks.kx.values - float(cube.kx[0])], -1)
    for spot in ([78, 105], [97, 101], [118, 97], [38, 58], [85, 37], [107, 33]):  # seen in a picture of it
        assert np.linalg.norm(places - spot, axis=1).min() < 2.5, f"the spot at {spot} was missed"
