"""Scans of a known specimen: thickness, mistilt, source, blur, centre and lattice are found again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import polwidgets as pw
from polwidgets.match.specimen import SpecimenFit
from polwidgets.simulate.probe import Probe

ScanFactory = Callable[..., xr.DataArray]

TURNED: dict[str, Any] = {
    "direction_deg": 225.0, "thickness_A": 260.0, "source_A": 0.45, "blur": 0.06, "scan_rotation_deg": 12.0, "background": 0.05, "seed": 2,
    "probe": Probe(tilt_y_mrad=-1.5, tilt_x_mrad=0.8), "center": (0.06, -0.09),
}  # fmt: skip
THIN: dict[str, Any] = {
    "direction_deg": 90.0, "thickness_A": 180.0, "source_A": 0.3, "blur": 0.04, "seed": 1,
    "probe": Probe(tilt_y_mrad=1.0, tilt_x_mrad=-0.7), "center": (0.0, 0.0),
}  # fmt: skip


def check(found: SpecimenFit, cube: xr.DataArray, truth: dict[str, Any]) -> None:
    assert found.thickness_A == pytest.approx(cube.attrs["thickness_A"], abs=3)
    assert (found.tilt_y_mrad, found.tilt_x_mrad) == pytest.approx((cube.attrs["tilt_y_mrad"], cube.attrs["tilt_x_mrad"]), abs=0.15)
    assert found.conditions.source_A == pytest.approx(truth["source_A"], abs=0.02)
    assert found.conditions.blur == pytest.approx(truth["blur"], abs=0.005)
    assert (found.conditions.center_y, found.conditions.center_x) == pytest.approx(truth["center"], abs=0.003)
    assert (found.rotation_deg + 45) % 90 - 45 == pytest.approx(0, abs=0.3)
    assert found.dose == pytest.approx(1000, rel=0.03)
    assert not found.poor
    assert found.misfit == pytest.approx(1, abs=0.1), "only counting noise may be left"


def place_error(found: SpecimenFit, cube: xr.DataArray) -> float:
    """Largest deviation of the positions' phases from the truth, in cells; the cell may be found turned by quarters."""
    y, x = np.meshgrid(cube.scan_y, cube.scan_x, indexing="ij")
    screen = (x - 1j * y) * np.exp(1j * np.deg2rad(cube.attrs["scan_rotation_deg"])) / 3.97
    assert found.unit_cell is not None
    phase = found.unit_cell.phase_of(cube)
    turned = [screen * 1j**quarters for quarters in range(4)]
    return min(np.abs((phase - np.stack([-z.imag, z.real], -1) + 0.5) % 1 - 0.5).max() for z in turned)


@pytest.fixture(scope="module")
def turned(known_scan: ScanFactory) -> tuple[xr.DataArray, SpecimenFit]:
    cube = known_scan(**TURNED)
    return cube, pw.match(cube, thickness_range_A=(150, 330))


def test_a_turned_scan_off_centre(turned: tuple[xr.DataArray, SpecimenFit]) -> None:
    cube, found = turned
    check(found, cube, TURNED)
    assert found.scan_rotation_deg == 12
    assert found.unit_cell is not None
    assert (found.unit_cell.rotation_deg + 12 + 45) % 90 - 45 == pytest.approx(0, abs=0.3)


def test_every_position_knows_its_place_in_the_cell(turned: tuple[xr.DataArray, SpecimenFit]) -> None:
    cube, found = turned
    assert place_error(found, cube) < 0.012


def test_the_model_pattern_lies_on_the_measured_one(turned: tuple[xr.DataArray, SpecimenFit]) -> None:
    cube, found = turned
    measured, model = found.patterns["measured"], found.patterns["model"]
    known = np.isfinite(measured.values)
    np.testing.assert_allclose(model.values[known], measured.values[known], atol=0.06 * float(measured.max()))
    assert float(measured.sum()) <= 1.001 * float(cube.sum(("ky", "kx")).mean())


def test_the_errors_are_honest(turned: tuple[xr.DataArray, SpecimenFit]) -> None:
    """Deviations of several standard deviations come from the other table and the other band limit, no more."""
    cube, found = turned
    assert abs(found.thickness_A - cube.attrs["thickness_A"]) < 8 * found.errors["thickness_A"]
    assert 0 < found.errors["thickness_A"] < 2
    assert 0 < found.errors["tilt_y_mrad"] < 0.1


def test_attrs_are_flat_and_say_the_specimen(turned: tuple[xr.DataArray, SpecimenFit]) -> None:
    _, found = turned
    attrs = found.attrs()
    assert attrs["crystal"] == "knn"
    assert attrs["match_quality"] == "good"
    assert attrs["thickness_A"] == found.thickness_A
    assert all(isinstance(value, (float, str)) for value in attrs.values())


@pytest.fixture(scope="module")
def thin(known_scan: ScanFactory) -> tuple[xr.DataArray, SpecimenFit]:
    cube = known_scan(**THIN)
    before = cube.copy(deep=True)
    steps: list[float] = []
    found = pw.match(cube, thickness_range_A=(120, 260), progress=lambda _, fraction: steps.append(fraction))
    xr.testing.assert_identical(cube, before)
    assert steps[-1] == 1.0
    return cube, found


def test_another_thickness_and_mistilt(thin: tuple[xr.DataArray, SpecimenFit]) -> None:
    cube, found = thin
    check(found, cube, THIN)
    assert place_error(found, cube) < 0.012


@pytest.mark.slow
@pytest.mark.parametrize("thickness_A", [80.0, 120.0, 150.0, 400.0])
def test_any_column_may_be_bright(known_scan: ScanFactory, thickness_A: float) -> None:
    """The contrast of the dark field reverses with thickness; at 12 nm it all but vanishes."""
    truth = THIN | {"thickness_A": thickness_A}
    cube = known_scan(**truth)
    check(pw.match(cube, thickness_range_A=(60, 450)), cube, truth)


@pytest.mark.slow
def test_a_rectangular_cell(known_scan: ScanFactory) -> None:
    truth = THIN | {"direction_deg": 0.0, "thickness_A": 120.0}
    cube = known_scan("pbtio3", **truth)
    found = pw.match(cube, crystal="pbtio3", thickness_range_A=(60, 200))
    assert found.thickness_A == pytest.approx(cube.attrs["thickness_A"], abs=6)
    assert (found.tilt_y_mrad, found.tilt_x_mrad) == pytest.approx((1.0, -0.7), abs=0.3)


@pytest.mark.filterwarnings("ignore:poor match")
def test_another_crystal_matches_worse(thin: tuple[xr.DataArray, SpecimenFit]) -> None:
    cube, own = thin
    other = pw.match(cube, crystal="srtio3", thickness_range_A=(150, 210))
    assert other.score < own.score - 0.2
    assert other.misfit > 3 * own.misfit


def test_a_thickness_at_the_border_warns(thin: tuple[xr.DataArray, SpecimenFit]) -> None:
    cube, _ = thin
    with pytest.warns(UserWarning, match=r"lies at the border of thickness_range_A \(150, 176\); widen it"):
        pw.match(cube, thickness_range_A=(150, 176))


@pytest.mark.parametrize("limits", [(0, 100), (300, 200), (20, 4000), (-5, 50)])
def test_a_senseless_range_is_refused(limits: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="10 angstrom are 1 nm"):
        pw.match(pw.make_cube(np.ones((4, 4, 8, 8))), thickness_range_A=limits)


def test_what_is_missing_is_named() -> None:
    calibrated = pw.make_cube(np.ones((4, 4, 8, 8)), scan_step_A=0.3, k_step=0.1)
    with pytest.raises(ValueError, match="does not say its voltage_kV, semiangle_mrad"):
        pw.match(calibrated)
    with pytest.raises(ValueError, match="does not say its semiangle_mrad"):
        pw.match(xr.DataArray(np.ones((8, 8)), dims=("ky", "kx"), attrs={"voltage_kV": 200.0}))
    with pytest.raises(ValueError, match=r"in pixels.*use pw\.calibrate"):
        pw.match(pw.make_cube(np.ones((4, 4, 8, 8)), voltage_kV=200.0, semiangle_mrad=20.0))
    with pytest.raises(KeyError, match="did you mean 'knn'"):
        pw.match(calibrated, crystal="knm")


def test_too_small_a_scan_is_refused(known_scan: ScanFactory) -> None:
    with pytest.raises(ValueError, match="less than one unit cell"):
        pw.match(known_scan(**THIN)[:6])


@pytest.mark.slow
def test_the_first_pseudo_experimental_cube(shared_data: Path) -> None:
    """Frozen phonons, random K and Na, gain, background and Poisson counts, from an independent multislice."""
    with np.load(shared_data / "knn-dev" / "D1.npz") as data:
        steps = {"scan_step_A": float(data["step_A"]), "k_step": float(data["dk"])}
        cube = pw.make_cube(data["cube"], **steps, voltage_kV=200.0, semiangle_mrad=24.0)
        thickness_A, tilt = 10 * float(data["thickness_nm"]), np.hypot(*data["tilt_mrad_yx_up"])
    found = pw.match(cube)
    assert found.thickness_A == pytest.approx(thickness_A, abs=8)
    assert np.hypot(found.tilt_y_mrad, found.tilt_x_mrad) == pytest.approx(tilt, abs=0.4)
    assert not found.poor
