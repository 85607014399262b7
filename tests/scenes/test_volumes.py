"""Volumes: analytic contents by counting points, algebra by logic, Wulff shapes by their own law."""

from __future__ import annotations

import numpy as np
import pytest

from polwidgets.scenes.transforms import linear, rotate, translate
from polwidgets.scenes.volumes.base import Volume
from polwidgets.scenes.volumes.polyhedron import convex_hull, polyhedron
from polwidgets.scenes.volumes.shapes import Box, Cylinder, Ellipsoid, Everywhere, HalfSpace, sphere
from polwidgets.scenes.volumes.wulff import equivalent_faces, wulff

POINTS = np.random.default_rng(5).uniform(-10, 10, (400_000, 3))
PER_A3 = len(POINTS) / 20**3
ANY_TURN = rotate((1, 2, -0.5), 33.0, about_A=(0.5, 0.2, 0.1)).then(translate((0.7, -1.1, 0.4)))
CUBE = [[1, 0, 0, 3], [-1, 0, 0, 3], [0, 1, 0, 3], [0, -1, 0, 3], [0, 0, 1, 3], [0, 0, -1, 3]]
SHAPES = [
    (sphere(5.0, (1.0, -2.0, 0.5)), 4 / 3 * np.pi * 125),
    (Ellipsoid((6.0, 3.0, 2.0)), 4 / 3 * np.pi * 36),
    (Box((-1.0, -2.0, -3.0), (5.0, 4.0, 3.0)), 216.0),
    (Cylinder(3.0, 8.0, axis=(1.0, 1.0, 0.3)), 72 * np.pi),
    (HalfSpace((1.0, 0.0, 0.0), 2.0) & Box((-5.0,) * 3, (5.0,) * 3), 700.0),
    (HalfSpace((1.0, 1.0, 1.0)) & sphere(6.0), 144 * np.pi),
    (polyhedron(CUBE), 216.0),
    (Everywhere() & sphere(3.0), 36 * np.pi),
    (sphere(5.0) - sphere(3.0), 4 / 3 * np.pi * 98),
    (sphere(3.0, (-4.0, 0.0, 0.0)) | sphere(3.0, (4.0, 0.0, 0.0)), 72 * np.pi),
    (~sphere(8.0) & Box((-8.0,) * 3, (8.0,) * 3), 16**3 - 4 / 3 * np.pi * 512),
]


@pytest.mark.parametrize(("volume", "content"), SHAPES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("moved", [False, True], ids=["as made", "moved"])
def test_contents_are_analytic_and_inside_the_bounds(volume: Volume, content: float, moved: bool) -> None:
    if moved:
        # some reach beyond the points when turned: half the size fits
        volume, content = volume.moved(linear(0.5 * np.eye(3))).moved(ANY_TURN), content / 8
    inside = volume.contains(POINTS)
    spread = np.sqrt(content * PER_A3)
    assert abs(inside.sum() - content * PER_A3) < 4 * spread
    low, high = volume.bounds_A
    assert (POINTS[inside] >= low - 1e-9).all()
    assert (POINTS[inside] <= high + 1e-9).all()


def test_algebra_is_logic() -> None:
    first, second = sphere(6.0), Box((-2.0, -9.0, -9.0), (9.0, 3.0, 9.0))
    a, b = first.contains(POINTS), second.contains(POINTS)
    for volume, expected in [(first & second, a & b), (first | second, a | b), (first - second, a & ~b), (~first, ~a)]:
        np.testing.assert_array_equal(volume.contains(POINTS), expected)
    assert np.isinf((~first).bounds_A).all()
    assert np.isinf(HalfSpace((0.0, 1.0, 1.0)).bounds_A).all()
    np.testing.assert_array_equal(HalfSpace((0.0, 0.0, -2.0), 3.0).bounds_A[:, 2], [-3, np.inf])


def test_an_endless_cylinder_ends_only_across_its_axis() -> None:
    bounds = Cylinder(2.0, axis=(0.0, 1.0, 0.0)).bounds_A
    np.testing.assert_array_equal(bounds, [[-2, -np.inf, -2], [2, np.inf, 2]])
    turned = Cylinder(2.0).moved(rotate((0, 0, 1), 30)).bounds_A
    assert np.isinf(turned[:, 2]).all()
    assert np.isfinite(turned[:, :2]).all()


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: sphere(0.0), "would be empty"),
        (lambda: Cylinder(1.0, -3.0), "would be empty"),
        (lambda: Box((0, 0, 0), (1, -1, 1)), "is empty"),
        (lambda: HalfSpace((0.0, 0.0, 0.0)), "is no direction"),
        (lambda: polyhedron(CUBE[:5]), "do not close"),
        (lambda: polyhedron([[*row[:3], -1.0] for row in CUBE]), "enclose nothing"),
        (lambda: polyhedron([[0, 0, 0, 1], *CUBE]), "normal is zero"),
        (lambda: polyhedron([[1, 2, 3]]), r"expected \(face, 4\)"),
        (lambda: convex_hull([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]]), "span no volume"),
        (lambda: wulff({(1, 1, 1): -1.0}, np.eye(3), volume_A3=1.0), "all positive"),
        (lambda: wulff({(1, 1, 1): 1.0}, np.eye(3), volume_A3=0.0), "volume_A3 is 0"),
        (lambda: wulff({(1, 1, 1): 1.0}, np.eye(3), volume_A3=1.0, interface=((1, 0, 0), -5.0)), "enclose nothing"),
    ],
)
def test_empty_and_open_volumes_are_errors(make: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make()  # type: ignore[operator]


def test_a_hull_holds_its_points_and_not_more() -> None:
    points = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0], [0, 0, 4], [0.5, 0.5, 0.5]])
    hull = convex_hull(points)
    np.testing.assert_allclose(hull.volume_A3, 64 / 6)
    assert hull.contains(points).all()
    np.testing.assert_allclose(sorted(hull.face_areas_A2), sorted([8, 8, 8, 16 * np.sqrt(3) / 2]))
    assert convex_hull(points, margin_A=0.5).contains(points + 0.28).all()


@pytest.mark.parametrize("ratio", [0.8, 1.0, 1.2, 1.6])
def test_wulff_distances_obey_the_energies(ratio: float) -> None:
    shape = wulff({(1, 1, 1): 1.0, (1, 0, 0): ratio}, np.eye(3) * 4.0, volume_A3=5000.0)
    np.testing.assert_allclose(shape.volume_A3, 5000.0, rtol=1e-9)
    octahedral = np.isclose(abs(shape.normals).max(1), 1 / np.sqrt(3))
    assert octahedral.sum() == 8
    np.testing.assert_allclose(shape.distances_A[~octahedral] / shape.distances_A[octahedral][0], ratio)


def test_wulff_limits_are_cube_octahedron_and_the_truncated_octahedron_between() -> None:
    cube = wulff({(1, 1, 1): 10.0, (1, 0, 0): 1.0}, np.eye(3), volume_A3=8.0)
    np.testing.assert_allclose(np.sort(cube.face_areas_A2)[-6:], 4.0)
    np.testing.assert_allclose(cube.face_areas_A2.sum(), 24.0)
    octahedron = wulff({(1, 1, 1): 1.0, (1, 0, 0): 10.0}, np.eye(3), volume_A3=1.0)
    np.testing.assert_allclose(octahedron.face_areas_A2.sum(), 2 * np.sqrt(3) * (3 / np.sqrt(2)) ** (2 / 3))
    # Kelvin's solid, whose edges are all equal: energies in the ratio of 3 to 2 sqrt(3)
    kelvin = wulff({(1, 1, 1): np.sqrt(3) / 2, (1, 0, 0): 1.0}, np.eye(3), volume_A3=8 * np.sqrt(2))
    areas = np.sort(kelvin.face_areas_A2)
    np.testing.assert_allclose(areas[:6], 1.0, rtol=1e-9)
    np.testing.assert_allclose(areas[6:], 3 * np.sqrt(3) / 2, rtol=1e-9)
    assert len(np.unique(kelvin.vertices_A.round(6), axis=0)) == 24


def test_wulff_minimises_the_surface_energy() -> None:
    energies = {(1, 1, 1): 1.28, (1, 0, 0): 1.63, (1, 1, 0): 1.70}

    def energy(assumed: dict[tuple[int, int, int], float]) -> float:
        shape = wulff(assumed, np.eye(3), volume_A3=100.0)
        cost = np.concatenate([[energies[family]] * len(equivalent_faces(family)) for family in energies])
        return float((shape.face_areas_A2 * cost).sum())

    best = energy(energies)
    for family in energies:
        for factor in (0.95, 1.03):
            assert energy({**energies, family: energies[family] * factor}) >= best - 1e-9


def test_winterbottom_cuts_at_the_effective_energy() -> None:
    shape = wulff({(1, 1, 1): 1.0, (1, 0, 0): 1.2}, np.eye(3), volume_A3=1000.0, interface=((0, 0, 1), 0.3))
    free = shape.distances_A[np.isclose(shape.normals, [0, 0, -1]).all(1)][0]
    np.testing.assert_allclose(shape.bounds_A[1, 2] / free, 0.3 / 1.2)
    np.testing.assert_allclose(shape.volume_A3, 1000.0)


def test_faces_of_other_cells_lie_across_their_reciprocal_vectors() -> None:
    cell = np.array([[3.0, 0, 0], [-1.5, 3 * np.sqrt(3) / 2, 0], [0, 0, 5.0]])  # hexagonal
    turn = np.array([[1, -1, 0], [1, 0, 0], [0, 0, 1]])  # six-fold, acting on direct indices
    turns = [np.linalg.matrix_power(turn, power) for power in range(6)]
    on_faces = np.array([np.rint(np.linalg.inv(matrix).T) * [[1, 1, sign]] * [[1], [1], [1]] for matrix in turns for sign in (1, -1)])
    assert len(equivalent_faces((1, 0, 0), on_faces)) == 6
    prism = wulff({(1, 0, 0): 1.0, (0, 0, 1): 1.5}, cell, volume_A3=500.0, operations=on_faces)
    sides = np.abs(prism.normals[:, 2]) < 0.5
    assert sides.sum() == 6
    np.testing.assert_allclose(prism.normals[sides] @ [0, 0, 1], 0, atol=1e-12)
    angles = np.sort(np.rad2deg(np.arctan2(prism.normals[sides, 1], prism.normals[sides, 0])))
    np.testing.assert_allclose(np.diff(angles), 60)
    width = prism.distances_A[sides][0]
    np.testing.assert_allclose(prism.volume_A3, 2 * np.sqrt(3) * width**2 * 3 * width, rtol=1e-9)
