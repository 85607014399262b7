"""Transforms by their own laws: distances kept, handedness, what stays in place, what undoes what."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from polwidgets.scenes.generators.crystal import cubic
from polwidgets.scenes.transforms import (
    Affine,
    align,
    invert,
    join_surfaces,
    linear,
    reflect,
    rotate,
    rotate_randomly,
    translate,
)
from polwidgets.scenes.volumes.shapes import Box

POINTS = np.random.default_rng(2).normal(size=(20, 3)) * [3, 5, 7]
ABOUT = (1.0, -2.0, 0.5)


@pytest.mark.parametrize(
    ("transform", "handedness"),
    [
        (translate((1, 2, 3)), 1),
        (rotate((1, 1, 0), 40, about_A=ABOUT), 1),
        (rotate_randomly(seed=3, about_A=ABOUT), 1),
        (align((1, 2, 3), (-1, 0, 2), about_A=ABOUT), 1),
        (align((1, 2, 3), (-1, -2, -3)), 1),
        (reflect((1, -2, 1), about_A=ABOUT), -1),
        (invert(about_A=ABOUT), -1),
        (join_surfaces((1, 0, 2), (0, 1, 1), (3, 3, 3), (1, 0, 0), gap_A=2, twist_deg=30), 1),
    ],
)
def test_rigid_ones_keep_distances_and_are_undone(transform: Affine, handedness: int) -> None:
    moved = transform.apply(POINTS)
    np.testing.assert_allclose(pdist(moved), pdist(POINTS))
    np.testing.assert_allclose(np.linalg.det(transform.matrix), handedness)
    np.testing.assert_allclose(transform.inverse().apply(moved), POINTS, atol=1e-12)
    np.testing.assert_allclose(transform.then(transform.inverse()).matrix, np.eye(3), atol=1e-12)


def test_each_does_what_it_says() -> None:
    np.testing.assert_allclose(rotate((0, 0, 1), 90).apply(np.eye(3)), [[0, 1, 0], [-1, 0, 0], [0, 0, 1]], atol=1e-12)
    np.testing.assert_allclose(reflect((0, 2, 0), about_A=(0, 1, 0)).apply(np.array([[3.0, 4, 5]])), [[3, -2, 5]])
    np.testing.assert_allclose(invert(about_A=(1, 1, 1)).apply(np.array([[3.0, 4, 5]])), [[-1, -2, -3]])
    for transform in (rotate((1, 2, 3), 70, about_A=ABOUT), reflect((1, 2, 3), about_A=ABOUT), linear(2 * np.eye(3), about_A=ABOUT)):
        np.testing.assert_allclose(transform.apply(np.array([ABOUT])), [ABOUT], atol=1e-12)
    turned = align((1, 2, 3), (0, -1, 1)).apply(np.array([[2.0, 4, 6]]))
    np.testing.assert_allclose(turned, np.sqrt(56 / 2) * np.array([[0, -1, 1]]), atol=1e-12)
    first, second = rotate((1, 0, 0), 30), translate((1, 2, 3))
    np.testing.assert_allclose(first.then(second).apply(POINTS), second.apply(first.apply(POINTS)))


def test_random_turns_are_even() -> None:
    # a fixed direction ends anywhere on the sphere: mean 0, second moments 1/3
    ends = np.array([rotate_randomly(seed=seed).matrix[:, 0] for seed in range(3000)])
    np.testing.assert_allclose(ends.mean(0), 0, atol=0.04)
    np.testing.assert_allclose(ends.T @ ends / len(ends), np.eye(3) / 3, atol=0.03)


def test_surfaces_meet_face_to_face() -> None:
    start, normal, end, onto = np.array([1.0, 2, 3]), np.array([1.0, 1, 1]), np.array([5.0, 0, 1]), np.array([0, 3.0, 4])
    laid = join_surfaces(start, normal, end, onto, gap_A=1.5, twist_deg=77)
    np.testing.assert_allclose(laid.apply(start[None])[0], end + 1.5 * onto / 5)
    np.testing.assert_allclose(laid.matrix @ normal / np.sqrt(3), -onto / 5, atol=1e-12)
    # two crystals, (111) on (001)
    crystal = cubic(79, "fcc", 4.0).fill(Box((-8, -8, -8), (8, 8, 0)))
    other = crystal.positions_A[crystal.positions_A @ np.ones(3) <= 0]
    moved = join_surfaces((0, 0, 0), (1, 1, 1), (0, 0, 0), (0, 0, 1), gap_A=2.2).apply(other)
    np.testing.assert_allclose(moved[:, 2].min(), 2.2)
    np.testing.assert_allclose(np.diff(np.unique(moved[:, 2].round(6))), 4 / np.sqrt(3), rtol=1e-5)


@pytest.mark.parametrize(
    "transform", [rotate((1, 2, 3), 50, about_A=ABOUT), reflect((1, 1, 0)), linear([[1, 0.2, 0], [0, 1, 0], [0.1, 0, 0.9]])]
)
def test_a_box_around_a_moved_box(transform: Affine) -> None:
    bounds = np.array([[-1.0, -2, -3], [4, 5, 6]])
    inside = np.random.default_rng(1).uniform(*bounds, (20000, 3))
    low, high = transform.box(bounds)
    moved = transform.apply(inside)
    assert (moved >= low).all()
    assert (moved <= high).all()
    np.testing.assert_allclose([moved.min(0), moved.max(0)], [low, high], atol=0.8)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: linear(np.zeros((3, 3))), "singular"),
        (lambda: linear(np.eye(2)), r"expected \(3, 3\)"),
        (lambda: rotate((0, 0, 0), 30), "is no direction"),
        (lambda: reflect((np.nan, 0, 1)), "is no direction"),
    ],
)
def test_what_is_no_transform(make: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make()  # type: ignore[operator]
