"""Strain and rotation: there and back, and the conventions' signs."""

from __future__ import annotations

import numpy as np
import pytest

from polwidgets.deformation import deformation, strain_and_rotation


@pytest.mark.parametrize("axis_deg", [0.0, 33.0, 90.0])
def test_strain_and_rotation_come_back(axis_deg: float) -> None:
    values = np.array([0.021, -0.013, 0.007, 1.4])
    gradient = deformation(*values[:3], values[3], axis_deg=axis_deg)
    np.testing.assert_allclose(strain_and_rotation(gradient, axis_deg=axis_deg), values, atol=1e-12)


def test_many_at_once() -> None:
    rng = np.random.default_rng(0)
    values = rng.uniform(-0.02, 0.02, (4, 3, 5))
    gradient = deformation(*values[:3], 50 * values[3])
    assert gradient.shape == (3, 5, 2, 2)
    np.testing.assert_allclose(np.moveaxis(strain_and_rotation(gradient), -1, 0), [*values[:3], 50 * values[3]], atol=1e-12)


def test_signs_are_those_of_the_screen() -> None:
    right, up = np.array([0.0, 1.0]), np.array([-1.0, 0.0])
    np.testing.assert_allclose(deformation(0.1, 0, 0) @ right, 1.1 * right, atol=1e-12)
    np.testing.assert_allclose(deformation(0, 0.1, 0) @ up, 1.1 * up, atol=1e-12)
    # positive shear leans the right axis up, positive rotation is anticlockwise
    assert (deformation(0, 0, 0.1) @ right)[0] < 0
    np.testing.assert_allclose(deformation(0, 0, 0, 90.0) @ right, up, atol=1e-15)


def test_turning_the_axes_turns_the_strain() -> None:
    gradient = deformation(0.02, -0.01, 0.0)
    np.testing.assert_allclose(strain_and_rotation(gradient, axis_deg=90.0)[:3], [-0.01, 0.02, 0.0], atol=1e-12)
    np.testing.assert_allclose(strain_and_rotation(gradient, axis_deg=45.0)[:3], [0.005, 0.005, -0.015], atol=1e-12)
