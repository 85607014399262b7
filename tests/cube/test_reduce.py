from __future__ import annotations

import tracemalloc

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from polwidgets.cube import stream
from polwidgets.cube.classic import central_disk_signal, friedel_signal
from polwidgets.cube.detectors import Annulus, Disk, Point, Segment
from polwidgets.cube.reduce import center_of_mass, mean_pattern, virtual_image, virtual_images
from polwidgets.cube.schema import make_cube

SHAPES = [(3, 5, 8, 11), (1, 1, 9, 9), (4, 1, 7, 12), (2, 7, 16, 5)]
DTYPES = [np.uint8, np.uint16, np.uint32, np.int32, np.float32, np.float64, ">u2"]


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_against_plain_sums(asymmetric_cube, shape, dtype, lazy) -> None:
    cube = asymmetric_cube(shape, dtype=dtype, lazy=lazy, k_step=(0.2, 0.3), scan_step_A=(0.4, 0.5), center_px=(2.25, 3.5))
    values = cube.values.astype(float)
    mask = Annulus(0.3, 0.9).mask(cube).astype(float)
    image = virtual_image(cube, Annulus(0.3, 0.9))
    assert image.dims == ("scan_y", "scan_x")
    xr.testing.assert_equal(image["scan_x"], cube["scan_x"])
    np.testing.assert_allclose(image, (values * mask).sum((2, 3)), rtol=1e-5)
    com = center_of_mass(cube)
    total = values.sum((2, 3))
    np.testing.assert_allclose(com["com_ky"], (values.sum(3) @ cube["ky"].values) / total, atol=1e-5)
    np.testing.assert_allclose(com["com_kx"], (values.sum(2) @ cube["kx"].values) / total, atol=1e-5)
    np.testing.assert_allclose(com["intensity"], total, rtol=1e-6)
    np.testing.assert_allclose(mean_pattern(cube), values.mean((0, 1)), rtol=1e-6)


def test_counts_do_not_overflow() -> None:
    cube = make_cube(np.full((2, 2, 64, 64), 65535, np.uint16))
    np.testing.assert_allclose(virtual_image(cube, Disk(100.0)), 65535 * 64 * 64, rtol=1e-5)
    np.testing.assert_allclose(mean_pattern(cube), 65535)
    assert abs(center_of_mass(cube)["com_ky"] + 0.5).max() < 1e-4


def test_center_of_mass_far_from_the_center_stays_exact() -> None:
    pattern = np.zeros((1, 1, 256, 256), np.uint16)
    pattern[0, 0, 200, 31] = 40000
    pattern[0, 0, 201, 31] = 20000
    com = center_of_mass(make_cube(pattern))
    assert float(com["com_ky"].item()) == pytest.approx(200 + 1 / 3 - 128, abs=1e-4)
    assert float(com["com_kx"].item()) == pytest.approx(31 - 128, abs=1e-4)


def test_an_empty_pattern_has_no_center() -> None:
    values = np.ones((1, 2, 5, 5))
    values[0, 1] = 0
    com = center_of_mass(make_cube(values))
    assert com["com_ky"].isnull().values.tolist() == [[False, True]]


def test_several_detectors_in_one_pass(asymmetric_cube) -> None:
    cube = asymmetric_cube()
    detectors = {"point": Point(1, -2), "disk": Disk(2.0), "segment": Segment(0.5, 4.0, 30, 160)}
    together = virtual_images(cube, detectors)
    for name, detector in detectors.items():
        np.testing.assert_allclose(together[name], virtual_image(cube, detector), rtol=1e-6)
    np.testing.assert_array_equal(together["point"], cube.sel(ky=1, kx=-2))


def test_a_detector_beside_the_detector_is_named(asymmetric_cube) -> None:
    with pytest.raises(ValueError, match=r"lies outside the detector, which covers .* pixel; mind its units"):
        virtual_image(asymmetric_cube(), Annulus(50.0, 60.0))


def test_input_is_not_changed(asymmetric_cube) -> None:
    cube = asymmetric_cube(dtype=np.float32)
    before = cube.copy(deep=True)
    center_of_mass(cube)
    mean_pattern(cube)
    xr.testing.assert_identical(cube, before)


def test_memory_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr(stream, "BLOCK_BYTES", 2**20)
    rows = da.random.default_rng(0).integers(0, 9, size=(64, 64, 64, 64), chunks=(1, 64, 64, 64), dtype=np.uint16)  # 32 MB
    tracemalloc.start()
    center_of_mass(make_cube(rows))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 2**20


def _disks(right: float, left: float) -> xr.DataArray:
    """Two Bragg disks of given intensity on the kx axis."""
    cube = make_cube(np.zeros((1, 1, 41, 61)), k_step=0.05)
    return cube + right * Disk(0.2, 0.0, 1.0).mask(cube) + left * Disk(0.2, 0.0, -1.0).mask(cube)


def test_friedel_pair() -> None:
    cube = _disks(3.0, 1.0).assign_attrs(voltage_kV=200.0)
    assert float(friedel_signal(cube, (0.0, 1.0), 0.3).item()) == pytest.approx(0.5)
    assert float(friedel_signal(cube, (0.0, -1.0), 0.3).item()) == pytest.approx(-0.5)
    assert np.isnan(friedel_signal(cube, (0.7, 0.0), 0.2).item())


def test_central_disk_shift() -> None:
    values = np.zeros((1, 2, 21, 21))
    values[0, 0, 10, 10] = values[0, 1, 10, 10] = 3
    values[0, 1, 8, 11] = 1  # a little up and to the right
    signal = central_disk_signal(make_cube(values, k_step=0.1), 0.5)
    step = signal["shift_ky"][0, 1] - signal["shift_ky"][0, 0], signal["shift_kx"][0, 1] - signal["shift_kx"][0, 0]
    assert [float(value) for value in step] == pytest.approx([-0.05, 0.025], abs=1e-6)
    assert float(signal["shift_ky"].mean()) == pytest.approx(0)
