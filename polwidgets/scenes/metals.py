"""Fcc metals that particles and films are made of."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from polwidgets.scenes.generators.crystal import CrystalGenerator, cubic
from polwidgets.scenes.volumes.polyhedron import Polyhedron
from polwidgets.scenes.volumes.wulff import wulff


class Metal(NamedTuple):
    """Atomic number, edge of the cubic cell in angstrom, and surface energies in J/m^2."""

    number: int
    a_A: float
    energy_111: float
    energy_100: float
    energy_110: float


# energies: doi:10.1016/S0039-6028(98)00363-X
METALS: Final = {
    "Au": Metal(79, 4.078, 1.283, 1.627, 1.700),
    "Ag": Metal(47, 4.086, 1.172, 1.200, 1.238),
    "Pt": Metal(78, 3.924, 2.299, 2.734, 2.819),
    "Pd": Metal(46, 3.891, 1.920, 2.326, 2.225),
    "Cu": Metal(29, 3.615, 1.952, 2.166, 2.237),
    "Ni": Metal(28, 3.524, 2.011, 2.426, 2.368),
}


def fcc(element: str) -> CrystalGenerator:
    """The metal's crystal, an atom at the origin, cubic axes along (down, right, beam)."""
    metal = METALS[element]
    return cubic(metal.number, "fcc", metal.a_A, phase=f"fcc {element}")


def wulff_shape(element: str, diameter_A: float) -> Polyhedron:
    """The metal's equilibrium shape, with the volume of a ball of this diameter."""
    metal = METALS[element]
    energies = {(1, 1, 1): metal.energy_111, (1, 0, 0): metal.energy_100, (1, 1, 0): metal.energy_110}
    return wulff(energies, np.eye(3) * metal.a_A, volume_A3=np.pi / 6 * diameter_A**3)
