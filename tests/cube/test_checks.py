from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import polwidgets as pw
from polwidgets.cube.bad_pixels import repair
from polwidgets.cube.checks import Inspection, inspect, usable_pixels
from polwidgets.cube.schema import make_cube

SCAN, DETECTOR = (12, 14), (31, 28)
CALIBRATION = {"scan_step_A": 0.4, "k_step": 0.08}


@pytest.fixture
def counts() -> np.ndarray:
    """Counts of a disk with a diffuse background, 60 a pixel inside."""
    down, right = np.mgrid[: DETECTOR[0], : DETECTOR[1]]
    distance = np.hypot(down - 15.2, right - 13.1)
    mean = 60 / (1 + np.exp((distance - 8) / 0.7)) + 3 * np.exp(-distance / 12)
    return np.random.default_rng(0).poisson(mean, (*SCAN, *DETECTOR)).astype(np.uint16)


def found(inspection: Inspection) -> dict[str, str]:
    return {finding.what: finding.message for finding in inspection.findings}


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_a_good_cube(counts, dtype, lazy) -> None:
    values = counts.astype(dtype)
    inspection = inspect(make_cube(da.from_array(values, chunks=(5, 5, -1, -1)) if lazy else values, **CALIBRATION), cell_A=(4.0, 4.0))
    assert found(inspection) == {}
    assert inspection.usable
    assert inspection.good_pixels.all()
    np.testing.assert_allclose(inspection.mean_pattern, counts.mean((0, 1)), rtol=1e-5)
    np.testing.assert_allclose(inspection.total, counts.sum((2, 3)), rtol=1e-5)
    inspection.report()


def test_dead_rows_and_hot_pixels(counts) -> None:
    values = counts.copy()
    values[:, :, 12] = 0
    values[:, :, :, 17] = 0
    values[:, :, 20, 10] = 0
    values[:, :, 26, 22] = 900
    inspection = inspect(make_cube(values, **CALIBRATION))
    message = found(inspection)["detector"]
    assert "dead rows 12" in message
    assert "dead columns 17" in message
    assert "1 hot pixels" in message
    assert "1 dead pixels" in message
    bad = ~inspection.good_pixels.values
    expected = np.zeros(DETECTOR, bool)
    expected[12], expected[:, 17], expected[20, 10], expected[26, 22] = True, True, True, True
    np.testing.assert_array_equal(bad, expected)
    with pytest.warns(UserWarning, match=r"use pw\.repair"):
        inspection.report()
    mended = repair(make_cube(values, **CALIBRATION), inspection.good_pixels)
    assert mended.chunks
    assert mended.dtype == np.uint16
    assert inspect(mended).good_pixels.all()
    np.testing.assert_array_equal(mended.values[:, :, ~bad], values[:, :, ~bad])
    # a filled pixel is close to what was lost
    assert abs(float(mended[:, :, 20, 10].mean()) - counts[:, :, 20, 10].mean()) < 5


def test_dark_borders_are_not_dead(counts) -> None:
    values = counts.copy()
    values[..., :3, :] = 0
    values[..., -4:] = 0
    assert "detector" not in found(inspect(make_cube(values, **CALIBRATION)))


def test_sparse_counts_are_not_dead(counts) -> None:
    sparse = np.random.default_rng(1).binomial(counts[:3, :3], 0.003)
    assert "detector" not in found(inspect(make_cube(sparse, **CALIBRATION)))


def test_nan_and_negative(counts) -> None:
    values = counts.astype(np.float32)
    values[2, 3, 4, 5] = np.nan
    values[1, 1, 6, 7] = np.inf
    values[5, 5, 3, 3] = -4.5
    values[:, :, 8, 9] = np.nan
    inspection = inspect(make_cube(values, **CALIBRATION))
    total = values.size
    messages = found(inspection)
    assert f"{2 + SCAN[0] * SCAN[1]} of {total} values are NaN" in messages["nan"]
    assert "intensities go down to -4.5 (1 of" in messages["negative"]
    assert "1 NaN pixels" in messages["detector"]
    assert inspection.usable
    assert np.isfinite(inspection.mean_pattern).all()
    mended = repair(make_cube(values), inspection.good_pixels)
    assert np.isfinite(mended[:, :, 8, 9]).all()
    assert not np.isnan(mended).any()
    values[:6] = np.nan
    broken = inspect(make_cube(values, **CALIBRATION))
    assert not broken.usable
    with pytest.raises(ValueError, match="values are NaN or infinite, expected finite"):
        broken.report()


@pytest.mark.parametrize(("dtype", "ceiling"), [(np.uint8, 255), (np.uint16, 65535), (np.uint16, 4095)])
def test_saturation(counts, dtype, ceiling) -> None:
    values = np.minimum(counts.astype(int) * (ceiling // 50), ceiling).astype(dtype)
    assert f"detector pixels reach {ceiling}, which looks like" in found(inspect(make_cube(values, **CALIBRATION)))["saturated"]


def test_empty_regions(counts) -> None:
    values = counts.copy()
    values[3:5, 6:9] = 0
    message = found(inspect(make_cube(values, **CALIBRATION)))["empty"]
    assert "6 of 168 patterns are empty (within scan_y 3 to 4, scan_x 6 to 8)" in message
    nothing = inspect(make_cube(np.zeros_like(counts), **CALIBRATION))
    assert "every pattern is empty" in found(nothing)["empty"]
    assert not nothing.usable


def test_geometry(counts) -> None:
    assert "scan_y, scan_x, ky, kx are in pixels" in found(inspect(make_cube(counts)))["uncalibrated"]
    small = found(inspect(make_cube(counts, scan_step_A=0.3, k_step=0.1), cell_A=(4.0, 4.0)))
    assert "covers 3.60 x 4.20 angstrom, less than one unit cell of 4.00 x 4.00" in small["small"]
    coarse = found(inspect(make_cube(counts, scan_step_A=2.3, k_step=0.1), cell_A=(4.0, 4.0)))
    assert "step is 2.30 angstrom, over half a unit cell" in coarse["coarse"]


def test_swapped_axes(counts) -> None:
    message = found(inspect(make_cube(counts.transpose(2, 3, 0, 1))))["swapped"]
    assert "axis_order='ky kx scan_y scan_x'" in message


def test_input_is_not_changed(counts) -> None:
    cube = make_cube(counts.astype(np.float32))
    before = cube.copy(deep=True)
    inspection = inspect(cube)
    repair(cube, inspection.good_pixels & (np.arange(28) != 4)).compute()
    xr.testing.assert_identical(cube, before)


def test_nothing_good_to_repair_from(counts) -> None:
    cube = make_cube(counts)
    with pytest.raises(ValueError, match="no detector pixel is good"):
        repair(cube, xr.zeros_like(cube[0, 0], dtype=bool))


@pytest.mark.parametrize("name", ["D1", "D2", "D3", "D4"])
def test_pseudo_experimental_cubes_are_good(shared_data, name) -> None:
    cube = pw.open_cube(shared_data / "knn-dev" / f"{name}.npz", scan_step_A=0.3, k_step=0.063)
    assert found(inspect(cube, cell_A=(3.97, 3.97))) == {}
    swapped = make_cube(cube.values.transpose(2, 3, 0, 1))
    assert "swapped" in found(inspect(swapped))


def test_an_overexposed_scan(shared_data) -> None:
    pytest.importorskip("rsciio.blockfile", exc_type=ImportError)
    inspection = inspect(pw.open_cube(shared_data / "nbed" / "blo_3x2.blo"))
    assert "detector pixels reach 255" in found(inspection)["saturated"]


def test_usable_pixels(counts) -> None:
    assert usable_pixels(make_cube(counts, **CALIBRATION), cell_A=(4.0, 4.0)).all()
    counts[:, :, 12] = 0
    with pytest.warns(UserWarning, match="dead rows 12"):
        good = usable_pixels(make_cube(counts, **CALIBRATION))
    assert good.dims == ("ky", "kx")
    assert not good[12].any()
    with pytest.raises(ValueError, match="are in pixels"):
        usable_pixels(make_cube(counts))
