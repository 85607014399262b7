"""A ball of metal."""

from __future__ import annotations

import dataclasses

from polwidgets.scenes.base import prefabs
from polwidgets.scenes.matter import Matter
from polwidgets.scenes.metals import fcc
from polwidgets.scenes.particle import Particle
from polwidgets.scenes.transforms import Affine
from polwidgets.scenes.volumes.base import Volume
from polwidgets.scenes.volumes.shapes import sphere


@prefabs.register("sphere")
@dataclasses.dataclass(frozen=True)
class Sphere(Particle):
    """A single crystal cut to a ball."""

    def particle(self, turn: Affine, *, seed: int) -> tuple[Matter, Volume]:  # noqa: ARG002
        """The crystal, an atom at the centre."""
        volume = sphere(self.diameter_A / 2)
        return fcc(self.element).moved(turn).fill(volume), volume
