"""KNbO3, potassium niobate."""

from __future__ import annotations

import dataclasses

from polwidgets.crystal.base import crystals
from polwidgets.crystal.perovskite import Composition, Occupant, Perovskite
from polwidgets.registry import parameter


@crystals.register("knbo3")
@dataclasses.dataclass(frozen=True)
class KNbO3(Perovskite):
    """KNbO3 at room temperature: orthorhombic Amm2, polar along <110> of the pseudocubic cell.

    The pseudocubic edge is the cube root of the volume. Structure and displacements: Hewat 1973
    (doi:10.1088/0022-3719/6/16/010); Debye-Waller factors are typical of room temperature.
    """

    a_A: float = parameter(4.015, "edge of the pseudocubic cell", min=3.5, max=4.5, step=0.001, unit="angstrom")
    displacement_A: float = parameter(
        0.2, "Nb relative to its oxygen cage, along the polarization", min=0.0, max=0.5, step=0.005, unit="angstrom"
    )
    a_site_share: float = parameter(-0.1, "movement of K along the polarization, in displacements", min=-1.0, max=1.0, step=0.01)
    debye_waller_K_A2: float = parameter(0.8, "Debye-Waller factor B of K", min=0.0, max=3.0, step=0.05, unit="angstrom^2")
    debye_waller_Nb_A2: float = parameter(0.45, "Debye-Waller factor B of Nb", min=0.0, max=3.0, step=0.05, unit="angstrom^2")
    debye_waller_O_A2: float = parameter(0.65, "Debye-Waller factor B of O", min=0.0, max=3.0, step=0.05, unit="angstrom^2")

    @property
    def composition(self) -> Composition:
        """One element a sublattice."""
        return Composition(
            a_site=(Occupant("K", 1.0, self.debye_waller_K_A2),),
            b_site=(Occupant("Nb", 1.0, self.debye_waller_Nb_A2),),
            oxygen=Occupant("O", 1.0, self.debye_waller_O_A2),
        )
