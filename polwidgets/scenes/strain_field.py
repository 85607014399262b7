"""Strain: homogeneous, or any function of place; and strain read back from the atoms."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from polwidgets.scenes.matter import Array, Matter
from polwidgets.scenes.scene import Scene
from polwidgets.scenes.transforms import Affine, linear

Displacement = Callable[[Array], Array]
"""Positions (point, 3) to displacements (point, 3), angstrom along (down, right, beam)."""

Atoms = TypeVar("Atoms", Matter, Scene)


def strain(tensor: ArrayLike, *, about_A: ArrayLike = (0.0, 0.0, 0.0)) -> Affine:
    """The homogeneous deformation 1 + e about a fixed point.

    Parameters
    ----------
    tensor : array-like (3, 3)
        Strain e along (down, right, beam), symmetric.
    """
    tensor = np.asarray(tensor, float)
    if tensor.shape != (3, 3) or not np.allclose(tensor, tensor.T, atol=1e-12):
        raise ValueError(f"the strain is {tensor.tolist()}, expected a symmetric 3 x 3 tensor; for a rotation too use `linear`")
    return linear(np.eye(3) + tensor, about_A=about_A)


def displace(atoms: Atoms, displacement: Displacement) -> Atoms:
    """The atoms moved by a displacement that depends on where they are.

    Raises
    ------
    ValueError
        The function returns another shape, or values that are not finite.
    """
    moves = np.asarray(displacement(atoms.positions_A.copy()), float)
    if moves.shape != atoms.positions_A.shape:
        raise ValueError(f"the displacement has shape {moves.shape} expected that of the positions, {atoms.positions_A.shape}")
    if not np.isfinite(moves).all():
        raise ValueError("the displacement is not finite somewhere; a dislocation's core, for example, must be cut off")
    return atoms.at(atoms.positions_A + moves)


def gaussian_bump(strain_peak: float, width_A: float, *, center_A: ArrayLike) -> Displacement:
    """Dilation about a point, as around an inclusion: the strain at the centre, dying off over a width."""
    center = np.asarray(center_A, float)

    def displacement(positions_A: Array) -> Array:
        away = positions_A - center
        return np.asarray(strain_peak * away * np.exp(-(away**2).sum(1, keepdims=True) / (2 * width_A**2)))

    return displacement


def screw_dislocation(burgers_A: float, *, core_A: float = 0.5) -> Displacement:
    """A screw dislocation along the beam through the origin: one turn about it rises by the Burgers vector."""

    def displacement(positions_A: Array) -> Array:
        moves = np.zeros_like(positions_A)
        radius = np.hypot(positions_A[:, 0], positions_A[:, 1])
        moves[:, 2] = burgers_A * np.arctan2(positions_A[:, 1], positions_A[:, 0]) / (2 * np.pi) * (radius > core_A)
        return moves

    return displacement


def local_deformation(reference_A: Array, deformed_A: Array, *, neighbours: int = 12) -> Array:
    """Deformation gradient at every atom, by least squares from its nearest neighbours.

    Parameters
    ----------
    reference_A, deformed_A : float arrays (atom, 3)
        The same atoms before and after, angstrom.
    neighbours : int
        How many nearest atoms of the reference are compared.

    Returns
    -------
    float array (atom, 3, 3)
        F with ``dx = F dX``; the strain is ``(F + F.T) / 2 - 1`` where it is small.
    """
    _, near = cKDTree(reference_A).query(reference_A, k=neighbours + 1)
    before = reference_A[near[:, 1:]] - reference_A[:, None]
    after = deformed_A[near[:, 1:]] - deformed_A[:, None]
    products = np.einsum("nka,nkb->nab", after, before)
    return np.asarray(products @ np.linalg.inv(np.einsum("nka,nkb->nab", before, before)))
