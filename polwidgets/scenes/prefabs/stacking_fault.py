"""A particle with a stacking fault."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from polwidgets.registry import parameter
from polwidgets.scenes.base import prefabs
from polwidgets.scenes.distributions import Choice, Distribution, Uniform
from polwidgets.scenes.generators.stack import CloseStack, in_stack
from polwidgets.scenes.matter import Matter
from polwidgets.scenes.metals import METALS, wulff_shape
from polwidgets.scenes.particle import Particle
from polwidgets.scenes.transforms import Affine, translate
from polwidgets.scenes.volumes.base import Volume


@prefabs.register("stacking_fault")
@dataclasses.dataclass(frozen=True)
class StackingFault(Particle):
    """An equilibrium shape with an intrinsic (a layer missing) or extrinsic (a layer too many) fault, a phase of its own."""

    drawn: ClassVar[dict[str, Distribution]] = {**Particle.drawn, "kind": Choice(("intrinsic", "extrinsic")), "offset": Uniform(-0.3, 0.3)}

    kind: str = parameter("intrinsic", "a layer missing, or a layer too many", choices=("intrinsic", "extrinsic"))
    offset: float = parameter(0.0, "place of the fault, from the centre, in diameters", min=-0.4, max=0.4, step=0.01)

    def particle(self, turn: Affine, *, seed: int) -> tuple[Matter, Volume]:  # noqa: ARG002
        """The fault is at the origin."""
        metal = METALS[self.element]
        back = [-1] if self.kind == "intrinsic" else [-1, -1]
        stack = CloseStack(metal.number, metal.a_A, np.array([1, *back, 1]), -1, f"fcc {self.element}")
        atoms, volume = stack.shaped(
            in_stack(wulff_shape(self.element, self.diameter_A)).moved(translate([0, 0, -self.offset * self.diameter_A])), turn
        )
        # one lattice on both sides, but for a shift
        return atoms.as_grain(0), volume
