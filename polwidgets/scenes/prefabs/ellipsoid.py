"""An ellipsoid of metal."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from polwidgets.registry import parameter
from polwidgets.scenes.base import prefabs
from polwidgets.scenes.distributions import Distribution, LogUniform
from polwidgets.scenes.matter import Matter
from polwidgets.scenes.metals import fcc
from polwidgets.scenes.particle import Particle
from polwidgets.scenes.transforms import Affine
from polwidgets.scenes.volumes.base import Volume
from polwidgets.scenes.volumes.shapes import Ellipsoid


@prefabs.register("ellipsoid")
@dataclasses.dataclass(frozen=True)
class EllipsoidalParticle(Particle):
    """A single crystal cut to an ellipsoid: `diameter_A` along the beam, longer or shorter down and right."""

    drawn: ClassVar[dict[str, Distribution]] = {
        **Particle.drawn,
        "stretch_down": LogUniform(0.6, 1.3),
        "stretch_right": LogUniform(0.6, 1.3),
    }

    stretch_down: float = parameter(1.4, "extent down over extent along the beam", min=0.3, max=3.0, step=0.05)
    stretch_right: float = parameter(0.8, "extent right over extent along the beam", min=0.3, max=3.0, step=0.05)

    def particle(self, turn: Affine, *, seed: int) -> tuple[Matter, Volume]:  # noqa: ARG002
        """The crystal, an atom at the centre."""
        half = self.diameter_A / 2
        volume = Ellipsoid((half * self.stretch_down, half * self.stretch_right, half))
        return fcc(self.element).moved(turn).fill(volume), volume
