"""A quartic is found exactly, and so are its maximum and its curvature there."""

from __future__ import annotations

import numpy as np
import pytest

from polwidgets.models.surface import Surface

PRECISION = np.array([[40.0, 11.0], [11.0, 25.0]])
POINTS = np.random.default_rng(0).uniform(-1.4, 1.4, (31, 2))


def quartic(vector: np.ndarray, top: np.ndarray) -> np.ndarray:
    """A hill with its top at `top`, the given curvature there and skewed flanks."""
    away = vector - top
    along = away @ np.array([0.6, -0.8])
    return 3.0 - 0.5 * np.einsum("...a,ab,...b->...", away, PRECISION, away) - 2.0 * along**4 + 1.5 * along**3


@pytest.mark.parametrize("top", [(0.3, 0.9), (-1.0, 0.2), (0.5, -0.4)])
def test_maximum_and_covariance_are_exact(top: tuple[float, float]) -> None:
    surface = Surface.through(POINTS, quartic(POINTS, np.array(top)))
    vector, covariance = surface.maximum(limit=1.7)
    np.testing.assert_allclose(vector, top, atol=1e-7)
    np.testing.assert_allclose(covariance, np.linalg.inv(PRECISION), rtol=1e-6)
    assert surface.value(vector) == pytest.approx(3.0)


def test_every_position_has_its_own() -> None:
    tops = np.array([[[0.3, 0.9], [-1.0, 0.2], [0.5, -0.4]], [[0.1, 0.6], [0.9, 0.9], [-0.3, -0.8]]])
    values = np.stack([[quartic(POINTS, top) for top in row] for row in tops])
    vector, covariance = Surface.through(POINTS, values).maximum(limit=1.7)
    np.testing.assert_allclose(vector, tops, atol=1e-7)
    assert covariance.shape == (2, 3, 2, 2)


def test_derivatives_are_those_of_differences() -> None:
    surface = Surface(np.random.default_rng(1).normal(size=15))
    place, step = np.array([0.7, -0.4]), 1e-5
    for axis, orders in ((0, (1, 0)), (1, (0, 1))):
        move = step * np.eye(2)[axis]
        slope = (surface.value(place + move) - surface.value(place - move)) / (2 * step)
        assert surface.value(place, *orders) == pytest.approx(float(slope), rel=1e-6)


def test_a_hill_outside_is_met_at_the_limit() -> None:
    vector, _ = Surface.through(POINTS, -((POINTS - np.array([3.0, 4.0])) ** 2).sum(-1)).maximum(limit=1.5)
    np.testing.assert_allclose(vector, 1.5 * np.array([0.6, 0.8]), atol=0.02)


def test_no_evidence_has_a_huge_error() -> None:
    vector, covariance = Surface.through(POINTS, np.zeros(31)).maximum(limit=1.5)
    assert np.isfinite(vector).all()
    assert np.linalg.eigvalsh(covariance).min() > 100
