from __future__ import annotations

import numpy as np
import pytest

import polwidgets as pw
from polwidgets.cube.detectors import Annulus, Disk
from polwidgets.widgets.geometry import (
    DetectorPixels,
    beam_px,
    choose_detector,
    detector_image,
    detectors_on,
    mrad_per_wave_number,
    region_mask,
    region_mean,
    semiangle_px,
)
from polwidgets.widgets.view_state import ViewState


def test_angles_follow_from_voltage_and_sampling(scan):
    # wavelength at 200 kV: 0.02507934 angstrom
    assert mrad_per_wave_number(scan) == pytest.approx(25.07934, rel=1e-5)
    assert semiangle_px(scan) == pytest.approx(0.024 / 0.02507934 / 0.12, rel=1e-5)
    assert beam_px(scan) == pytest.approx((15.0, 18.5))


def test_an_uncalibrated_cube_has_no_angles():
    cube = pw.make_cube(np.ones((2, 2, 10, 12)), voltage_kV=200.0, semiangle_mrad=20.0)
    assert mrad_per_wave_number(cube) is None
    assert semiangle_px(cube) is None
    assert beam_px(cube) == (5, 6)


def test_a_beam_off_the_detector_is_put_in_the_middle():
    cube = pw.make_cube(np.ones((2, 2, 10, 12)), k_step=0.1, center_px=(-3.0, 4.0))
    assert beam_px(cube) == pytest.approx((4.5, 4.0))


def test_a_state_without_a_detector_gets_the_bright_field_disk(scan):
    state = ViewState()
    choose_detector(state, scan)
    assert state.detector_center == pytest.approx((15.0, 18.5))
    assert state.detector_outer == pytest.approx(semiangle_px(scan))
    chosen = ViewState(detector_outer=3.0)
    choose_detector(chosen, scan)
    assert chosen.detector_center == (0.0, 0.0)


def chosen(shape, center, inner, outer, angles=(-45.0, 45.0)):
    return DetectorPixels(shape, center, inner, outer, angles)


def test_detectors_are_put_where_they_were_drawn(scan):
    (disk,) = detectors_on(scan, chosen("ring", (10.0, 20.5), 0.0, 5.0)).values()
    assert isinstance(disk, Disk)
    assert (disk.radius, disk.center_ky, disk.center_kx) == pytest.approx((0.6, -0.6, 0.24))
    (ring,) = detectors_on(scan, chosen("ring", (15.0, 18.5), 2.0, 5.0)).values()
    assert isinstance(ring, Annulus)
    assert (ring.inner, ring.outer) == pytest.approx((0.24, 0.6))
    (segment,) = detectors_on(scan, chosen("segment", (15.0, 18.5), 2.0, 5.0, (10.0, 70.0))).values()
    assert (segment.start_deg, segment.stop_deg, segment.inner) == pytest.approx((10.0, 70.0, 0.24))


def test_a_point_is_the_pixel_under_it(scan):
    np.testing.assert_allclose(detector_image(scan, chosen("point", (11.8, 20.3), 0.0, 5.0)), scan.values[:, :, 12, 20], rtol=1e-6)


def test_quadrants_tell_right_from_left_and_up_from_down():
    patterns = np.zeros((2, 2, 21, 25))
    patterns[0, 0, 10, 16] = patterns[0, 1, 10, 8] = patterns[1, 0, 6, 12] = patterns[1, 1, 14, 12] = 1  # right, left, up, down
    cube = pw.make_cube(patterns)
    right = detector_image(cube, chosen("quadrants right - left", (10.0, 12.0), 0.0, 8.0))
    np.testing.assert_allclose(right, [[1, -1], [0, 0]], atol=1e-6)
    up = detector_image(cube, chosen("quadrants up - down", (10.0, 12.0), 0.0, 8.0))
    np.testing.assert_allclose(up, [[0, 0], [1, -1]], atol=1e-6)


def test_a_region_holds_the_pixels_inside():
    mask = region_mask([(0.5, 0.5), (0.5, 3.5), (2.5, 3.5), (2.5, 0.5)], (4, 6))
    assert np.argwhere(mask).tolist() == [[1, 1], [1, 2], [1, 3], [2, 1], [2, 2], [2, 3]]
    with pytest.raises(ValueError, match="holds no probe position"):
        region_mask([(0.6, 0.6), (0.6, 0.9), (0.9, 0.9)], (4, 6))


def test_the_mean_of_a_region(scan):
    region = [(2.5, 4.5), (2.5, 9.5), (6.5, 4.5)]
    mask = region_mask(region, scan.shape[:2])
    mean, count = region_mean(scan, region)
    assert count == mask.sum() > 3
    np.testing.assert_allclose(mean, scan.values[mask].mean(0), rtol=1e-5, atol=1e-6)
