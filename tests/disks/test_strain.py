"""Strain maps of drawn scans: known strains, frames, errors, and what is said where there is no answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import drawn_disks as drawn
import numpy as np
import pytest
import xarray as xr

import polwidgets as pw
from polwidgets.disks.base import disk_detectors
from polwidgets.disks.preparation import prepare

SHAPE = (3, 4)
USUAL = dataclasses.replace(drawn.INSTRUMENT, dose=3e5, background=0.1)
TRUTH = np.zeros((*SHAPE, 4))  # e_xx, e_yy, e_xy, rotation
TRUTH[1:] = np.random.default_rng(3).uniform(-0.015, 0.015, (2, 4, 4)) * [1, 1, 0.5, 60]
NAMES = ("e_xx", "e_yy", "e_xy", "rotation_deg")
REFERENCE = np.zeros(SHAPE, bool)
REFERENCE[0] = True


@pytest.fixture(scope="module")
def cube() -> xr.DataArray:
    rows = [dataclasses.replace(USUAL, e_xx=xx, e_yy=yy, e_xy=xy, rotation_deg=turn) for xx, yy, xy, turn in TRUTH.reshape(-1, 4).tolist()]
    return drawn.scan(rows, SHAPE)


@pytest.fixture(scope="module")
def probe() -> xr.DataArray:
    return drawn.probe()


@pytest.fixture(scope="module")
def strain(cube: xr.DataArray, probe: xr.DataArray) -> xr.Dataset:
    before = cube.copy(deep=True)
    found = pw.strain_map(cube, probe=probe, reference=REFERENCE)
    xr.testing.assert_identical(cube, before)
    return found


def values(strain: xr.Dataset, suffix: str = "") -> np.ndarray:
    return np.stack([strain[name + suffix].values for name in NAMES], -1)


def reasons(strain: xr.Dataset) -> np.ndarray:
    return np.array(strain.reason.attrs["flag_meanings"].split())[strain.reason.values]


def test_strain_is_what_was_drawn(strain: xr.Dataset) -> None:
    error = values(strain) - TRUTH
    assert np.sqrt((error[..., :2] ** 2).mean()) < 1e-3
    assert np.abs(error[..., :3]).max() < 4e-3
    assert np.abs(error[..., 3]).max() < 0.2
    assert (strain.reason == 0).all()
    assert strain.fit_quality.min() > 0.9
    ratio = np.abs(error[1:] / values(strain, "_error")[1:])
    assert 0.45 < (ratio < 1).mean() < 0.95


def test_the_beam_is_where_it_was(strain: xr.Dataset) -> None:
    np.testing.assert_allclose(strain.center_ky, drawn.INSTRUMENT.center_y, atol=0.1 * drawn.K_STEP)
    np.testing.assert_allclose(strain.center_kx, drawn.INSTRUMENT.center_x, atol=0.1 * drawn.K_STEP)


def test_a_dask_cube_gives_the_same(cube: xr.DataArray, probe: xr.DataArray, strain: xr.Dataset) -> None:
    lazy = pw.strain_map(cube.chunk(scan_y=2, scan_x=3), probe=probe, reference=REFERENCE)
    np.testing.assert_allclose(values(lazy), values(strain), atol=2e-4)


def test_turned_axes_turn_the_strain(cube: xr.DataArray, probe: xr.DataArray, strain: xr.Dataset) -> None:
    turned = pw.strain_map(cube, probe=probe, reference=REFERENCE, axis_deg=90.0)
    np.testing.assert_allclose(turned.e_xx, strain.e_yy, atol=1e-6)
    np.testing.assert_allclose(turned.e_xy, -strain.e_xy, atol=1e-6)
    by_scan = pw.strain_map(cube.assign_attrs(scan_rotation_deg=90.0), probe=probe, reference=REFERENCE)
    np.testing.assert_allclose(by_scan.e_xx, strain.e_yy, atol=1e-6)


@pytest.mark.parametrize("cell", [False, True])
def test_a_known_cell_is_a_reference(cube: xr.DataArray, probe: xr.DataArray, cell: bool) -> None:
    direct = np.linalg.inv(drawn.BASIS).T
    lengths = np.linalg.norm(direct, axis=1)
    gamma = np.rad2deg(np.arccos(direct[0] @ direct[1] / lengths.prod()))
    found = pw.strain_map(cube, probe=probe, reference=[*lengths.tolist(), float(gamma)] if cell else drawn.BASIS)
    error = values(found) - TRUTH
    assert np.abs(error[..., :3]).max() < 6e-3
    if not cell:  # a cell has no orientation of its own
        assert np.abs(error[..., 3]).max() < 0.3


@pytest.mark.parametrize("refine", ["disks", "none"])
def test_simpler_fits_are_less_exact_but_right(cube: xr.DataArray, probe: xr.DataArray, refine: str) -> None:
    error = values(pw.strain_map(cube, probe=probe, reference=REFERENCE, refine=refine)) - TRUTH  # type: ignore[arg-type]
    assert np.nanmedian(np.abs(error[1:, :, :2])) < (0.003 if refine == "disks" else 0.01)


def test_without_a_probe_one_is_estimated_and_named(cube: xr.DataArray) -> None:
    with pytest.warns(UserWarning, match="no probe was given"):
        strain = pw.strain_map(cube, reference=REFERENCE)
    assert "estimated" in strain.attrs["probe"]
    assert np.nanmedian(np.abs(values(strain) - TRUTH)[..., :2]) < 3e-3


def spoilt(cube: xr.DataArray, change: Callable[[np.ndarray], None]) -> xr.DataArray:
    copy = cube.copy(deep=True)
    change(copy.values)
    return copy


def test_patterns_without_an_answer_say_why(cube: xr.DataArray, probe: xr.DataArray) -> None:
    rng = np.random.default_rng(0)

    def change(patterns: np.ndarray) -> None:
        patterns[1, 0] = 0
        patterns[1, 1] = rng.poisson(20, patterns.shape[2:])
        patterns[1, 2] = np.nan
        patterns[2, 0] = drawn.scan([USUAL], (1, 1), basis=1.4 * drawn.BASIS[::-1] * [1, -1]).values[0, 0]
        turned = dataclasses.replace(USUAL, rotation_deg=31.0)
        patterns[2, 1] = 0.5 * (patterns[2, 1] + drawn.scan([turned], (1, 1), seed=9).values[0, 0])

    strain = pw.strain_map(spoilt(cube, change), probe=probe, reference=REFERENCE)
    why = reasons(strain)
    assert why[1, 0] == "no_electrons"
    assert why[1, 1] == "no_disks"
    assert why[1, 2] == "no_electrons"
    assert why[2, 0] == "another_lattice_than_the_reference"
    assert why[2, 1] in {"disks_of_a_second_lattice", "another_lattice_than_the_reference"}
    bad = strain.reason.values != 0
    assert np.isnan(values(strain)[bad]).all()
    assert np.isfinite(values(strain)[~bad]).all()
    assert (why[0] == "good").all()


@pytest.mark.parametrize("fault", ["stop", "saturated"])
def test_a_hidden_middle_is_left_out(cube: xr.DataArray, probe: xr.DataArray, fault: str) -> None:
    rows, columns = slice(38, 53), slice(42, 57)

    def stop(patterns: np.ndarray) -> None:
        patterns[..., rows, columns] = 0
        patterns[..., 38:48, 57:] = 0

    def saturate(patterns: np.ndarray) -> None:
        np.clip(patterns, None, 0.3 * patterns.max(), out=patterns)
        np.rint(patterns, out=patterns)

    strain = pw.strain_map(spoilt(cube, stop if fault == "stop" else saturate), probe=probe, reference=REFERENCE)
    good = strain.reason.values == 0
    assert good.mean() > 0.7
    assert np.median(np.abs(values(strain) - TRUTH)[good][:, :2]) < 2e-3


def test_without_background_nothing_is_taken_for_a_beam_stop(probe: xr.DataArray) -> None:
    dark = dataclasses.replace(USUAL, background=0.0)
    cube = drawn.scan([dark] * 4, (2, 2))
    assert prepare(cube, probe, disk_detectors.build("template")).good_pixels.mean() > 0.95
    strain = pw.strain_map(cube, probe=probe, reference=np.array([[True, True], [False, False]]))
    assert np.abs(values(strain)[1, :, :3]).max() < 4e-3


def test_vacuum_has_no_disks(cube: xr.DataArray, probe: xr.DataArray) -> None:
    vacuum = spoilt(cube, lambda patterns: patterns[1].__setitem__(..., 0.3 * probe.values))
    strain = pw.strain_map(vacuum, probe=probe, reference=REFERENCE)
    assert (reasons(strain)[1] == "no_disks").all()
    assert np.isnan(values(strain)[1]).all()
    assert (strain.disks[1] < 4).all()


def test_a_reference_counts_where_there_is_crystal(cube: xr.DataArray, probe: xr.DataArray) -> None:
    half = spoilt(cube, lambda patterns: patterns[0, :2].fill(0))
    strain = pw.strain_map(half, probe=probe, reference=REFERENCE)
    assert strain.attrs["reference"] == "mean of 2 of 4 positions"
    assert np.abs(values(strain) - TRUTH)[1:, :, :3].max() < 5e-3
    with pytest.raises(ValueError, match=r"no lattice|no crystal"):
        pw.strain_map(spoilt(cube, lambda patterns: patterns[0].fill(0)), probe=probe, reference=REFERENCE)


def test_the_error_of_a_small_reference_is_counted(cube: xr.DataArray, probe: xr.DataArray) -> None:
    one = np.zeros(SHAPE, bool)
    one[0, 0] = True
    alone = pw.strain_map(cube, probe=probe, reference=one)
    given = pw.strain_map(cube, probe=probe, reference=drawn.BASIS)
    # a position compared with another one like it is uncertain by both
    ratio = alone.e_xx_error.values[0, 1:] / given.e_xx_error.values[0, 1:]
    assert 1.15 < np.median(ratio) < 1.8


def test_a_wrong_sampling_is_doubted(cube: xr.DataArray, probe: xr.DataArray) -> None:
    with pytest.warns(UserWarning, match="check k_step"):
        pw.strain_map(cube, probe=probe, reference=1.06 * drawn.BASIS)


def test_a_saturated_scan_says_so(cube: xr.DataArray, probe: xr.DataArray) -> None:
    def clip(patterns: np.ndarray) -> None:
        patterns[2] = np.clip(np.rint(patterns[2]), None, 20)

    strain = pw.strain_map(spoilt(cube, clip), probe=probe, reference=REFERENCE)
    assert set(reasons(strain)[2]) <= {"saturated", "no_lattice", "no_disks", "poor_fit", "good"}
    good = strain.reason.values[2] == 0
    assert np.abs(values(strain) - TRUTH)[2][good][:, :2].max(initial=0) < 0.01


def test_overlapping_disks_are_named_with_what_fails(probe: xr.DataArray) -> None:
    crowded = drawn.scan([USUAL] * 4, (2, 2), basis=0.52 * drawn.BASIS)
    with pytest.warns(UserWarning, match="touch or overlap"):
        strain = pw.strain_map(crowded, probe=probe)
    assert strain.attrs["refine"] == "none"


def test_what_cannot_be_mapped_says_what_to_do(cube: xr.DataArray, probe: xr.DataArray) -> None:
    with pytest.raises(ValueError, match="same detector"):
        pw.strain_map(cube, probe=probe[:50])
    with pytest.raises(ValueError, match="mask is empty"):
        pw.strain_map(cube, probe=probe, reference=np.zeros(SHAPE, bool))
    with pytest.raises(ValueError, match="does not fit"):
        pw.strain_map(cube, probe=probe, reference=2.3 * drawn.BASIS)
    with pytest.raises(ValueError, match="refine must be"):
        pw.strain_map(cube, probe=probe, refine="best")  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="template"):
        pw.strain_map(cube, probe=probe, detector="templat")
    with pytest.raises(ValueError, match=r"no lattice|no crystal"):
        pw.strain_map(spoilt(cube, lambda patterns: patterns[0].fill(3)), probe=probe, reference=REFERENCE)
    with pytest.warns(UserWarning, match="check semiangle_mrad"):
        pw.strain_map(cube.assign_attrs(semiangle_mrad=9.0), probe=probe, reference=REFERENCE)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Ge", "MgO"])
def test_another_simulators_strain(name: str, shared_data: object) -> None:
    file = np.load(shared_data / "strain-dev" / f"{name}.npz")  # type: ignore[operator]
    cube = pw.make_cube(file["cube"].astype(np.float32), scan_step_A=1.0, k_step=float(file["dk"]), voltage_kV=300.0, semiangle_mrad=2.0)
    reference = np.zeros((6, 6), bool)
    reference[:2] = True
    strain = pw.strain_map(cube, probe=file["probe"].astype(np.float32), reference=reference)
    error = (values(strain)[..., :2] - file["truth"][..., :2])[2:]
    assert not np.isnan(error).any()
    assert np.sqrt((error**2).mean()) < 1.5e-3
