"""BaTiO3, barium titanate."""

from __future__ import annotations

import dataclasses

from polwidgets.crystal.base import crystals
from polwidgets.crystal.perovskite import Composition, Occupant, TetragonalPerovskite
from polwidgets.registry import parameter


@crystals.register("batio3")
@dataclasses.dataclass(frozen=True)
class BaTiO3(TetragonalPerovskite):
    """BaTiO3 at room temperature: tetragonal P4mm, polar along its c axis, which lies in the plane.

    Structure and displacements: Kwei et al. 1993 (doi:10.1021/j100112a043): Ti moves against barium by 0.09 angstrom
    and the oxygen cage by 0.06 the other way. Debye-Waller factors are typical of room temperature.
    """

    a_A: float = parameter(3.991, "edge across the polarization", min=3.5, max=4.5, step=0.001, unit="angstrom")
    c_A: float = parameter(4.035, "edge along the polarization", min=3.5, max=4.5, step=0.001, unit="angstrom")
    displacement_A: float = parameter(
        0.15, "Ti relative to its oxygen cage, along the polarization", min=0.0, max=0.5, step=0.005, unit="angstrom"
    )
    cation_share: float = parameter(0.6, "share of the displacement made by Ti", min=0.0, max=1.0, step=0.01)
    debye_waller_Ba_A2: float = parameter(0.3, "Debye-Waller factor B of Ba", min=0.0, max=3.0, step=0.05, unit="angstrom^2")
    debye_waller_Ti_A2: float = parameter(0.4, "Debye-Waller factor B of Ti", min=0.0, max=3.0, step=0.05, unit="angstrom^2")
    debye_waller_O_A2: float = parameter(0.45, "Debye-Waller factor B of O", min=0.0, max=3.0, step=0.05, unit="angstrom^2")

    @property
    def composition(self) -> Composition:
        """One element a sublattice."""
        return Composition(
            a_site=(Occupant("Ba", 1.0, self.debye_waller_Ba_A2),),
            b_site=(Occupant("Ti", 1.0, self.debye_waller_Ti_A2),),
            oxygen=Occupant("O", 1.0, self.debye_waller_O_A2),
        )
