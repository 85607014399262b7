"""Particles told apart, and their statistics against formulas."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from polwidgets.segmentation.instances import separate, touching_border
from polwidgets.segmentation.segmentation import only
from polwidgets.segmentation.statistics import particle_statistics

SHAPE = (121, 170)
Y, X = np.mgrid[: SHAPE[0], : SHAPE[1]]


def disk(y: float, x: float, radius: float) -> NDArray[np.bool_]:
    return np.asarray((Y - y) ** 2 + (X - x) ** 2 <= radius**2)


def ellipse(y: float, x: float, long: float, short: float, angle_deg: float) -> NDArray[np.bool_]:
    angle = np.deg2rad(angle_deg)
    along, across = (X - x) * np.cos(angle) - (Y - y) * np.sin(angle), (X - x) * np.sin(angle) + (Y - y) * np.cos(angle)
    return np.asarray((along / long) ** 2 + (across / short) ** 2 <= 1)


def table(labels: NDArray[np.int32], **attrs: object) -> xr.Dataset:
    return xr.Dataset({"labels": (("y", "x"), labels)}, attrs=attrs)


@pytest.mark.parametrize("radii", [(20, 20), (20, 9), (8, 6), (25, 24)])
def test_touching_disks_are_two(radii: tuple[int, int]) -> None:
    first, second = disk(60, 50, radii[0]), disk(63, 50 + 0.95 * sum(radii), radii[1])
    labels = separate(first | second)
    assert labels.max() == 2
    assert labels[60, 50] != labels[63, int(50 + 0.95 * sum(radii))]
    only = first & ~second
    assert (labels[only] == labels[60, 50]).mean() > 0.98
    np.testing.assert_array_equal(labels > 0, first | second)


@pytest.mark.parametrize(
    "mask",
    [disk(60, 60, 30), disk(60.5, 71.5, 3.3), ellipse(60, 80, 50, 14, 25), disk(0, 80, 30), disk(60, 60, 30) & (np.abs(Y - 60) > -1)],
    ids=["disk", "small", "long", "cut", "whole"],
)
def test_one_particle_stays_one(mask: NDArray[np.bool_]) -> None:
    np.testing.assert_array_equal(separate(mask), mask.astype(int))


def test_ragged_outlines_do_not_break_a_particle() -> None:
    rng = np.random.default_rng(2)
    angle = np.arctan2(Y - 60, X - 80)
    wave = sum(rng.normal(0, 0.02) * np.cos(n * angle + rng.uniform(0, 6)) for n in range(3, 15))
    assert separate(np.hypot(Y - 60, X - 80) < 35 * (1 + wave)).max() == 1


def test_small_ones_and_small_holes_go() -> None:
    mask = disk(60, 60, 20) & ~disk(60, 60, 2)
    mask[5:8, 5:8] = True
    labels = separate(mask, min_area=20)
    np.testing.assert_array_equal(labels, disk(60, 60, 20).astype(int))
    assert separate(mask, min_area=1).max() == 2
    assert separate(np.zeros(SHAPE, bool)).max() == 0
    assert separate(np.ones(SHAPE, bool)).max() >= 1


def test_numbers_go_from_the_top_and_the_border_is_known() -> None:
    mask = disk(20, 100, 9) | disk(60, 30, 9) | disk(118, 80, 9)
    labels = separate(mask)
    assert [labels[20, 100], labels[60, 30], labels[118, 80]] == [1, 2, 3]
    np.testing.assert_array_equal(touching_border(labels), [False, False, False, True])
    np.testing.assert_array_equal(only(labels, ~touching_border(labels)), np.where(labels == 3, 0, labels))
    np.testing.assert_array_equal(only(labels, np.array([True, False, True, True])), np.clip(labels - 1, 0, None))


def test_disks_have_the_size_of_disks_in_the_images_unit() -> None:
    labels = (disk(30.0, 40.0, 20.0) + 2 * disk(70.3, 120.6, 12.0)).astype(np.int32)
    found = particle_statistics(table(labels, pixel_size=0.25, unit="nm"))
    np.testing.assert_allclose(found["equivalent_diameter"], [10, 6], rtol=0.01)
    np.testing.assert_allclose(found["perimeter"], [10 * np.pi, 6 * np.pi], rtol=0.03)
    np.testing.assert_allclose(found["circularity"], 1, atol=0.06)
    np.testing.assert_allclose(found["aspect_ratio"], 1, atol=0.02)
    np.testing.assert_allclose(np.stack([found["y"], found["x"]], 1), [[7.5, 10], [70.3 / 4, 120.6 / 4]], atol=0.03)
    assert found["solidity"].min() > 0.94
    assert found["area"].attrs["units"] == "nm^2"
    assert found.attrs["count"] == 2
    assert found.attrs["mean_diameter"] == pytest.approx(8, rel=0.01)
    assert found.attrs["number_density"] == pytest.approx(2 / (labels.size / 16))
    assert found.attrs["coverage"] == pytest.approx((labels > 0).mean())


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0, 135.0])
def test_ellipses_have_their_axes(angle: float) -> None:
    labels = ellipse(60, 85, 40, 16, angle).astype(np.int32)
    found = particle_statistics(table(labels))
    assert found["major_axis"].item() == pytest.approx(80, rel=0.01)
    assert found["minor_axis"].item() == pytest.approx(32, rel=0.01)
    difference = (found["orientation_deg"].item() - angle + 90) % 180 - 90
    assert abs(difference) < 0.5
    assert found.attrs["unit"] == "pixel"


def test_solidity_is_the_share_of_the_hull() -> None:
    labels = np.zeros(SHAPE, np.int32)
    labels[20:60, 20:40] = 1
    labels[40:60, 40:60] = 1  # an L: 1200 of 1400 in its hull
    assert particle_statistics(table(labels))["solidity"].item() == pytest.approx(1200 / 1400, rel=1e-6)


def test_particles_at_the_border_count_only_when_asked_for() -> None:
    labels = (disk(60, 60, 10) + 2 * disk(0, 100, 10)).astype(np.int32)
    assert particle_statistics(table(labels))["particle"].values.tolist() == [1]
    both = particle_statistics(table(labels), border=True)
    assert both["touches_border"].values.tolist() == [False, True]
    empty = particle_statistics(table(np.zeros(SHAPE, np.int32)))
    assert empty.attrs["count"] == 0
    assert np.isnan(empty.attrs["mean_diameter"])
