from __future__ import annotations

import numpy as np
import pytest

import polwidgets as pw
from polwidgets.cube.detectors import Annulus, Disk
from polwidgets.widgets.geometry import beam_px, choose_detector, detector_on, mrad_per_wave_number, semiangle_px
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


def test_detectors_are_put_where_they_were_drawn(scan):
    disk = detector_on(scan, (10.0, 20.5), 0.0, 5.0)
    assert isinstance(disk, Disk)
    assert (disk.radius, disk.center_ky, disk.center_kx) == pytest.approx((0.6, -0.6, 0.24))
    ring = detector_on(scan, (15.0, 18.5), 2.0, 5.0)
    assert isinstance(ring, Annulus)
    assert (ring.inner, ring.outer) == pytest.approx((0.24, 0.6))
