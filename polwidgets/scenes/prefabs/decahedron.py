"""A decahedral particle."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from polwidgets.registry import parameter
from polwidgets.scenes.base import prefabs
from polwidgets.scenes.distributions import Choice, Distribution, Uniform
from polwidgets.scenes.matter import Matter, make_matter
from polwidgets.scenes.metals import METALS
from polwidgets.scenes.multiply_twinned import decahedron_sites
from polwidgets.scenes.particle import Particle
from polwidgets.scenes.transforms import Affine
from polwidgets.scenes.volumes.base import Volume
from polwidgets.scenes.volumes.polyhedron import convex_hull


@prefabs.register("decahedron")
@dataclasses.dataclass(frozen=True)
class Decahedron(Particle):
    """Ino's or Marks' truncated decahedron; each of its five sectors is a grain."""

    drawn: ClassVar[dict[str, Distribution]] = {**Particle.drawn, "aspect": Uniform(0.8, 1.4), "notch": Choice((0, 1, 2))}

    aspect: float = parameter(1.0, "length along the five-fold axis over the diameter", min=0.3, max=3.0, step=0.05)
    notch: int = parameter(1, "columns taken from each edge: 0 Ino, 1 or more Marks", min=0, max=5, step=1)

    def particle(self, turn: Affine, *, seed: int) -> tuple[Matter, Volume]:  # noqa: ARG002
        """The middle of the axis at the origin, the axis along the beam before the turn."""
        metal = METALS[self.element]
        neighbour = metal.a_A / np.sqrt(2)
        wanted = np.pi / 6 * self.diameter_A**3 * 4 / metal.a_A**3
        # without notches: 5 s columns in shell s, each as many atoms shorter than the axis; it is sqrt(3) m distances wide
        shells = np.arange(1, 40)
        lengths = np.maximum(shells + 1, np.rint(self.aspect * np.sqrt(3) * shells)).astype(int)
        counts = lengths + 5 * (lengths * shells * (shells + 1) / 2 - shells * (shells + 1) * (2 * shells + 1) / 6)
        best = int(np.argmin(abs(counts - wanted)))
        sites = decahedron_sites(int(shells[best]), int(lengths[best]), min(self.notch, int(shells[best]) - 1))
        positions = turn.apply(sites.places * neighbour)
        atoms = make_matter(np.full(len(positions), metal.number), positions, phase=f"fcc {self.element}")
        return dataclasses.replace(atoms, grains=sites.sectors), convex_hull(positions, margin_A=neighbour / 2)
