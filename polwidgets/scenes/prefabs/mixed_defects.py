"""A particle with several defects at once."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from polwidgets.registry import parameter
from polwidgets.scenes.base import prefabs
from polwidgets.scenes.defects import remove, substitute
from polwidgets.scenes.distributions import Distribution, Uniform
from polwidgets.scenes.generators.stack import CloseStack, in_stack
from polwidgets.scenes.matter import Matter
from polwidgets.scenes.metals import METALS, wulff_shape
from polwidgets.scenes.particle import Particle
from polwidgets.scenes.transforms import Affine
from polwidgets.scenes.volumes.base import Volume


@prefabs.register("mixed_defects")
@dataclasses.dataclass(frozen=True)
class MixedDefects(Particle):
    """An equilibrium shape with twin boundaries and stacking faults at random, vacancies and foreign atoms."""

    drawn: ClassVar[dict[str, Distribution]] = {
        **Particle.drawn,
        "twins": Uniform(0, 2),
        "faults": Uniform(0, 3),
        "vacancies": Uniform(0.0, 0.03),
        "foreign": Uniform(0.0, 0.1),
    }

    twins: int = parameter(1, "number of twin boundaries", min=0, max=6, step=1)
    faults: int = parameter(2, "number of intrinsic stacking faults", min=0, max=6, step=1)
    vacancies: float = parameter(0.01, "share of atoms missing", min=0.0, max=0.3, step=0.005)
    foreign: float = parameter(0.02, "share of atoms of the other metal", min=0.0, max=1.0, step=0.01)
    foreign_element: str = parameter("Cu", "the other metal", choices=tuple(METALS))

    def particle(self, turn: Affine, *, seed: int) -> tuple[Matter, Volume]:
        """Layers chosen at random without repetition carry the planar defects."""
        metal = METALS[self.element]
        rng = np.random.default_rng(seed)
        volume = in_stack(wulff_shape(self.element, self.diameter_A))
        low, high = np.trunc(volume.bounds_A[:, 2] / (metal.a_A / np.sqrt(3))).astype(int)
        steps = np.ones(max(high - low, 1), np.int64)
        places = rng.permutation(len(steps))[: self.twins + self.faults]
        for place in places[: self.twins]:
            steps[place:] *= -1
        steps[places[self.twins :]] *= -1
        stack = CloseStack(metal.number, metal.a_A, steps, int(low), f"fcc {self.element}")
        atoms, turned = stack.shaped(volume, turn)
        atoms = substitute(atoms, metal.number, METALS[self.foreign_element].number, self.foreign, seed=int(rng.integers(2**31)))
        return remove(atoms, self.vacancies, seed=int(rng.integers(2**31))), turned
