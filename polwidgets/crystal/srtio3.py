"""SrTiO3, strontium titanate."""

from __future__ import annotations

import dataclasses

from polwidgets.crystal.base import crystals
from polwidgets.crystal.perovskite import Composition, Occupant, Perovskite
from polwidgets.registry import parameter


@crystals.register("srtio3")
@dataclasses.dataclass(frozen=True)
class SrTiO3(Perovskite):
    """SrTiO3 at room temperature: cubic and not polar, unless a displacement is given.

    Structure and Debye-Waller factors: Abramov et al. 1995 (doi:10.1107/S0108768195003752).
    """

    a_A: float = parameter(3.905, "edge of the cell", min=3.5, max=4.5, step=0.001, unit="angstrom")
    debye_waller_Sr_A2: float = parameter(0.62, "Debye-Waller factor B of Sr", min=0.0, max=3.0, step=0.05, unit="angstrom^2")
    debye_waller_Ti_A2: float = parameter(0.44, "Debye-Waller factor B of Ti", min=0.0, max=3.0, step=0.05, unit="angstrom^2")
    debye_waller_O_A2: float = parameter(0.73, "Debye-Waller factor B of O", min=0.0, max=3.0, step=0.05, unit="angstrom^2")

    @property
    def composition(self) -> Composition:
        """One element a sublattice."""
        return Composition(
            a_site=(Occupant("Sr", 1.0, self.debye_waller_Sr_A2),),
            b_site=(Occupant("Ti", 1.0, self.debye_waller_Ti_A2),),
            oxygen=Occupant("O", 1.0, self.debye_waller_O_A2),
        )
