"""What a crystal is to the simulators: an orthogonal cell and its sites."""

from __future__ import annotations

import dataclasses
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


def displaced(crystal: Crystal, *, displacement_A: float | None = None, direction_deg: float | None = None) -> Crystal:
    """The crystal with another polar displacement or direction; what is None stays as it is.

    Raises
    ------
    ValueError
        The crystal has no polar displacement, and one other than zero is asked for.
    """
    wanted = {"displacement_A": displacement_A, "direction_deg": direction_deg}
    changes = {name: value for name, value in wanted.items() if value is not None and hasattr(crystal, name)}
    if displacement_A and "displacement_A" not in changes:
        raise ValueError(f"{type(crystal).__name__} has no polar displacement; give a crystal with fields displacement_A and direction_deg")
    return dataclasses.replace(crystal, **changes) if changes else crystal  # type: ignore[type-var]
