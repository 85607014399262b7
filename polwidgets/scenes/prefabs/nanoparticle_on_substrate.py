"""A metal particle of one of the common shapes on a film of amorphous carbon."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Final

from polwidgets.registry import parameter
from polwidgets.scenes.base import prefabs
from polwidgets.scenes.distributions import Choice, Distribution, Uniform
from polwidgets.scenes.matter import Matter
from polwidgets.scenes.particle import Particle
from polwidgets.scenes.prefabs.decahedron import Decahedron
from polwidgets.scenes.prefabs.icosahedron import Icosahedron
from polwidgets.scenes.prefabs.mixed_defects import MixedDefects
from polwidgets.scenes.prefabs.sphere import Sphere
from polwidgets.scenes.prefabs.truncated import Truncated
from polwidgets.scenes.prefabs.twin import Twin
from polwidgets.scenes.prefabs.wulff import Wulff
from polwidgets.scenes.transforms import Affine
from polwidgets.scenes.volumes.base import Volume

_SHAPES: Final[dict[str, type[Particle]]] = {
    "wulff": Wulff,
    "sphere": Sphere,
    "truncated": Truncated,
    "twin": Twin,
    "mixed_defects": MixedDefects,
    "decahedron": Decahedron,
    "icosahedron": Icosahedron,
}


@prefabs.register("nanoparticle_on_substrate")
@dataclasses.dataclass(frozen=True)
class NanoparticleOnSubstrate(Particle):
    """A particle on amorphous carbon, in one of the shapes that metals take; finer choices are in the shapes' own prefabs."""

    drawn: ClassVar[dict[str, Distribution]] = {
        **Particle.drawn,
        "shape": Choice(tuple(_SHAPES)),
        "substrate_density": Uniform(1.8, 2.2),
        "substrate_side": Choice(("exit", "entrance")),
    }

    substrate_A: float = parameter(15.0, "thickness of the carbon; 0 for none", min=0.0, max=100.0, step=1.0, unit="angstrom")
    shape: str = parameter("wulff", "shape of the particle", choices=tuple(_SHAPES))

    def particle(self, turn: Affine, *, seed: int) -> tuple[Matter, Volume]:
        """The particle of that shape, with the rest of the shape's parameters at their defaults."""
        return _SHAPES[self.shape](element=self.element, diameter_A=self.diameter_A).particle(turn, seed=seed)
