from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polwidgets.cube.detectors import Annulus, Disk, Point, Segment, in_mrad, quadrants
from polwidgets.cube.schema import make_cube


@pytest.fixture
def detector_cube():
    return make_cube(np.ones((1, 1, 81, 91)), k_step=0.05, scan_step_A=1.0, voltage_kV=200.0)


@pytest.mark.parametrize("center", [(0, 0), (0.31, -0.52)])
def test_areas(detector_cube, center) -> None:
    pixel = 0.05**2
    assert Disk(1.2, *center).mask(detector_cube).sum() * pixel == pytest.approx(np.pi * 1.2**2, rel=2e-3)
    assert Annulus(0.5, 1.2, *center).mask(detector_cube).sum() * pixel == pytest.approx(np.pi * (1.2**2 - 0.5**2), rel=2e-3)
    segment = Segment(0.5, 1.2, 10, 80, *center).mask(detector_cube).sum() * pixel
    assert segment == pytest.approx(70 / 360 * np.pi * (1.2**2 - 0.5**2), rel=1e-2)


def test_a_segment_lies_where_screens_angles_say(detector_cube) -> None:
    up = Segment(0.2, 1.5, 80, 100).mask(detector_cube)
    rows, columns = np.nonzero(up > 0.5)
    assert rows.max() < 40  # up is minus row
    assert abs(columns.mean() - 45) < 0.5
    right = Segment(0.2, 1.5, 350, 370).mask(detector_cube)
    assert np.nonzero(right > 0.5)[1].min() > 45


@given(first_deg=st.floats(-400, 400), inner=st.floats(0, 0.8))
def test_quadrants_fill_the_ring(first_deg, inner) -> None:
    cube = make_cube(np.ones((1, 1, 41, 51)), k_step=0.1)
    parts = quadrants(inner, 1.6, first_deg=first_deg)
    total = sum(part.mask(cube) for part in parts.values())
    away = np.hypot(*np.meshgrid(cube["ky"], cube["kx"], indexing="ij")) > 0.3  # at the very centre sides meet within a pixel
    np.testing.assert_allclose(total[away], Annulus(inner, 1.6).mask(cube)[away], atol=0.02)


def test_a_point_is_the_nearest_pixel(detector_cube) -> None:
    mask = Point(0.11, -0.26).mask(detector_cube)
    assert mask.sum() == 1
    assert mask[42, 40] == 1


def test_mrad(detector_cube) -> None:
    # 24 mrad at 200 kV
    assert in_mrad(Disk(24.0), detector_cube).radius == pytest.approx(0.95696, rel=1e-4)
    segment = in_mrad(Segment(10.0, 24.0, 5.0, 95.0), detector_cube)
    assert (segment.start_deg, segment.stop_deg) == (5.0, 95.0)
    assert segment.inner == pytest.approx(0.39873, rel=1e-4)
    with pytest.raises(ValueError, match="are in pixels"):
        in_mrad(Disk(24.0), make_cube(np.ones((1, 1, 8, 8)), voltage_kV=200.0))


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match="0 <= inner < outer, got inner=2, outer=1"):
        Annulus(2, 1)
    with pytest.raises(ValueError, match="0 < stop_deg - start_deg <= 360"):
        Segment(0, 1, 40, 40).mask(make_cube(np.ones((1, 1, 8, 8))))
