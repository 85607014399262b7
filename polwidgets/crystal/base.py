"""What a crystal is to the simulators: an orthogonal cell and its sites."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol, runtime_checkable

from polwidgets.registry import Registry


class Site(NamedTuple):
    """One crystallographic site: what sits there, where, how often and how much it shakes.

    Positions are fractions of the cell along (down, right, beam): the rows and columns of the image and the direction
    the electrons travel, a right-handed frame.
    """

    element: str
    down: float
    right: float
    beam: float
    occupancy: float
    debye_waller_A2: float  # B = 8 pi^2 <u^2>, isotropic


@runtime_checkable
class Crystal(Protocol):
    """A crystal part: a frozen dataclass with an orthogonal cell, its sites and, where it is polar, a displacement."""

    @property
    def cell_A(self) -> tuple[float, float, float]:
        """Edges along (down, right, beam), angstrom."""

    @property
    def sites(self) -> tuple[Site, ...]:
        """The atoms of one cell."""


crystals: Final[Registry[Crystal]] = Registry("crystal", "polwidgets.crystal")
