"""An ordered alloy with antiphase boundaries."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from polwidgets.registry import parameter
from polwidgets.scenes.base import prefabs
from polwidgets.scenes.defects import order
from polwidgets.scenes.distributions import Choice, Distribution, Uniform
from polwidgets.scenes.matter import make_matter
from polwidgets.scenes.metals import METALS
from polwidgets.scenes.scene import Scene


@prefabs.register("antiphase")
@dataclasses.dataclass(frozen=True)
class Antiphase:
    """An L1_2 alloy (Cu3Au) with a stripe whose minority atoms sit on another sublattice, half a diagonal of a face away.

    The boundaries lie along down, a quarter and three quarters of the way to the right; the domain is an atom's grain.
    """

    drawn: ClassVar[dict[str, Distribution]] = {
        "majority": Choice(("Cu", "Pt", "Ni")),
        "minority": Choice(("Au", "Pd")),
        "degree": Uniform(0.5, 1.0),
        "cells_deep": Uniform(5, 30),
    }

    majority: str = parameter("Cu", "three of four atoms", choices=tuple(METALS))
    minority: str = parameter("Au", "one of four atoms", choices=tuple(METALS))
    degree: float = parameter(1.0, "long-range order: 1 perfect, 0 random", min=0.0, max=1.0, step=0.01)
    cells_down: int = parameter(16, "cells along down", min=1, max=60, step=1)
    cells_right: int = parameter(16, "cells along the right", min=2, max=60, step=1)
    cells_deep: int = parameter(10, "cells along the beam", min=1, max=200, step=1)
    vacuum_A: float = parameter(0.0, "empty space before and behind the film", min=0.0, max=50.0, step=0.5, unit="angstrom")

    def build(self, *, seed: int) -> Scene:
        """The scene; the edge of the cell is the mean of both metals' by their shares, the seed draws the disorder."""
        much, little = METALS[self.majority], METALS[self.minority]
        edge = 0.75 * much.a_A + 0.25 * little.a_A
        repeat = np.array([self.cells_down, self.cells_right, self.cells_deep])
        half = np.stack(np.meshgrid(*(np.arange(2 * count) for count in repeat), indexing="ij"), -1).reshape(-1, 3)
        half = half[half.sum(1) % 2 == 0]  # fcc in halves of the cell's edge
        place = half[:, 1] / (2 * self.cells_right)
        second = (place >= 0.25) & (place < 0.75)
        # the minority sits at the corners, in the stripe at the centres of the faces across the beam
        minority = ((half + second[:, None] * [1, 1, 0]) % 2 == 0).all(1)
        atoms = make_matter(
            np.full(len(half), much.number), half * (edge / 2) + [0, 0, self.vacuum_A], phase=f"{self.majority}3{self.minority}"
        )
        atoms = order(atoms, minority.astype(np.int64), (much.number, little.number), self.degree, seed=seed)
        box = repeat * edge + [0, 0, 2 * self.vacuum_A]
        return Scene(
            numbers=atoms.numbers,
            positions_A=atoms.positions_A,
            box_A=(float(box[0]), float(box[1]), float(box[2])),
            periodic=(True, True, False),
            objects=np.zeros(len(atoms), np.int64),
            names=("film",),
            phases=atoms.phases,
            phase_names=atoms.phase_names,
            grains=second.astype(np.int64),
            debye_waller_A2=atoms.debye_waller_A2,
        )
