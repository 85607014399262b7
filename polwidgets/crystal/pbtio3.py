"""PbTiO3, lead titanate."""

from __future__ import annotations

import dataclasses

from polwidgets.crystal.base import crystals
from polwidgets.crystal.perovskite import Composition, Occupant, TetragonalPerovskite
from polwidgets.registry import parameter


@crystals.register("pbtio3")
@dataclasses.dataclass(frozen=True)
class PbTiO3(TetragonalPerovskite):
    """PbTiO3 at room temperature: tetragonal P4mm, polar along its c axis, which lies in the plane.

    Structure and displacements: Nelmes & Kuhs 1985 (doi:10.1016/0038-1098(85)90595-2): against the oxygen cage lead
    moves by 0.48 and titanium by 0.32 angstrom. Debye-Waller factors are typical of room temperature.
    """

    a_A: float = parameter(3.902, "edge across the polarization", min=3.5, max=4.5, step=0.001, unit="angstrom")
    c_A: float = parameter(4.156, "edge along the polarization", min=3.5, max=4.5, step=0.001, unit="angstrom")
    displacement_A: float = parameter(
        0.32, "Ti relative to its oxygen cage, along the polarization", min=0.0, max=0.5, step=0.005, unit="angstrom"
    )
    a_site_share: float = parameter(0.79, "movement of Pb along the polarization, in displacements", min=-1.0, max=1.0, step=0.01)
    debye_waller_Pb_A2: float = parameter(0.9, "Debye-Waller factor B of Pb", min=0.0, max=3.0, step=0.05, unit="angstrom^2")
    debye_waller_Ti_A2: float = parameter(0.4, "Debye-Waller factor B of Ti", min=0.0, max=3.0, step=0.05, unit="angstrom^2")
    debye_waller_O_A2: float = parameter(0.55, "Debye-Waller factor B of O", min=0.0, max=3.0, step=0.05, unit="angstrom^2")

    @property
    def composition(self) -> Composition:
        """One element a sublattice."""
        return Composition(
            a_site=(Occupant("Pb", 1.0, self.debye_waller_Pb_A2),),
            b_site=(Occupant("Ti", 1.0, self.debye_waller_Ti_A2),),
            oxygen=Occupant("O", 1.0, self.debye_waller_O_A2),
        )
