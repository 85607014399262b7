"""What all perovskites share: one cell of five atoms and a polar displacement in the plane of the image."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from typing import NamedTuple

from polwidgets.crystal.base import Site
from polwidgets.directions import direction_to_vector
from polwidgets.registry import parameter


class Occupant(NamedTuple):
    """An element on a sublattice: how much of it, and its isotropic Debye-Waller factor B in angstrom^2."""

    element: str
    occupancy: float
    debye_waller_A2: float


class Composition(NamedTuple):
    """Who sits on the three sublattices."""

    a_site: tuple[Occupant, ...]
    b_site: tuple[Occupant, ...]
    oxygen: Occupant


@dataclasses.dataclass(frozen=True)
class Perovskite(ABC):
    """A pseudocubic ABO3 cell seen along [001], polar along any direction in the plane.

    Sites, as fractions along (down, right, beam): A at (0, 0, 0), B at (1/2, 1/2, 1/2), oxygen at the face centres.
    The polar displacement moves B and A along the polarization and the oxygen cage against it, in proportion, so that
    zero displacement is the cubic crystal; fractions are wrapped into [0, 1).

    Attributes
    ----------
    a_A : float
        Edge of the (pseudo)cubic cell, angstrom.
    displacement_A : float
        B cation relative to the centre of its oxygen cage, in the plane, angstrom; the polarization points along it.
    direction_deg : float
        Where the polarization points: degrees anticlockwise on screen from +x (right).
    cation_share : float
        Share of the displacement that the B cation makes; the oxygen cage makes the rest, against the polarization.
    a_site_share : float
        Movement of the A site along the polarization, in displacements.
    """

    a_A: float = parameter(4.0, "edge of the pseudocubic cell", min=3.5, max=4.5, step=0.001, unit="angstrom")
    displacement_A: float = parameter(
        0.0, "B cation relative to its oxygen cage, along the polarization", min=0.0, max=0.5, step=0.005, unit="angstrom"
    )
    direction_deg: float = parameter(
        0.0, "polarization, anticlockwise on screen from the right", min=0.0, max=360.0, step=1.0, unit="degree"
    )
    cation_share: float = parameter(0.3, "share of the displacement made by the B cation", min=0.0, max=1.0, step=0.01)
    a_site_share: float = parameter(0.0, "movement of the A site along the polarization, in displacements", min=-1.0, max=1.0, step=0.01)

    @property
    @abstractmethod
    def composition(self) -> Composition:
        """Elements, occupancies and Debye-Waller factors."""

    @property
    def cell_A(self) -> tuple[float, float, float]:
        """Edges along (down, right, beam), angstrom."""
        return (self.a_A, self.a_A, self.a_A)

    @property
    def sites(self) -> tuple[Site, ...]:
        """The atoms of one cell, displaced."""
        a_site, b_site, oxygen = self.composition
        along = self.a_site_share, self.cation_share, self.cation_share - 1.0
        atoms = [(occupant, (0.0, 0.0, 0.0), along[0]) for occupant in a_site]
        atoms += [(occupant, (0.5, 0.5, 0.5), along[1]) for occupant in b_site]
        atoms += [(oxygen, place, along[2]) for place in ((0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5))]
        return tuple(self._displaced(*atom) for atom in atoms)

    def _displaced(self, occupant: Occupant, place: tuple[float, float, float], share: float) -> Site:
        down, right = self.displacement_A * share * direction_to_vector(self.direction_deg)
        edge_down, edge_right, _ = self.cell_A
        # the second remainder catches 1.0 rounded up from tiny negatives
        fractions = ((place[0] + down / edge_down) % 1.0 % 1.0, (place[1] + right / edge_right) % 1.0 % 1.0, place[2])
        return Site(occupant.element, float(fractions[0]), float(fractions[1]), fractions[2], occupant.occupancy, occupant.debye_waller_A2)


@dataclasses.dataclass(frozen=True)
class TetragonalPerovskite(Perovskite, ABC):
    """A perovskite that stretches from a to c along its polarization.

    The cell of a simulator is orthogonal, so for a polarization between the axes the shear of the stretch is left out.

    Attributes
    ----------
    c_A : float
        Edge along the polarization, angstrom.
    """

    c_A: float = parameter(4.0, "edge along the polarization", min=3.5, max=4.5, step=0.001, unit="angstrom")

    @property
    def cell_A(self) -> tuple[float, float, float]:
        """Edges along (down, right, beam), angstrom: a stretched by (c - a) n n, without shear."""
        down, right = direction_to_vector(self.direction_deg)
        stretch = self.c_A - self.a_A
        return (float(self.a_A + stretch * down**2), float(self.a_A + stretch * right**2), self.a_A)
