"""What a generator is: it supplies atoms anywhere in space; and the two that need nothing else."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod

import numpy as np

from polwidgets.scenes.matter import Array, Matter, nothing
from polwidgets.scenes.transforms import Affine
from polwidgets.scenes.volumes.base import Volume


class Generator(ABC):
    """A source of atoms that volumes are filled from."""

    @abstractmethod
    def supply(self, bounds_A: Array, *, seed: int) -> Matter:
        """All its atoms in the upright box (2, 3), angstrom; it may bring some from outside too."""

    def after(self, transform: Affine) -> Moved:
        """What it supplies, after a transform of space."""
        return Moved(self, transform)

    def fill(self, volume: Volume, *, seed: int = 0) -> Matter:
        """The atoms inside a volume.

        Raises
        ------
        ValueError
            The volume has no end, or is empty.
        """
        bounds = volume.bounds_A
        if not np.isfinite(bounds).all():
            raise ValueError(f"the volume has no end, its bounds are {bounds.tolist()}; cut it first, as in `volume & Box(low, high)`")
        if not (bounds[1] > bounds[0]).all():
            raise ValueError(f"the volume is empty, its bounds are {bounds.tolist()}; volumes that are cut with one another must meet")
        supplied = self.supply(bounds, seed=seed)
        return supplied.select(volume.contains(supplied.positions_A))


@dataclasses.dataclass(frozen=True)
class Moved(Generator):
    """Another generator's atoms, after a transform of space."""

    inner: Generator
    transform: Affine

    def supply(self, bounds_A: Array, *, seed: int) -> Matter:
        """What the inner one supplies where the box comes from, moved."""
        found = self.inner.supply(self.transform.inverse().box(bounds_A), seed=seed)
        return found.at(self.transform.apply(found.positions_A))


@dataclasses.dataclass(frozen=True)
class Empty(Generator):
    """No atoms: a void that takes the atoms of pieces with lower priority."""

    def supply(self, bounds_A: Array, *, seed: int) -> Matter:  # noqa: ARG002
        """None."""
        return nothing()
