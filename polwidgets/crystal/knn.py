"""(K,Na)NbO3, the lead-free ferroelectric."""

from __future__ import annotations

import dataclasses

from polwidgets.crystal.base import crystals
from polwidgets.crystal.perovskite import Composition, Occupant, Perovskite
from polwidgets.registry import parameter


@crystals.register("knn")
@dataclasses.dataclass(frozen=True)
class KNN(Perovskite):
    """(K0.5Na0.5)NbO3 at room temperature: orthorhombic, polar along <110> of the pseudocubic cell.

    For the structure and its dependence on composition see doi:10.1038/s41598-017-15937-x. The displacement seen along
    [001] is 0.12 to 0.20 angstrom; Debye-Waller factors are typical of room temperature.
    """

    a_A: float = parameter(3.97, "edge of the pseudocubic cell", min=3.5, max=4.5, step=0.001, unit="angstrom")
    displacement_A: float = parameter(
        0.15, "Nb relative to its oxygen cage, along the polarization", min=0.0, max=0.5, step=0.005, unit="angstrom"
    )
    a_site_share: float = parameter(1 / 3, "movement of K and Na along the polarization, in displacements", min=-1.0, max=1.0, step=0.01)
    sodium_fraction: float = parameter(0.5, "share of Na on the A site", min=0.0, max=1.0, step=0.01)
    debye_waller_K_A2: float = parameter(0.8, "Debye-Waller factor B of K", min=0.0, max=3.0, step=0.05, unit="angstrom^2")
    debye_waller_Na_A2: float = parameter(0.9, "Debye-Waller factor B of Na", min=0.0, max=3.0, step=0.05, unit="angstrom^2")
    debye_waller_Nb_A2: float = parameter(0.45, "Debye-Waller factor B of Nb", min=0.0, max=3.0, step=0.05, unit="angstrom^2")
    debye_waller_O_A2: float = parameter(0.65, "Debye-Waller factor B of O", min=0.0, max=3.0, step=0.05, unit="angstrom^2")

    @property
    def composition(self) -> Composition:
        """K and Na share the A site."""
        return Composition(
            a_site=(
                Occupant("K", 1.0 - self.sodium_fraction, self.debye_waller_K_A2),
                Occupant("Na", self.sodium_fraction, self.debye_waller_Na_A2),
            ),
            b_site=(Occupant("Nb", 1.0, self.debye_waller_Nb_A2),),
            oxygen=Occupant("O", 1.0, self.debye_waller_O_A2),
        )
