"""Equilibrium shapes of crystals: Wulff's, and Winterbottom's on a substrate."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from polwidgets.scenes.matter import Array
from polwidgets.scenes.transforms import unit
from polwidgets.scenes.volumes.polyhedron import Polyhedron

Miller = tuple[int, int, int]


def wulff(
    energies: Mapping[Miller, float],
    cell_A: Array,
    *,
    volume_A3: float,
    interface: tuple[Miller, float] | None = None,
    operations: Array | None = None,
) -> Polyhedron:
    """The shape of least surface energy: every face as far from the origin as its energy is high.

    Parameters
    ----------
    energies : mapping of (h, k, l) to float
        Surface energy of each family of faces, in any one unit; symmetry makes the others of a family.
    cell_A : float array (3, 3)
        Rows a, b, c of the conventional cell, angstrom.
    volume_A3 : float
        Volume of the shape, angstrom^3.
    interface : ((h, k, l), float), optional
        A face that touches a substrate and its effective energy, interface minus bare substrate (Winterbottom,
        doi:10.1016/0001-6160(67)90206-4); negative where the particle wets it. This one face only, not its family.
    operations : int array (operation, 3, 3), optional
        Rotations of the point group acting on Miller indices; those of m-3m where not given.

    Returns
    -------
    Polyhedron
        Wulff's centre at the origin.

    Raises
    ------
    ValueError
        An energy that is not positive, faces that do not close, or an interface that wets all.
    """
    if not energies or min(energies.values()) <= 0:
        raise ValueError(f"surface energies are {dict(energies)}, expected at least one family, all positive")
    if not volume_A3 > 0:
        raise ValueError(f"volume_A3 is {volume_A3}, expected more than 0")
    reciprocal = np.linalg.inv(np.asarray(cell_A, float))  # columns a*, b*, c*
    faces = {face: energy for family, energy in energies.items() for face in equivalent_faces(family, operations)}
    normals = [unit(reciprocal @ face) for face in faces]
    distances = list(faces.values())
    if interface is not None:
        normals.append(unit(reciprocal @ interface[0]))
        distances.append(interface[1])
    shape = Polyhedron(np.array(normals), np.array(distances))
    scale = (volume_A3 / shape.volume_A3) ** (1 / 3)
    return Polyhedron(shape.normals, shape.distances_A * scale)


def equivalent_faces(face: Miller, operations: Array | None = None) -> list[Miller]:
    """The faces that symmetry makes of one, sorted; without operations those of the cubic point group m-3m."""
    if operations is None:
        operations = np.array(
            [np.array(signs)[:, None] * np.eye(3)[list(order)] for order in itertools.permutations(range(3)) for signs in _SIGNS]
        )
    turned = np.rint(operations @ np.array(face)).astype(int)
    return sorted({(int(face[0]), int(face[1]), int(face[2])) for face in turned})


_SIGNS = tuple(itertools.product((1, -1), repeat=3))
