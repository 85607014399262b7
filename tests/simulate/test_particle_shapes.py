"""Volumes and outlines of bodies whose formulas are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from polwidgets.simulate.particle_shapes import PLANES, SHAPES, body_thickness, draw_thickness, polyhedron_thickness, rod_thickness


def grid(reach: float, step: float = 0.25) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, x = np.meshgrid(np.arange(-reach, reach, step), np.arange(-reach - 2, reach + 2, step), indexing="ij")
    return y + step / 2, x + step / 2


def test_a_sphere_is_a_sphere() -> None:
    y, x = grid(12)
    thickness = body_thickness(y, x, 9.0)
    np.testing.assert_allclose(thickness, 2 * np.sqrt(np.clip(81 - y**2 - x**2, 0, None)), atol=1e-9)


def test_an_ellipsoid_lies_as_it_is_turned() -> None:
    y, x = grid(20)
    thickness = body_thickness(y, x, 9.0, elongation=2.0, angle_deg=30.0, depth=0.5)
    assert thickness.sum() / 16 == pytest.approx(4 / 3 * np.pi * 9**2 * 4.5, rel=2e-3)
    # anticlockwise on screen: the right end is up, where rows are less
    right = thickness[x > 9]
    assert (right * y[x > 9]).sum() < 0
    outline = thickness > 0
    assert np.hypot(y, x)[outline].max() == pytest.approx(9 * np.sqrt(2), abs=0.3)


def test_lobes_change_the_outline_about_its_mean() -> None:
    y, x = grid(14, 0.1)
    outline = body_thickness(y, x, 9.0, lobes=np.array([[0.0, 0.0], [0.1, 0.0]])) > 0
    angle, radius = np.arctan2(-y, x), np.hypot(y, x)
    for turn in range(6):
        here = np.abs((angle - turn * np.pi / 3 + np.pi) % (2 * np.pi) - np.pi) < 0.05
        assert radius[outline & here].max() == pytest.approx(9 * (1.1 if turn % 2 == 0 else 0.9), abs=0.2)


def test_a_rod_has_the_volume_of_a_cylinder_and_a_sphere() -> None:
    y, x = grid(24)
    thickness = rod_thickness(y, x, 5.0, half_length=12.0, angle_deg=70.0)
    assert thickness.sum() / 16 == pytest.approx(np.pi * 25 * 24 + 4 / 3 * np.pi * 125, rel=2e-3)


@pytest.mark.parametrize(("planes", "volume"), [("100", 8.0), ("111", 4 * np.sqrt(3)), ("110", 4 * np.sqrt(2))])
def test_polyhedra_have_their_volume_however_they_are_turned(planes: str, volume: float) -> None:
    """Cube, octahedron and rhombic dodecahedron by the distance of their faces from the middle."""
    y, x = grid(16)
    normals = np.asarray(PLANES[planes], float)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    for turn in (Rotation.identity(), Rotation.from_rotvec([0.3, -1.1, 0.5])):
        thickness = polyhedron_thickness(y, x, turn.apply(normals), np.full(len(normals), 7.0))
        assert thickness.sum() / 16 == pytest.approx(volume * 7**3, rel=4e-3)


def test_planes_that_enclose_nothing_are_refused() -> None:
    y, x = grid(4)
    with pytest.raises(ValueError, match="enclose no body"):
        polyhedron_thickness(y, x, np.array([[0.0, 0.0, 1.0]]), np.array([2.0]))


@pytest.mark.parametrize("shape", SHAPES)
def test_drawn_particles_stay_within_twice_their_radius(shape: str) -> None:
    y, x = grid(30, 0.5)
    for seed in range(30):
        thickness = draw_thickness(shape, 10.0, y, x, rng=np.random.default_rng(seed))
        assert thickness.min() >= 0
        assert np.isfinite(thickness).all()
        assert np.hypot(y, x)[thickness > 0].max() < 22
        assert 5 < np.sqrt((thickness > 0).sum() / 4 / np.pi) < 16


def test_unknown_shapes_and_no_radius_are_refused() -> None:
    y, x = grid(4)
    with pytest.raises(ValueError, match="expected one of body, rod, polyhedron"):
        draw_thickness("star", 3.0, y, x, rng=np.random.default_rng(0))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="more than zero"):
        draw_thickness("body", 0.0, y, x, rng=np.random.default_rng(0))
