"""Affine transforms of space: what moves atoms, crystals and volumes alike."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation

from polwidgets.scenes.matter import Array


@dataclasses.dataclass(frozen=True, eq=False)
class Affine:
    """Positions to ``matrix @ position + shift_A``.

    Attributes
    ----------
    matrix : float array (3, 3)
        Acts on columns (down, right, beam); must not be singular.
    shift_A : float array (3,)
        Added afterwards, angstrom.
    """

    matrix: Array
    shift_A: Array

    def __post_init__(self) -> None:
        if np.shape(self.matrix) != (3, 3) or np.shape(self.shift_A) != (3,):
            raise ValueError(f"matrix and shift have shapes {np.shape(self.matrix)} and {np.shape(self.shift_A)}, expected (3, 3) and (3,)")
        if abs(np.linalg.det(self.matrix)) < 1e-12:
            raise ValueError(f"the matrix {self.matrix.tolist()} is singular: it would flatten space; give an invertible one")

    def apply(self, positions_A: Array) -> Array:
        """Positions (point, 3) after the transform."""
        return np.asarray(positions_A @ self.matrix.T + self.shift_A)

    def then(self, later: Affine) -> Affine:
        """The transform followed by a later one."""
        return Affine(later.matrix @ self.matrix, later.matrix @ self.shift_A + later.shift_A)

    def inverse(self) -> Affine:
        """The transform that undoes this one."""
        back = np.asarray(np.linalg.inv(self.matrix), np.float64)
        return Affine(back, -back @ self.shift_A)

    def box(self, bounds_A: Array) -> Array:
        """The upright box (2, 3) around a transformed upright box (2, 3), which may be infinite."""
        # an infinite edge times a zero of the matrix contributes nothing, not a NaN
        edges = np.where(self.matrix[None] == 0, 0.0, bounds_A[:, None, :])
        terms = self.matrix[None] * edges
        return np.asarray(np.stack([terms.min(0).sum(1), terms.max(0).sum(1)]) + self.shift_A)


def translate(shift_A: ArrayLike) -> Affine:
    """Move by (down, right, beam) angstrom."""
    return Affine(np.eye(3), np.asarray(shift_A, float))


def linear(matrix: ArrayLike, *, about_A: ArrayLike = (0.0, 0.0, 0.0)) -> Affine:
    """Any 3 x 3 matrix acting about a fixed point."""
    matrix, about = np.asarray(matrix, float), np.asarray(about_A, float)
    if matrix.shape != (3, 3):
        raise ValueError(f"a matrix of shape {matrix.shape}, expected (3, 3)")
    return Affine(matrix, about - matrix @ about)


def rotate(axis: ArrayLike, angle_deg: float, *, about_A: ArrayLike = (0.0, 0.0, 0.0)) -> Affine:
    """Turn about an axis (down, right, beam) through a point, right-handed: beam turns down towards right."""
    return linear(Rotation.from_rotvec(np.deg2rad(angle_deg) * unit(axis)).as_matrix(), about_A=about_A)


def rotate_randomly(*, seed: int, about_A: ArrayLike = (0.0, 0.0, 0.0)) -> Affine:
    """Turn at random, every orientation equally likely."""
    return linear(Rotation.random(rng=np.random.default_rng(seed)).as_matrix(), about_A=about_A)


def reflect(normal: ArrayLike, *, about_A: ArrayLike = (0.0, 0.0, 0.0)) -> Affine:
    """Mirror in the plane with this normal through a point."""
    across = unit(normal)
    return linear(np.eye(3) - 2 * np.outer(across, across), about_A=about_A)


def invert(*, about_A: ArrayLike = (0.0, 0.0, 0.0)) -> Affine:
    """Invert through a point."""
    return linear(-np.eye(3), about_A=about_A)


def align(direction: ArrayLike, onto: ArrayLike, *, about_A: ArrayLike = (0.0, 0.0, 0.0)) -> Affine:
    """The smallest rotation about a point that takes one direction onto another."""
    start, end = unit(direction), unit(onto)
    axis, cosine = np.cross(start, end), float(start @ end)
    if np.linalg.norm(axis) < 1e-12:
        if cosine > 0:
            return translate(np.zeros(3))
        axis = np.cross(start, np.eye(3)[np.argmin(np.abs(start))])  # half a turn, about anything across
    return rotate(axis, float(np.rad2deg(np.arctan2(np.linalg.norm(np.cross(start, end)), cosine))), about_A=about_A)


def join_surfaces(
    point_A: ArrayLike, normal: ArrayLike, onto_point_A: ArrayLike, onto_normal: ArrayLike, *, gap_A: float = 0.0, twist_deg: float = 0.0
) -> Affine:
    """Lay one surface on another: their points meet, their outward normals oppose, `gap_A` apart.

    Parameters
    ----------
    point_A, normal : array-like (3,)
        A point of the surface that moves, and its outward normal.
    onto_point_A, onto_normal : array-like (3,)
        A point of the surface that stays, and its outward normal.
    twist_deg : float
        Turn about the normal of the surface that stays, in place.
    """
    start, end, outward = np.asarray(point_A, float), np.asarray(onto_point_A, float), unit(onto_normal)
    turned = align(normal, -outward, about_A=start).then(translate(end + gap_A * outward - start))
    return turned.then(rotate(outward, twist_deg, about_A=end))


def unit(vector: ArrayLike) -> Array:
    """The direction of a vector, of length 1."""
    vector = np.asarray(vector, float)
    length = np.linalg.norm(vector)
    if vector.shape != (3,) or not (np.isfinite(length) and length > 0):
        raise ValueError(f"{vector.tolist()} is no direction; expected three numbers, not all zero, along (down, right, beam)")
    return np.asarray(vector / length)
