"""A generator's atoms after a displacement that differs from place to place."""

from __future__ import annotations

import dataclasses

from polwidgets.scenes.generators.base import Generator
from polwidgets.scenes.matter import Array, Matter
from polwidgets.scenes.strain_field import Displacement, displace


@dataclasses.dataclass(frozen=True)
class Strained(Generator):
    """Another generator's atoms, displaced: volumes are filled as they are seen, after the displacement.

    Attributes
    ----------
    inner : Generator
        The crystal without strain.
    displacement : Displacement
        Displacement (point, 3) of the positions (point, 3), angstrom.
    reach_A : float
        The largest displacement that occurs: so far beyond the volume atoms are fetched from.
    """

    inner: Generator
    displacement: Displacement
    reach_A: float

    def supply(self, bounds_A: Array, *, seed: int) -> Matter:
        """What comes to lie in the box.

        Raises
        ------
        ValueError
            An atom moves farther than `reach_A`, so that others may be missing.
        """
        around = bounds_A + self.reach_A * (bounds_A * 0 + [[-1], [1]])
        found = self.inner.supply(around, seed=seed)
        moved = displace(found, self.displacement)
        farthest = abs(moved.positions_A - found.positions_A).max(initial=0.0)
        if farthest > self.reach_A * (1 + 1e-9):
            raise ValueError(f"an atom moves by {farthest:.4g} angstrom, expected at most reach_A = {self.reach_A}; give a larger reach_A")
        return moved
