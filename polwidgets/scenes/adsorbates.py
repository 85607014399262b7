"""Molecules on surfaces: which atoms are at the surface, which way is out, and what settles there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, cKDTree

from polwidgets.scenes.matter import Array, Integers, Matter, join
from polwidgets.scenes.structure import coordination, neighbour_pairs
from polwidgets.scenes.transforms import align, rotate


def surface_by_coordination(atoms: Matter, *, cutoff_A: float, bulk: int = 12) -> NDArray[np.bool_]:
    """Atoms with fewer neighbours than in the bulk, bool (atom,).

    Parameters
    ----------
    cutoff_A : float
        Between the first and the second neighbours, angstrom: about 0.85 of the edge of an fcc cell.
    bulk : int
        Neighbours within it in the bulk: 12 in fcc, 8 in bcc, 4 in diamond.
    """
    return coordination(atoms, cutoff_A) < bulk


def surface_by_alpha_shape(atoms: Matter, *, probe_radius_A: float) -> NDArray[np.bool_]:
    """Atoms that a ball of this radius can touch from outside, bool (atom,): the corners of the alpha shape.

    Holes and notches wider than the ball belong to the outside (doi:10.1145/174462.156635).
    """
    if not probe_radius_A > 0:
        raise ValueError(f"probe_radius_A is {probe_radius_A}, expected more than 0")
    if len(atoms) < 5:
        return np.ones(len(atoms), bool)
    # lattices are degenerate for Delaunay's ball test: a shift below anything physical decides the ties
    jitter = np.random.default_rng(0).normal(scale=1e-5, size=(len(atoms), 3))
    tetrahedra = Delaunay(atoms.positions_A + jitter).simplices
    solid = tetrahedra[_circumradii(atoms.positions_A[tetrahedra] + jitter[tetrahedra]) <= probe_radius_A]
    faces = np.sort(np.concatenate([np.delete(solid, corner, axis=1) for corner in range(4)]), axis=1)
    unique, counts = np.unique(faces, axis=0, return_counts=True)
    surface = np.zeros(len(atoms), bool)
    surface[unique[counts == 1]] = True
    # an atom that no solid tetrahedron holds is loose, and all surface
    surface[np.setdiff1d(np.arange(len(atoms)), solid)] = True
    return surface


def _circumradii(corners: Array) -> Array:
    """Of tetrahedra (tetrahedron, 4, 3)."""
    edges = corners[:, 1:] - corners[:, :1]
    flat = np.abs(np.linalg.det(edges)) < 1e-9
    safe = np.where(flat[:, None, None], np.eye(3), edges)
    centers = np.linalg.solve(2 * safe, (safe**2).sum(-1)[..., None])[..., 0]
    return np.where(flat, np.inf, np.linalg.norm(centers, axis=1))


def outward(atoms: Matter, surface: NDArray[np.bool_], *, cutoff_A: float) -> Array:
    """Unit vectors (surface atom, 3) away from the neighbours within the cutoff."""
    pairs, _ = neighbour_pairs(atoms, cutoff_A)
    apart = atoms.positions_A[pairs[:, 0]] - atoms.positions_A[pairs[:, 1]]
    pull = np.zeros((len(atoms), 3))
    np.add.at(pull, pairs[:, 0], apart)
    np.subtract.at(pull, pairs[:, 1], apart)
    lengths = np.linalg.norm(pull, axis=1, keepdims=True)
    # an atom whose neighbours balance points away from the middle of all
    fallback = atoms.positions_A - atoms.positions_A.mean(0) + [0, 0, 1e-9]
    direction = np.where(lengths > 0.1, pull, fallback)
    return np.asarray((direction / np.linalg.norm(direction, axis=1, keepdims=True))[surface])


def adsorb(
    atoms: Matter,
    adsorbate: Matter,
    *,
    surface: NDArray[np.bool_],
    coverage: float,
    height_A: float,
    min_distance_A: float,
    seed: int,
    cutoff_A: float = 3.5,
) -> Matter:
    """Molecules on top of surface atoms, standing outward, turned at random about that.

    Parameters
    ----------
    adsorbate : Matter
        One molecule; its first atom binds, and the others point away from the surface.
    surface : bool array (atom,)
        The surface atoms, from `surface_by_coordination` or `surface_by_alpha_shape`.
    coverage : float
        Share of the surface atoms that carry one, as far as there is room.
    height_A : float
        Of the binding atom above its surface atom, angstrom.
    min_distance_A : float
        Molecules that come nearer than this to other atoms, but for the one they sit on, are left out.

    Returns
    -------
    Matter
        Only the molecules; `join` them with the atoms, or make them a piece of their own.
    """
    if not 0 <= coverage <= 1:
        raise ValueError(f"coverage is {coverage}, expected 0 to 1 molecules for each surface atom")
    if not surface.any():
        raise ValueError("no surface atom to settle on; check the cutoff or the probe radius that told the surface")
    rng = np.random.default_rng(seed)
    sites = np.flatnonzero(surface)
    directions = outward(atoms, surface, cutoff_A=cutoff_A)
    chosen = rng.permutation(len(sites))[: round(coverage * len(sites))]
    anchor = adsorbate.positions_A[0]
    axis = adsorbate.positions_A.mean(0) - anchor
    upright = (
        align(axis, [0, 0, 1]).apply(adsorbate.positions_A - anchor) if np.linalg.norm(axis) > 1e-6 else adsorbate.positions_A - anchor
    )
    tree = cKDTree(atoms.positions_A)
    landed: list[Array] = []
    for index in chosen:
        turned = rotate([0, 0, 1], rng.uniform(0, 360)).then(align([0, 0, 1], directions[index])).apply(upright)
        places = atoms.positions_A[sites[index]] + height_A * directions[index] + turned
        near = {atom for found in tree.query_ball_point(places, min_distance_A) for atom in found}
        crowded = near - {int(sites[index])} or (landed and cKDTree(np.concatenate(landed)).query(places)[0].min() < min_distance_A)
        if not crowded:
            landed.append(places)
    return join([adsorbate.at(places) for places in landed])


def molecules_of(atoms: Matter, cutoff_A: float) -> Integers:
    """The connected group that each atom belongs to (atom,), bonds being pairs nearer than the cutoff."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs, _ = neighbour_pairs(atoms, cutoff_A)
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(atoms), len(atoms)))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)
