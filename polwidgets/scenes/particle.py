"""What all particle prefabs share: orientation, the box, and a support of amorphous carbon."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from typing import ClassVar, Final

import numpy as np
from scipy.spatial.transform import Rotation

from polwidgets.registry import parameter
from polwidgets.scenes.assemble import Piece, assemble
from polwidgets.scenes.distributions import Choice, Distribution, Uniform
from polwidgets.scenes.generators.amorphous import amorphous_carbon
from polwidgets.scenes.matter import Matter
from polwidgets.scenes.metals import METALS
from polwidgets.scenes.scene import Scene
from polwidgets.scenes.transforms import Affine, align, linear, rotate, translate
from polwidgets.scenes.volumes.base import Volume
from polwidgets.scenes.volumes.shapes import Box

_CONTACT_A: Final = 2.0  # between atoms of the particle and of the support
_MARGIN_A: Final = 2.0  # between the particle and the edges of the box
_ZONES: Final = {"001": (0, 0, 1), "011": (0, 1, 1), "111": (1, 1, 1), "112": (1, 1, 2)}


@dataclasses.dataclass(frozen=True)
class Particle(ABC):
    """A metal particle, by itself or on amorphous carbon; the scene repeats across the beam.

    Objects are ``substrate`` and ``particle`` whether there is a substrate or not.
    """

    drawn: ClassVar[dict[str, Distribution]] = {
        "element": Choice(tuple(METALS)),
        "diameter_A": Uniform(20.0, 55.0),
        "orientation": Choice(("random", "001", "011", "111", "112"), (4, 1, 1, 1, 1)),
        "place_down": Uniform(0.0, 1.0),
        "place_right": Uniform(0.0, 1.0),
    }

    element: str = parameter("Au", "metal of the particle", choices=tuple(METALS))
    diameter_A: float = parameter(40.0, "diameter of the ball of about the same volume", min=8.0, max=75.0, step=0.5, unit="angstrom")
    orientation: str = parameter(
        "random", "zone axis along the beam, turned about it at random; or random altogether", choices=("random", *_ZONES)
    )
    place_down: float = parameter(0.5, "place between the upper and the lower edge", min=0.0, max=1.0, step=0.01)
    place_right: float = parameter(0.5, "place between the left and the right edge", min=0.0, max=1.0, step=0.01)
    box_A: float = parameter(80.0, "edge of the square box", min=40.0, max=200.0, step=1.0, unit="angstrom")
    substrate_A: float = parameter(0.0, "thickness of the carbon; 0 for none", min=0.0, max=100.0, step=1.0, unit="angstrom")
    substrate_density: float = parameter(2.0, "density of the carbon", min=1.0, max=2.6, step=0.05, unit="g/cm^3")
    substrate_side: str = parameter("exit", "where the carbon is: behind the particle or before it", choices=("exit", "entrance"))
    vacuum_A: float = parameter(3.0, "empty space before and behind everything", min=0.0, max=50.0, step=0.5, unit="angstrom")

    @abstractmethod
    def particle(self, turn: Affine, *, seed: int) -> tuple[Matter, Volume]:
        """Atoms and volume of the particle, its crystal turned from the cubic axes (down, right, beam) by `turn`."""

    def build(self, *, seed: int) -> Scene:
        """The scene; the seed draws the orientation as far as it is open, defects and the carbon.

        Raises
        ------
        ValueError
            The particle does not fit into the box.
        """
        turn_seed, particle_seed, carbon_seed = (int(word) for word in np.random.SeedSequence(seed).generate_state(3))
        matter, volume = self.particle(self._turn(turn_seed), seed=particle_seed)
        if not len(matter):
            raise ValueError(f"a particle of {self.diameter_A} angstrom holds no atom; make it larger")
        low, high = matter.positions_A.min(0), matter.positions_A.max(0)
        extent = high - low
        room = self.box_A - extent[:2] - 2 * _MARGIN_A
        if (room < 0).any():
            raise ValueError(
                f"the particle is {extent[:2].round(1).tolist()} angstrom wide and the box {self.box_A}: "
                f"make box_A at least {np.ceil(extent[:2].max() + 2 * _MARGIN_A):.0f} or the particle smaller"
            )
        corner = [*(_MARGIN_A + room * (self.place_down, self.place_right)), self.vacuum_A]
        pieces = [Piece("particle", matter, volume, 1).moved(translate(corner - low))]
        depth = self.vacuum_A + extent[2]
        if self.substrate_A > 0:
            pieces.append(self._substrate(depth + _CONTACT_A, seed=carbon_seed))
            depth += _CONTACT_A + self.substrate_A
        box = (self.box_A, self.box_A, float(depth + self.vacuum_A))
        scene = assemble(pieces, box, periodic=(True, True, False), clearance_A=_CONTACT_A, names=("substrate", "particle"))
        return scene if self.substrate_side == "exit" else _turned_over(scene)

    def _turn(self, seed: int) -> Affine:
        rng = np.random.default_rng(seed)
        if self.orientation == "random":
            return linear(Rotation.random(rng=rng).as_matrix())
        return align(_ZONES[self.orientation], (0, 0, 1)).then(rotate((0, 0, 1), rng.uniform(0, 360)))

    def _substrate(self, surface_A: float, *, seed: int) -> Piece:
        slab = Box((0.0, 0.0, surface_A), (self.box_A, self.box_A, surface_A + self.substrate_A))
        carbon = amorphous_carbon(self.substrate_density, periodic=(True, True, False))
        return Piece("substrate", carbon.fill(slab, seed=seed), slab)


def _turned_over(scene: Scene) -> Scene:
    """Half a turn about the down axis: what was before is behind, and no crystal becomes its mirror image."""
    return scene.at(scene.positions_A * [1, -1, -1] + [0, scene.box_A[1], scene.box_A[2]])
