"""A particle with one twin boundary."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from polwidgets.registry import parameter
from polwidgets.scenes.base import prefabs
from polwidgets.scenes.distributions import Distribution, Uniform
from polwidgets.scenes.generators.stack import CloseStack, twinned_shape
from polwidgets.scenes.matter import Matter
from polwidgets.scenes.metals import METALS, wulff_shape
from polwidgets.scenes.particle import Particle
from polwidgets.scenes.transforms import Affine
from polwidgets.scenes.volumes.base import Volume


@prefabs.register("twin")
@dataclasses.dataclass(frozen=True)
class Twin(Particle):
    """Two crystals that mirror one another in a {111} plane, each in half of its equilibrium shape; each is a grain."""

    drawn: ClassVar[dict[str, Distribution]] = {**Particle.drawn, "offset": Uniform(-0.3, 0.3)}

    offset: float = parameter(0.0, "place of the boundary, from the centre, in diameters", min=-0.4, max=0.4, step=0.01)

    def particle(self, turn: Affine, *, seed: int) -> tuple[Matter, Volume]:  # noqa: ARG002
        """The boundary goes through a layer of atoms at the origin."""
        metal = METALS[self.element]
        stack = CloseStack(metal.number, metal.a_A, np.array([1, -1]), -1, f"fcc {self.element}")
        return stack.shaped(twinned_shape(wulff_shape(self.element, self.diameter_A), self.offset * self.diameter_A), turn)
