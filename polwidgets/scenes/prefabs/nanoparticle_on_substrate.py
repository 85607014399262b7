"""A metal particle, turned at random, on a film of amorphous carbon."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np

from polwidgets.registry import parameter
from polwidgets.scenes.assemble import Piece, assemble
from polwidgets.scenes.base import prefabs
from polwidgets.scenes.distributions import Choice, Distribution, Uniform
from polwidgets.scenes.generators.amorphous import Amorphous
from polwidgets.scenes.generators.crystal import cubic
from polwidgets.scenes.scene import Scene
from polwidgets.scenes.transforms import rotate_randomly, translate
from polwidgets.scenes.volumes.base import Volume
from polwidgets.scenes.volumes.shapes import Box, HalfSpace, sphere
from polwidgets.scenes.volumes.wulff import wulff

# atomic number, edge of the fcc cell in angstrom, surface energies of {111}, {100}, {110} in J/m^2
# (doi:10.1016/S0039-6028(98)00363-X)
METALS: Final = {
    "Au": (79, 4.078, (1.283, 1.627, 1.700)),
    "Ag": (47, 4.086, (1.172, 1.200, 1.238)),
    "Pt": (78, 3.924, (2.299, 2.734, 2.819)),
    "Pd": (46, 3.891, (1.920, 2.326, 2.225)),
    "Cu": (29, 3.615, (1.952, 2.166, 2.237)),
    "Ni": (28, 3.524, (2.011, 2.426, 2.368)),
}
CARBON_PER_A3: Final = 0.050142  # atoms in a cubic angstrom at 1 g/cm^3


@prefabs.register("nanoparticle_on_substrate")
@dataclasses.dataclass(frozen=True)
class NanoparticleOnSubstrate:
    """A Wulff, spherical or truncated fcc particle on amorphous carbon, the electrons meeting the particle first."""

    drawn: ClassVar[Mapping[str, Distribution]] = {
        "element": Choice(tuple(METALS)),
        "shape": Choice(("wulff", "sphere", "truncated")),
        "diameter_A": Uniform(20.0, 55.0),
        "truncation": Uniform(0.0, 0.4),
        "place_down": Uniform(0.0, 1.0),
        "place_right": Uniform(0.0, 1.0),
    }

    element: str = parameter("Au", "metal of the particle", choices=tuple(METALS))
    shape: str = parameter(
        "wulff", "Wulff polyhedron, sphere, or Wulff polyhedron cut by the substrate", choices=("wulff", "sphere", "truncated")
    )
    diameter_A: float = parameter(40.0, "diameter of the sphere of equal volume", min=8.0, max=75.0, step=0.5, unit="angstrom")
    truncation: float = parameter(0.2, "share of a truncated particle's height below the substrate's surface", min=0.0, max=0.6, step=0.01)
    place_down: float = parameter(0.5, "place of the particle between the upper and the lower edge", min=0.0, max=1.0, step=0.01)
    place_right: float = parameter(0.5, "place of the particle between the left and the right edge", min=0.0, max=1.0, step=0.01)
    box_A: float = parameter(80.0, "edge of the square box", min=40.0, max=200.0, step=1.0, unit="angstrom")
    substrate_A: float = parameter(15.0, "thickness of the carbon; 0 for none", min=0.0, max=100.0, step=1.0, unit="angstrom")
    substrate_density: float = parameter(2.0, "density of the carbon", min=1.0, max=2.6, step=0.05, unit="g/cm^3")
    vacuum_A: float = parameter(3.0, "empty space before the particle and behind the carbon", min=0.0, max=50.0, step=0.5, unit="angstrom")

    def build(self, *, seed: int) -> Scene:
        """The scene; the seed draws the orientation and the carbon."""
        turn_seed, carbon_seed = (int(word) for word in np.random.SeedSequence(seed).generate_state(2))
        number, edge, energies = METALS[self.element]
        crystal = cubic(number, "fcc", edge, phase=f"fcc {self.element}")
        turn = rotate_randomly(seed=turn_seed)
        shape = self._shape(energies, edge).moved(turn)
        atoms = crystal.moved(turn).fill(shape)
        low, high = atoms.positions_A.min(0), atoms.positions_A.max(0)
        if self.shape == "truncated":
            cut = HalfSpace((0.0, 0.0, 1.0), float(high[2] - self.truncation * (high - low)[2]))
            shape = shape & cut
            atoms = atoms.select(cut.contains(atoms.positions_A))
            high = atoms.positions_A.max(0)
        surface = self.vacuum_A + (high - low)[2] + _CONTACT_A
        margin = np.clip((self.box_A - (high - low)[:2]) / 2, 0, 2.0)
        room = self.box_A - (high - low)[:2] - 2 * margin
        corner = margin + np.clip(room, 0, None) * (self.place_down, self.place_right)
        particle = Piece("particle", atoms, shape, 1).moved(translate([*corner - low[:2], self.vacuum_A - low[2]]))
        box = (self.box_A, self.box_A, float(surface + self.substrate_A + self.vacuum_A))
        pieces = [particle] if self.substrate_A == 0 else [self._substrate(surface, seed=carbon_seed), particle]
        scene = assemble(pieces, box, periodic=(True, True, False), clearance_A=_CONTACT_A)
        return scene if self.substrate_A else dataclasses.replace(scene, names=("substrate", "particle"), objects=scene.objects + 1)

    def _shape(self, energies: tuple[float, float, float], edge: float) -> Volume:
        if self.shape == "sphere":
            return sphere(self.diameter_A / 2)
        families = dict(zip([(1, 1, 1), (1, 0, 0), (1, 1, 0)], energies, strict=True))
        return wulff(families, np.eye(3) * edge, volume_A3=np.pi / 6 * self.diameter_A**3)

    def _substrate(self, surface: float, *, seed: int) -> Piece:
        slab = Box((0.0, 0.0, surface), (self.box_A, self.box_A, surface + self.substrate_A))
        carbon = Amorphous(6, self.substrate_density * CARBON_PER_A3, 1.35, periodic=(True, True, False), phase="amorphous C")
        return Piece("substrate", carbon.fill(slab, seed=seed), slab)


_CONTACT_A: Final = 2.0  # between the outermost metal atoms and carbon
