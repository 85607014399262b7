"""A particle that wets its support."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from polwidgets.registry import parameter
from polwidgets.scenes.base import prefabs
from polwidgets.scenes.distributions import Distribution, Uniform
from polwidgets.scenes.matter import Matter
from polwidgets.scenes.metals import fcc, wulff_shape
from polwidgets.scenes.particle import Particle
from polwidgets.scenes.transforms import Affine
from polwidgets.scenes.volumes.base import Volume
from polwidgets.scenes.volumes.shapes import HalfSpace


@prefabs.register("truncated")
@dataclasses.dataclass(frozen=True)
class Truncated(Particle):
    """An equilibrium shape cut flat across the beam, as Winterbottom's on a flat support (doi:10.1016/0001-6160(67)90206-4).

    `diameter_A` is that of the whole shape, before the cut.
    """

    drawn: ClassVar[dict[str, Distribution]] = {**Particle.drawn, "truncation": Uniform(0.0, 0.5)}

    truncation: float = parameter(0.3, "share of the height that is cut off, 0.5 through the centre", min=0.0, max=0.8, step=0.01)

    def particle(self, turn: Affine, *, seed: int) -> tuple[Matter, Volume]:  # noqa: ARG002
        """The crystal, its flat face towards larger beam."""
        whole = wulff_shape(self.element, self.diameter_A).moved(turn)
        low, high = whole.bounds_A[:, 2]
        volume = whole & HalfSpace((0.0, 0.0, 1.0), float(high - self.truncation * (high - low)))
        return fcc(self.element).moved(turn).fill(volume), volume
