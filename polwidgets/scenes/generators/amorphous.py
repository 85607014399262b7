"""Atoms in disorder, at a density and no nearer than a distance."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np

from polwidgets.scenes.generators.base import Generator
from polwidgets.scenes.generators.packing import Shells, pack
from polwidgets.scenes.matter import NO_GRAIN, Array, Matter, make_matter

_AVOGADRO_A3: Final = 0.602214076  # atoms in a cubic angstrom at 1 g/cm^3 and 1 g/mol


@dataclasses.dataclass(frozen=True)
class Amorphous(Generator):
    """Amorphous matter: a random network, or a glass of hard spheres.

    Attributes
    ----------
    numbers : tuple of int
        Atomic numbers of its elements.
    density_per_A3 : float
        Atoms in a cubic angstrom.
    shells : Shells
        The least distance of two atoms, and where neighbours like to be.
    shares : tuple of float
        Of the elements among the atoms, drawn at random; even where not given.
    periodic : (bool, bool, bool)
        Along which edges the filled box repeats without a seam.
    phase : str
        What it is called.
    """

    numbers: tuple[int, ...]
    density_per_A3: float
    shells: Shells
    shares: tuple[float, ...] = ()
    periodic: tuple[bool, bool, bool] = (False, False, False)
    phase: str = "amorphous"

    def __post_init__(self) -> None:
        if not self.density_per_A3 > 0:
            raise ValueError(f"a density of {self.density_per_A3} atoms per cubic angstrom, expected more than 0")
        if self.shares and (len(self.shares) != len(self.numbers) or min(self.shares) < 0 or sum(self.shares) <= 0):
            raise ValueError(f"shares {self.shares} of the elements {self.numbers}, expected one each, none negative")

    def supply(self, bounds_A: Array, *, seed: int) -> Matter:
        """A block of disorder that fills the box with ``density * volume`` atoms.

        Raises
        ------
        ValueError
            Such a density leaves no room for the least distance, or an edge that repeats is too short for it.
        """
        edges = bounds_A[1] - bounds_A[0]
        # a thin film that need not repeat is cut from a thicker block
        block = np.where(self.periodic, edges, np.maximum(edges, self.shells.smallest_box_A))
        rng = np.random.default_rng(seed)
        positions = pack(block, round(self.density_per_A3 * float(np.prod(block))), self.shells, seed=int(rng.integers(2**31)))
        positions = positions[(positions <= edges).all(1)]
        shares = np.array(self.shares or np.ones(len(self.numbers)), float)
        numbers = rng.choice(self.numbers, len(positions), p=shares / shares.sum())
        return make_matter(numbers, positions + bounds_A[0], phase=self.phase, grain=NO_GRAIN)


def amorphous_carbon(
    density_g_cm3: float = 2.0, *, min_distance_A: float = 1.35, periodic: tuple[bool, bool, bool] = (False, False, False)
) -> Amorphous:
    """Carbon as in a support film: bonds of about 1.45 angstrom, second neighbours from 2.45 angstrom on."""
    shells = Shells(min_distance_A, max(1.45, min_distance_A), max(2.45, min_distance_A))
    return Amorphous((6,), density_g_cm3 * _AVOGADRO_A3 / 12.011, shells, periodic=periodic, phase="amorphous C")


def hard_sphere_glass(
    number: int,
    density_per_A3: float,
    min_distance_A: float,
    *,
    periodic: tuple[bool, bool, bool] = (False, False, False),
    phase: str = "amorphous",
) -> Amorphous:
    """Atoms of one element anywhere, but for the least distance."""
    return Amorphous((number,), density_per_A3, Shells(min_distance_A, min_distance_A, min_distance_A), periodic=periodic, phase=phase)
