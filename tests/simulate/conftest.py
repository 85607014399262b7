"""A crystal that no flip, turn or swap of axes leaves as it was; scenes of a few atoms."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from polwidgets.crystal.base import Site
from polwidgets.scenes.scene import Scene


@dataclasses.dataclass(frozen=True)
class BareCrystal:
    """A cell and its sites, as given."""

    cell_A: tuple[float, float, float]
    sites: tuple[Site, ...]


@pytest.fixture(scope="session")
def lopsided() -> BareCrystal:
    return BareCrystal(
        (3.4, 4.3, 4.0),
        (Site("Ba", 0.1, 0.2, 0.0, 0.6, 0.6), Site("Ti", 0.55, 0.4, 0.5, 1.0, 0.5), Site("O", 0.3, 0.85, 0.25, 1.0, 0.8)),
    )


@pytest.fixture(scope="session")
def make_scene() -> Callable[..., Scene]:
    def make(
        atoms: Sequence[tuple[int, float, float, float]],
        box_A: tuple[float, float, float],
        *,
        periodic: bool = True,
        debye_waller_A2: float = 0.0,
    ) -> Scene:
        """A scene of atoms (number, down, right, beam), all of one object and phase."""
        table = np.array(atoms, float).reshape(-1, 4)
        zeros = np.zeros(len(table), np.int64)
        return Scene(
            numbers=table[:, 0].astype(np.int64),
            positions_A=table[:, 1:],
            box_A=box_A,
            periodic=(periodic,) * 3,
            objects=zeros,
            names=("thing",),
            phases=zeros,
            phase_names=("something",),
            grains=zeros,
            debye_waller_A2=np.full(len(table), debye_waller_A2),
        )

    return make
