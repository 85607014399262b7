"""What a match has found."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.crystal.base import Crystal, crystals
from polwidgets.cube.unit_cell import UnitCell
from polwidgets.match.conditions import Conditions

POOR_CORRELATION: Final = 0.9


@dataclasses.dataclass(frozen=True)
class SpecimenFit:
    """The specimen at which the simulator agrees best with the data.

    Attributes
    ----------
    crystal : Crystal
    voltage_kV, semiangle_mrad : float
    conditions : Conditions
        Everything that was fitted.
    errors : dict
        Standard deviations by the conditions' names, scaled to the misfit that is left.
    score : float
        Correlation of data and model over everything that carries information, corrected for noise; at most one.
    misfit : float
        Square misfit a degree of freedom, in units of the patterns' own noise.
    gain : float
        Counts an electron, from the patterns' scatter: one for counts, unknown (NaN) for a lone pattern.
    dose : float
        Incident counts a pattern.
    background : tuple of float
        Diffuse counts a (1/angstrom)^2, see `polwidgets.match.fit.background_shapes`.
    patterns : Dataset
        ``measured`` and ``model`` position-averaged patterns on (ky, kx).
    unit_cell : UnitCell or None
        The lattice in the scan; none for a lone pattern.
    scan_rotation_deg : float
    good_pixels : bool array (ky, kx) or None
        Detector pixels that were trusted; all where None.
    """

    crystal: Crystal
    voltage_kV: float
    semiangle_mrad: float
    conditions: Conditions
    errors: dict[str, float]
    score: float
    misfit: float
    gain: float
    dose: float
    background: tuple[float, ...]
    patterns: xr.Dataset
    unit_cell: UnitCell | None = None
    scan_rotation_deg: float = 0.0
    good_pixels: NDArray[np.bool_] | None = None

    @property
    def thickness_A(self) -> float:
        """Specimen thickness, angstrom."""
        return self.conditions.thickness_A

    @property
    def tilt_y_mrad(self) -> float:
        """Mistilt of the beam against the zone axis, up on screen."""
        return self.conditions.tilt_y_mrad

    @property
    def tilt_x_mrad(self) -> float:
        """Mistilt of the beam against the zone axis, right on screen."""
        return self.conditions.tilt_x_mrad

    @property
    def rotation_deg(self) -> float:
        """Angle of the crystal on the detector, anticlockwise on screen."""
        return self.conditions.rotation_deg

    @property
    def recorded_electrons(self) -> float:
        """Electrons in a mean pattern on the detector; counts where the gain is unknown."""
        return float(self.patterns["measured"].sum()) / (self.gain if self.gain > 0 else 1.0)

    @property
    def trust(self) -> float:
        """How far predictions at this match may be trusted: one for a good match, falling to zero for a poor one."""
        return 1.0 if not self.poor else max(0.0, 2 * self.score / POOR_CORRELATION - 1)

    @property
    def poor(self) -> bool:
        """Whether the model fails to describe the data."""
        return self.score < POOR_CORRELATION

    def attrs(self) -> dict[str, float | str]:
        """Flat attrs for a prediction made at this match."""
        fitted = {
            name: float(getattr(self.conditions, name))
            for name in ("thickness_A", "tilt_y_mrad", "tilt_x_mrad", "source_A", "rotation_deg")
        }
        errors = {f"{name}_error": float(self.errors[name]) for name in fitted if name in self.errors}
        quality = {"match_score": self.score, "match_misfit": self.misfit, "match_quality": "poor" if self.poor else "good"}
        return {"crystal": crystals.name_of(self.crystal), **fitted, **errors, **quality}
