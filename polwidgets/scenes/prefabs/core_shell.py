"""A core of one metal in a shell of another."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from polwidgets.registry import parameter
from polwidgets.scenes.base import prefabs
from polwidgets.scenes.distributions import Choice, Distribution, Uniform
from polwidgets.scenes.matter import Matter, make_matter
from polwidgets.scenes.metals import METALS, fcc, wulff_shape
from polwidgets.scenes.particle import Particle
from polwidgets.scenes.transforms import Affine
from polwidgets.scenes.volumes.base import Volume


@prefabs.register("core_shell")
@dataclasses.dataclass(frozen=True)
class CoreShell(Particle):
    """A core in its equilibrium shape and an epitaxial shell on the core's lattice; core and shell are phases."""

    drawn: ClassVar[dict[str, Distribution]] = {
        **Particle.drawn,
        "shell_element": Choice(tuple(METALS)),
        "core_share": Uniform(0.4, 0.85),
    }

    shell_element: str = parameter("Ag", "metal of the shell", choices=tuple(METALS))
    core_share: float = parameter(0.65, "diameter of the core over that of the particle", min=0.1, max=1.0, step=0.01)

    def particle(self, turn: Affine, *, seed: int) -> tuple[Matter, Volume]:  # noqa: ARG002
        """The core is the inner part of one crystal, the shell the outer."""
        volume = wulff_shape(self.element, self.diameter_A).moved(turn)
        whole = fcc(self.element).moved(turn).fill(volume)
        inside = wulff_shape(self.element, self.core_share * self.diameter_A).moved(turn).contains(whole.positions_A)
        numbers = np.where(inside, METALS[self.element].number, METALS[self.shell_element].number)
        atoms = make_matter(numbers, whole.positions_A, phase="")
        names = (f"core {self.element}", f"shell {self.shell_element}")
        return dataclasses.replace(atoms, phases=(~inside).astype(np.int64), phase_names=names), volume
