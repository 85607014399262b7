"""Convex polyhedra: what half-spaces enclose."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linprog
from scipy.spatial import ConvexHull, HalfspaceIntersection, QhullError

from polwidgets.scenes.matter import Array
from polwidgets.scenes.volumes.base import Mask, Volume


@dataclasses.dataclass(frozen=True, eq=False)
class Polyhedron(Volume):
    """The points x with ``normals @ x <= distances_A``: a bounded convex polyhedron.

    Attributes
    ----------
    normals : float array (face, 3)
        Outward unit normals; planes that cut nothing off are allowed.
    distances_A : float array (face,)
        Of each plane from the origin, angstrom.

    Raises
    ------
    ValueError
        The half-spaces enclose nothing, or do not close.
    """

    normals: Array
    distances_A: Array

    def __post_init__(self) -> None:
        if np.ndim(self.normals) != 2 or np.shape(self.normals) != (len(self.distances_A), 3):
            raise ValueError(f"normals of shape {np.shape(self.normals)} for {len(self.distances_A)} planes, expected (face, 3)")
        if not np.allclose(np.linalg.norm(self.normals, axis=1), 1):
            raise ValueError("normals must have length 1: divide by their lengths first")
        _ = self.vertices_A

    def contains(self, positions_A: Array) -> Mask:
        """Which positions are behind every plane; those on a face count, whatever the last bit says."""
        return np.asarray((positions_A @ self.normals.T <= self.distances_A + 1e-9).all(1))

    @cached_property
    def vertices_A(self) -> Array:
        """Corners (vertex, 3), angstrom."""
        center = _deepest_point(self.normals, self.distances_A)
        try:
            with np.errstate(divide="ignore", invalid="ignore"):  # corners at infinity, which are complained of below
                corners = HalfspaceIntersection(np.column_stack([self.normals, -self.distances_A]), center).intersections
        except QhullError as error:
            raise ValueError("the half-spaces do not enclose a volume; add planes until they close") from error
        if not np.isfinite(corners).all():
            raise ValueError("the half-spaces do not close: the polyhedron would have no end; add planes")
        return np.asarray(corners)

    @property
    def bounds_A(self) -> Array:
        """Around the corners."""
        return np.stack([self.vertices_A.min(0), self.vertices_A.max(0)])

    @property
    def volume_A3(self) -> float:
        """Enclosed volume, angstrom^3."""
        return float(ConvexHull(self.vertices_A).volume)

    @property
    def face_areas_A2(self) -> Array:
        """Area of every face (face,), angstrom^2; 0 for planes that cut nothing off."""
        hull = ConvexHull(self.vertices_A)
        triangles = self.vertices_A[hull.simplices]
        areas = np.linalg.norm(np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=1) / 2
        owner = np.argmax(hull.equations[:, :3] @ self.normals.T, axis=1)
        return np.bincount(owner, areas, minlength=len(self.normals)).astype(float)


def polyhedron(planes: ArrayLike) -> Polyhedron:
    """From rows (normal, distance): normals of any length, distances in angstrom from the origin along them."""
    rows = np.atleast_2d(np.asarray(planes, float))
    if rows.shape[1] != 4:
        raise ValueError(f"planes of shape {rows.shape}, expected (face, 4): the outward normal and the distance along it")
    lengths = np.linalg.norm(rows[:, :3], axis=1)
    if not (lengths > 0).all():
        raise ValueError("a plane's normal is zero; every normal needs a direction")
    return Polyhedron(rows[:, :3] / lengths[:, None], rows[:, 3])


def convex_hull(points_A: ArrayLike, *, margin_A: float = 0.0) -> Polyhedron:
    """The smallest convex polyhedron around points (point, 3), its faces moved outward by a margin."""
    points = np.asarray(points_A, float)
    try:
        planes = np.unique(ConvexHull(points).equations.round(10), axis=0)
    except QhullError as error:
        raise ValueError(f"{len(points)} points span no volume; give at least four that are not in one plane") from error
    return polyhedron(planes * [1, 1, 1, -1] + [0, 0, 0, margin_A])


def _deepest_point(normals: Array, distances: Array) -> Array:
    """The centre of the largest ball inside (a Chebyshev centre)."""
    found = linprog(
        [0, 0, 0, -1], A_ub=np.column_stack([normals, np.ones(len(normals))]), b_ub=distances, bounds=[(None, None)] * 3 + [(0, None)]
    )
    if found.status == 3:
        raise ValueError("the half-spaces do not close: the polyhedron would have no end; add planes")
    if found.status != 0 or found.x[3] < 1e-9:
        raise ValueError("the half-spaces enclose nothing: the volume is empty; move the planes outward")
    return np.asarray(found.x[:3])
