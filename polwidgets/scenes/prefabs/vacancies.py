"""A film of a perovskite with vacancies."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from polwidgets.crystal.base import crystals
from polwidgets.registry import parameter
from polwidgets.scenes.base import prefabs
from polwidgets.scenes.defects import remove
from polwidgets.scenes.distributions import Choice, Distribution, Uniform
from polwidgets.scenes.film import film
from polwidgets.scenes.prefabs.domain_wall import PEROVSKITES
from polwidgets.scenes.scene import Scene


@prefabs.register("vacancies")
@dataclasses.dataclass(frozen=True)
class Vacancies:
    """A film of cells with vacancies among the A or B cations or the oxygen, anywhere or in one column along the beam."""

    drawn: ClassVar[dict[str, Distribution]] = {
        "crystal": Choice(PEROVSKITES),
        "site": Choice(("A", "B", "O")),
        "share": Uniform(0.0, 0.2),
        "cells_deep": Uniform(5, 50),
    }

    crystal: str = parameter("srtio3", "perovskite of the film", choices=PEROVSKITES)
    site: str = parameter("O", "sublattice with vacancies", choices=("A", "B", "O"))
    share: float = parameter(0.05, "share of that sublattice that is vacant", min=0.0, max=1.0, step=0.01)
    where: str = parameter("anywhere", "everywhere alike, or in the middle column of cells alone", choices=("anywhere", "column"))
    cells_down: int = parameter(16, "cells along down", min=1, max=60, step=1)
    cells_right: int = parameter(16, "cells along the right", min=1, max=60, step=1)
    cells_deep: int = parameter(10, "cells along the beam", min=1, max=200, step=1)
    vacuum_A: float = parameter(0.0, "empty space before and behind the film", min=0.0, max=50.0, step=0.5, unit="angstrom")

    def build(self, *, seed: int) -> Scene:
        """The scene; the seed draws the vacancies and who sits on shared sites."""
        part = crystals.build(self.crystal)
        scene, cells, sites = film(part, (self.cells_down, self.cells_right, self.cells_deep), vacuum_A=self.vacuum_A, seed=seed)
        # sites of a perovskite in order: A cations, B cations, three of oxygen
        first_oxygen = len(part.sites) - 3
        sublattice = np.where(sites >= first_oxygen, "O", np.where(sites == first_oxygen - 1, "B", "A"))
        chosen = sublattice == self.site
        if self.where == "column":
            chosen &= (cells[:, :2] == [self.cells_down // 2, self.cells_right // 2]).all(1)
        return remove(scene, self.share, seed=seed, where=chosen)
