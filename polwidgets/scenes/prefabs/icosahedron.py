"""An icosahedral particle."""

from __future__ import annotations

import dataclasses

import numpy as np

from polwidgets.scenes.base import prefabs
from polwidgets.scenes.matter import Matter, make_matter
from polwidgets.scenes.metals import METALS
from polwidgets.scenes.multiply_twinned import icosahedron_sites
from polwidgets.scenes.particle import Particle
from polwidgets.scenes.transforms import Affine
from polwidgets.scenes.volumes.base import Volume
from polwidgets.scenes.volumes.polyhedron import convex_hull


@prefabs.register("icosahedron")
@dataclasses.dataclass(frozen=True)
class Icosahedron(Particle):
    """Mackay's icosahedron of whole shells, as near to the number of atoms as they come; each of its twenty sectors is a grain."""

    def particle(self, turn: Affine, *, seed: int) -> tuple[Matter, Volume]:  # noqa: ARG002
        """The central atom at the origin."""
        metal = METALS[self.element]
        neighbour = metal.a_A / np.sqrt(2)
        wanted = np.pi / 6 * self.diameter_A**3 * 4 / metal.a_A**3
        shells = np.arange(1, 40)
        counts = (10 * shells**3 + 15 * shells**2 + 11 * shells + 3) / 3
        sites = icosahedron_sites(int(shells[np.argmin(abs(counts - wanted))]))
        # shells are 0.951 of the edge apart: between both lies the crystal's distance
        positions = turn.apply(sites.places * neighbour * 1.025)
        atoms = make_matter(np.full(len(positions), metal.number), positions, phase=f"fcc {self.element}")
        return dataclasses.replace(atoms, grains=sites.sectors), convex_hull(positions, margin_A=neighbour / 2)
