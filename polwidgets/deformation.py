"""Strain and rotation of a lattice, and the deformation of the plane that they stand for.

Strain is the stretch of the polar decomposition F = R (1 + e): symmetric, free of the rotation, exact for large ones.
Its axes are x and y = x turned 90 degrees anticlockwise on screen; deformations are matrices on (down, right) vectors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from polwidgets.directions import direction_to_vector, rotate_vector

Array = NDArray[np.float64]


def deformation(e_xx: ArrayLike, e_yy: ArrayLike, e_xy: ArrayLike, rotation_deg: ArrayLike = 0.0, *, axis_deg: float = 0.0) -> Array:
    """Deformation gradient (..., 2, 2) of (down, right) vectors: stretched first, then turned anticlockwise.

    Parameters
    ----------
    e_xx, e_yy, e_xy : arrays
        Strains; e_xy is half the engineering shear.
    axis_deg : float
        Direction of the x axis, anticlockwise on screen from the right.
    """
    xx, yy, xy = np.broadcast_arrays(*(np.asarray(value, float) for value in (e_xx, e_yy, e_xy)))
    stretch = np.eye(2) + np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)
    axes = _axes(axis_deg)
    columns = np.swapaxes(axes @ stretch @ axes.T, -1, -2)
    return np.swapaxes(rotate_vector(columns, np.asarray(rotation_deg)[..., None]), -1, -2)


def strain_and_rotation(gradient: ArrayLike, *, axis_deg: float = 0.0) -> Array:
    """e_xx, e_yy, e_xy and the rotation in degrees (..., 4): the inverse of `deformation`."""
    gradient = np.asarray(gradient, float)
    axes = _axes(axis_deg)
    local = axes.T @ gradient @ axes
    rotation = np.arctan2(local[..., 1, 0] - local[..., 0, 1], local[..., 0, 0] + local[..., 1, 1])
    cosine, sine = np.cos(rotation), np.sin(rotation)
    back = np.stack([np.stack([cosine, sine], -1), np.stack([-sine, cosine], -1)], -2)
    stretch = back @ local - np.eye(2)
    return np.stack([stretch[..., 0, 0], stretch[..., 1, 1], stretch[..., 0, 1], np.rad2deg(rotation)], -1)


def _axes(axis_deg: float) -> Array:
    """Unit vectors x and y (down, right) as columns."""
    return np.stack([direction_to_vector(axis_deg), direction_to_vector(axis_deg + 90)], -1)
