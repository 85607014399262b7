"""Atoms in disorder, at a density and no nearer than a distance."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.spatial import cKDTree

from polwidgets.scenes.generators.base import Generator
from polwidgets.scenes.matter import Array, Matter, make_matter
from polwidgets.scenes.scene import wrapped


@dataclasses.dataclass(frozen=True)
class Amorphous(Generator):
    """Amorphous matter of one element.

    Attributes
    ----------
    number : int
        Atomic number.
    density_per_A3 : float
        Atoms in a cubic angstrom.
    min_distance_A : float
        No two atoms are nearer.
    periodic : (bool, bool, bool)
        Along which edges the supplied block repeats.
    phase : str
        What it is called.
    """

    number: int
    density_per_A3: float
    min_distance_A: float
    periodic: tuple[bool, bool, bool] = (False, False, False)
    phase: str = "amorphous"

    def supply(self, bounds_A: Array, *, seed: int) -> Matter:
        """A block of disorder that fills the box."""
        edges = bounds_A[1] - bounds_A[0]
        positions = random_packing(edges, self.density_per_A3, self.min_distance_A, periodic=self.periodic, seed=seed)
        return make_matter(np.full(len(positions), self.number), positions + bounds_A[0], phase=self.phase, grain=-1)


def random_packing(box_A: Array, density: float, distance: float, *, periodic: tuple[bool, bool, bool], seed: int) -> Array:
    """Points at a density, at random, but for no two nearer than the distance."""
    rng = np.random.default_rng(seed)
    wanted = round(density * float(np.prod(box_A)))
    around = np.where(periodic, box_A, box_A + 2 * distance)
    kept = np.zeros((0, 3))
    for _ in range(100):
        missing = wanted - len(kept)
        if missing == 0:
            return kept
        tried = rng.random((int(1.3 * missing) + 20, 3)) * box_A
        points = np.concatenate([kept, wrapped(tried, box_A)])
        pairs = cKDTree(points, boxsize=around).query_pairs(distance, output_type="ndarray")
        good = np.ones(len(points), bool)
        good[pairs.max(1)] = False
        kept = points[good][:wanted]
    raise ValueError(f"only {len(kept)} of {wanted} atoms fit in {box_A.tolist()} angstrom with {distance} angstrom between them")
