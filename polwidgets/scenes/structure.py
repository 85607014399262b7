"""How atoms stand to one another: radial distribution and coordination."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from polwidgets.scenes.matter import Array, Integers, Matter
from polwidgets.scenes.scene import Scene, wrapped


def neighbour_pairs(atoms: Matter | Scene, cutoff_A: float) -> tuple[NDArray[np.intp], Array]:
    """Every pair of atoms nearer than a cutoff, across periodic edges too.

    Returns
    -------
    pairs : int array (pair, 2)
    distances_A : float array (pair,)

    Raises
    ------
    ValueError
        A periodic edge is shorter than twice the cutoff: an atom would meet another twice.
    """
    if not cutoff_A > 0:
        raise ValueError(f"cutoff_A is {cutoff_A}, expected more than 0")
    if not len(atoms):
        return np.zeros((0, 2), np.intp), np.zeros(0)
    box, periodic = (np.array(atoms.box_A), np.array(atoms.periodic)) if isinstance(atoms, Scene) else (np.ones(3), np.zeros(3, bool))
    if (box[periodic] < 2 * cutoff_A).any():
        raise ValueError(f"the scene repeats every {box.tolist()} angstrom: the cutoff of {cutoff_A} must be at most half of that")
    low, high = atoms.positions_A.min(0), atoms.positions_A.max(0)
    # along an edge that does not repeat, a box so long that nothing meets across it
    around = np.where(periodic, box, high - low + 2 * cutoff_A + 1)
    positions = wrapped(np.where(periodic, atoms.positions_A, atoms.positions_A - low), around)
    pairs = cKDTree(positions, boxsize=around).query_pairs(cutoff_A, output_type="ndarray")
    apart = positions[pairs[:, 0]] - positions[pairs[:, 1]]
    return pairs, np.linalg.norm(apart - around * np.rint(apart / around), axis=1)


def coordination(atoms: Matter | Scene, cutoff_A: float) -> Integers:
    """Neighbours nearer than the cutoff, of every atom (atom,)."""
    pairs, _ = neighbour_pairs(atoms, cutoff_A)
    return np.bincount(pairs.ravel(), minlength=len(atoms)).astype(np.int64)


def radial_distribution(scene: Scene, *, cutoff_A: float = 10.0, bins: int = 200) -> xr.DataArray:
    """The radial distribution function g(r): pairs at a distance, over what atoms at random in the same box would give.

    Parameters
    ----------
    scene : Scene
        Along edges that do not repeat, the box is taken as filled from end to end, and what lies beyond it as empty;
        what atoms at random would give is counted in the same way.
    cutoff_A : float
        Largest distance, angstrom.
    bins : int
        Number of distances.

    Returns
    -------
    xarray.DataArray
        ``radial_distribution`` on ``r``, angstrom.
    """
    _, distances = neighbour_pairs(scene, cutoff_A)
    edges = np.linspace(0, cutoff_A, bins + 1)
    counted, _ = np.histogram(distances, edges)
    centers = (edges[1:] + edges[:-1]) / 2
    shells = 4 / 3 * np.pi * np.diff(edges**3)
    expected = len(scene) * (len(scene) - 1) / 2 * shells * _share_inside(centers, scene) / np.prod(scene.box_A)
    ratio = np.divide(counted, expected, out=np.zeros(bins), where=expected > 0)
    return xr.DataArray(ratio, dims="r", coords={"r": ("r", centers, {"units": "angstrom"})}, name="radial_distribution")


def _share_inside(distances: Array, scene: Scene) -> Array:
    """Of a sphere about a point anywhere in the box, the share that is in the box, on average (distance,)."""
    # directions spread evenly over the sphere; a step along an edge that does not repeat leaves the box with chance |step| / edge
    count = 2000
    up = 1 - (2 * np.arange(count) + 1) / count
    turn = np.pi * (1 + 5**0.5) * np.arange(count)
    flat = np.sqrt(1 - up**2)
    directions = np.abs(np.stack([flat * np.cos(turn), flat * np.sin(turn), up], -1))
    stays = np.clip(1 - distances[:, None, None] * directions / np.array(scene.box_A), 0, 1)
    return np.asarray(np.where(scene.periodic, 1.0, stays).prod(-1).mean(1))
