"""A rod of metal."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from polwidgets.registry import parameter
from polwidgets.scenes.base import prefabs
from polwidgets.scenes.distributions import Distribution, Uniform
from polwidgets.scenes.matter import Matter
from polwidgets.scenes.metals import fcc
from polwidgets.scenes.particle import Particle
from polwidgets.scenes.transforms import Affine, rotate
from polwidgets.scenes.volumes.base import Volume
from polwidgets.scenes.volumes.shapes import Cylinder, sphere


@prefabs.register("rod")
@dataclasses.dataclass(frozen=True)
class Rod(Particle):
    """A single crystal cut to a rod with round ends, lying across the beam in a random direction."""

    drawn: ClassVar[dict[str, Distribution]] = {**Particle.drawn, "diameter_A": Uniform(12.0, 24.0), "aspect": Uniform(1.5, 3.0)}

    diameter_A: float = parameter(20.0, "diameter of the rod", min=8.0, max=75.0, step=0.5, unit="angstrom")
    aspect: float = parameter(3.0, "length over diameter", min=1.0, max=10.0, step=0.1)

    def particle(self, turn: Affine, *, seed: int) -> tuple[Matter, Volume]:
        """The crystal, an atom at the centre."""
        radius, straight = self.diameter_A / 2, (self.aspect - 1) * self.diameter_A
        ends = sphere(radius, (-straight / 2, 0.0, 0.0)) | sphere(radius, (straight / 2, 0.0, 0.0))
        lying = Cylinder(radius, straight, axis=(1.0, 0.0, 0.0)) | ends if straight > 0 else ends
        volume = lying.moved(rotate((0, 0, 1), float(np.random.default_rng(seed).uniform(0, 180))))
        return fcc(self.element).moved(turn).fill(volume), volume
