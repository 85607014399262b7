"""A particle in its equilibrium shape."""

from __future__ import annotations

import dataclasses

from polwidgets.scenes.base import prefabs
from polwidgets.scenes.matter import Matter
from polwidgets.scenes.metals import fcc, wulff_shape
from polwidgets.scenes.particle import Particle
from polwidgets.scenes.transforms import Affine
from polwidgets.scenes.volumes.base import Volume


@prefabs.register("wulff")
@dataclasses.dataclass(frozen=True)
class Wulff(Particle):
    """A single crystal in the shape of least surface energy, faces {111}, {100} and {110}."""

    def particle(self, turn: Affine, *, seed: int) -> tuple[Matter, Volume]:  # noqa: ARG002
        """The crystal, an atom at Wulff's centre."""
        volume = wulff_shape(self.element, self.diameter_A).moved(turn)
        return fcc(self.element).moved(turn).fill(volume), volume
