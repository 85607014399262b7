from __future__ import annotations

import json
import warnings

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter

import polwidgets as pw
from polwidgets.cube.calibrate import calibrate, fit_descan
from polwidgets.cube.disk import fit_disk
from polwidgets.cube.reduce import center_of_mass
from polwidgets.cube.resample import straighten, stretch_matrix
from polwidgets.cube.rotation import estimate_rotation
from polwidgets.cube.schema import make_cube, require_calibrated, step_of
from polwidgets.electron import wave_number, wavelength_A


def scan_of_disks(centers: np.ndarray, radius=12.0, *, shape=(44, 51), matrix=None, blur=0.6) -> np.ndarray:
    """Patterns with one soft disk at each center (scan_y, scan_x, 2), stretched by a matrix."""
    inverse = np.linalg.inv(np.eye(2) if matrix is None else matrix)
    grid = np.stack(np.meshgrid(*(np.arange(size, dtype=float) for size in shape), indexing="ij"), -1)
    distance = np.linalg.norm((grid - centers[..., None, None, :]) @ inverse.T, axis=-1)
    return 100 / (1 + np.exp(np.clip((distance - radius) / blur, -60, 60)))


@pytest.fixture(scope="module")
def constant() -> np.ndarray:
    return scan_of_disks(np.broadcast_to([20.3, 26.8], (3, 4, 2)))


def test_sampling_from_the_semi_angle(constant) -> None:
    cube = calibrate(make_cube(constant), semiangle_mrad=24, voltage_kV=200, scan_step_A=(0.3, 0.4), scan_rotation_deg=5)
    require_calibrated(cube)
    for dim in ("ky", "kx"):
        assert step_of(cube, dim) == pytest.approx(wave_number(24, 200) / 12, rel=2e-3)
    assert float(cube["ky"][20] / step_of(cube, "ky")) == pytest.approx(-0.3, abs=0.02)
    assert float(cube["kx"][27] / step_of(cube, "kx")) == pytest.approx(0.2, abs=0.02)
    assert step_of(cube, "scan_x") == pytest.approx(0.4)
    assert (cube.attrs["voltage_kV"], cube.attrs["semiangle_mrad"], cube.attrs["scan_rotation_deg"]) == (200, 24, 5)
    assert json.loads(cube.attrs["provenance"])[-1]["calibrate"]["radius_px"] == pytest.approx(12, rel=2e-3)
    np.testing.assert_array_equal(cube, constant)


def test_semi_angle_from_the_sampling(constant) -> None:
    cube = calibrate(make_cube(constant, voltage_kV=300.0), k_step=0.05)
    assert cube.attrs["semiangle_mrad"] == pytest.approx(12 * 0.05 * wavelength_A(300) * 1e3, rel=2e-3)
    assert step_of(cube, "kx") == pytest.approx(0.05)


def test_a_file_s_sampling_is_kept_and_checked(constant) -> None:
    labelled = make_cube(constant, k_step=0.05, voltage_kV=200.0, scan_step_A=1.0)
    kept = calibrate(labelled)
    assert step_of(kept, "ky") == pytest.approx(0.05)
    with pytest.warns(UserWarning, match=r"the disk's radius gives .* check semiangle_mrad, k_step and voltage_kV"):
        replaced = calibrate(labelled, semiangle_mrad=30)
    assert step_of(replaced, "ky") == pytest.approx(wave_number(30, 200) / 12, rel=2e-3)
    with pytest.warns(UserWarning, match="is stated for semiangle_mrad, which is kept"):
        calibrate(labelled.assign_attrs(semiangle_mrad=30.0), k_step=0.05)


def test_the_center_alone(constant) -> None:
    cube = calibrate(make_cube(constant))
    assert cube["ky"].attrs["units"] == "pixel"
    assert float(cube["ky"][0]) == pytest.approx(-20.3, abs=0.02)
    given = calibrate(make_cube(constant), center=(19.0, 25.5))
    assert float(given["kx"][0]) == -25.5


def test_one_pattern(constant) -> None:
    for pattern in (constant[0, 0], xr.DataArray(constant[0, 0], dims=("ky", "kx"), attrs={"voltage_kV": 200.0})):
        single = calibrate(pattern, semiangle_mrad=24, voltage_kV=200)
        assert single.dims == ("ky", "kx")
        assert set(single.coords) == {"ky", "kx"}
        assert float(single["kx"][0]) == pytest.approx(-26.8 * wave_number(24, 200) / 12, rel=5e-3)
    with pytest.raises(ValueError, match=r"a single pattern has dims \('ky', 'kx'\), got \('a', 'b'\)"):
        calibrate(xr.DataArray(constant[0, 0], dims=("a", "b")))


def test_what_is_missing_is_named(constant) -> None:
    with pytest.raises(ValueError, match="pass voltage_kV"):
        calibrate(make_cube(constant), semiangle_mrad=24)
    with pytest.raises(ValueError, match="center is 'constant', 'descan' or"):
        calibrate(make_cube(constant), center="drift")
    with pytest.raises(ValueError, match="ellipticity is 'keep' or 'correct'"):
        calibrate(make_cube(constant), ellipticity="fix")


@pytest.mark.parametrize("lazy", [False, True])
def test_a_descan_plane(lazy) -> None:
    rows, columns = np.indices((9, 12))
    centers = np.stack([20.3 + 0.31 * rows - 0.05 * columns, 26.8 - 0.12 * rows + 0.22 * columns], -1)
    values = scan_of_disks(centers)
    raw = make_cube(da.from_array(values, chunks=(4, 5, -1, -1)) if lazy else values)
    fitted, error = fit_descan(raw)
    assert np.abs(fitted - centers).max() < 0.05
    assert error < 0.05
    cube = calibrate(raw, center="descan")
    assert cube.chunks  # still lazy
    assert cube.dtype == np.float32
    com = center_of_mass(cube)
    for name in ("com_ky", "com_kx"):
        assert float(np.abs(com[name]).max()) < 0.1
    np.testing.assert_allclose(cube.sum(("ky", "kx")), values.sum((2, 3)), rtol=2e-3)


def test_no_descan_is_left_alone(constant) -> None:
    cube = calibrate(make_cube(np.tile(constant, (3, 3, 1, 1)).astype(np.uint16)), center="descan")
    assert cube.dtype == np.uint16
    assert not cube.chunks


def test_moving_by_whole_pixels_moves_pixels(asymmetric_cube) -> None:
    cube = asymmetric_cube((2, 3, 9, 12), dtype=np.float32)
    centers = np.broadcast_to([5.0, 4.0], (2, 3, 2)).copy()
    centers[1, 2] = (3.0, 7.0)
    moved = straighten(cube, centers, center_px=(4.0, 5.0))
    np.testing.assert_allclose(moved[0, 0, 2:6, 3:9], cube[0, 0, 3:7, 2:8].values, atol=1e-3)
    np.testing.assert_allclose(moved[1, 2, 3:7, 1:8], cube[1, 2, 2:6, 3:10].values, atol=1e-3)


def test_an_ellipse_is_made_round() -> None:
    stretch = stretch_matrix(0.08, 30.0)
    values = scan_of_disks(np.broadcast_to([20.3, 26.8], (2, 3, 2)), matrix=stretch)
    with pytest.warns(UserWarning, match=r"elliptic by 8\.\d% \(long axis at (29|30|31) degrees\)"):
        kept = calibrate(make_cube(values))
    assert kept.attrs["ellipticity"] == pytest.approx(0.08, abs=0.005)
    corrected = calibrate(make_cube(values), ellipticity="correct")
    again = fit_disk(corrected.mean(("scan_y", "scan_x")))
    assert again.ellipticity < 0.006
    assert again.radius_px == pytest.approx(12, abs=0.05)
    assert corrected.attrs["ellipticity"] == 0


def rotated_gradient_scan(rotation_deg: float, *, transposed=False) -> xr.DataArray:
    """A thin specimen: disks shifted towards the columns, seen by a detector that is turned against the scan."""
    y, x = np.indices((24, 30)).astype(float)
    columns = sum(np.exp(-0.5 * ((y - a) ** 2 + (x - b) ** 2) / 2.2**2) for a, b in ((6, 5), (8, 21), (17, 12), (19, 25)))
    down, right = np.gradient(columns)
    # a direction at angle phi in the scan is at phi + rotation from kx, anticlockwise on screen
    angle = np.deg2rad(rotation_deg)
    seen_right = np.cos(angle) * right + np.sin(angle) * down
    seen_down = -np.sin(angle) * right + np.cos(angle) * down
    shift = np.stack([seen_right, seen_down] if transposed else [seen_down, seen_right], -1) * 4
    patterns = scan_of_disks(shift + 20.0, 8.0, shape=(41, 41))
    # the columns also scatter far out
    far = np.hypot(*np.mgrid[-20:21, -20:21]) > 15
    return make_cube(patterns + 5 * gaussian_filter(columns, 1.0)[..., None, None] * far, center_px=(20.0, 20.0))


@pytest.mark.parametrize("rotation_deg", [0.0, 17.0, -63.0, 120.0, 179.0])
def test_rotation(rotation_deg) -> None:
    fit = estimate_rotation(rotated_gradient_scan(rotation_deg), disk_radius=8.0)
    assert abs((fit.rotation_deg - rotation_deg + 180) % 360 - 180) < 2
    assert fit.decided
    assert fit.curl_fraction < 0.05 < fit.curl_fraction_transposed


def test_swapped_detector_axes_are_suspected() -> None:
    with (
        pytest.warns(UserWarning, match="half a turn more"),
        pytest.warns(UserWarning, match="nearer to a gradient with the detector's axes swapped"),
    ):
        calibrate(rotated_gradient_scan(30.0, transposed=True), scan_rotation_deg="estimate")


@pytest.mark.parametrize(("name", "step", "rotation"), [("D1", 0.33, 0), ("D2", 0.33, 5), ("D3", 0.33083333, 0), ("D4", 0.26973993, 0)])
def test_pseudo_experimental_cubes(shared_data, name, step, rotation) -> None:
    cube = pw.open_cube(shared_data / "knn-dev" / f"{name}.npz", voltage_kV=200)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the rotation is .* or half a turn more")
        done = calibrate(cube, semiangle_mrad=24, scan_step_A=step, scan_rotation_deg="estimate")
    with np.load(shared_data / "knn-dev" / f"{name}.npz") as data:
        assert step_of(done, "kx") == pytest.approx(float(data["dk"]), rel=0.006)
    assert done.attrs["scan_rotation_deg"] == pytest.approx(rotation, abs=3)
