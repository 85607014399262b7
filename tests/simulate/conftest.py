"""A crystal that no flip, turn or swap of axes leaves as it was."""

from __future__ import annotations

import dataclasses

import pytest

from polwidgets.crystal.base import Site


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
