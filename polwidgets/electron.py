"""The relativistic electron."""

from __future__ import annotations

import math
from typing import Final

REST_ENERGY_keV: Final = 510.99895069  # CODATA 2022
PLANCK_TIMES_LIGHT_keV_A: Final = 12.398419843320026


def wavelength_A(voltage_kV: float) -> float:
    """Wavelength in angstrom of an electron accelerated by `voltage_kV`."""
    if not 1 <= voltage_kV <= 3000:
        raise ValueError(f"voltage {voltage_kV} kV is outside 1 to 3000 kV; give kilovolts, not volts")
    return PLANCK_TIMES_LIGHT_keV_A / math.sqrt(voltage_kV * (2 * REST_ENERGY_keV + voltage_kV))


def relativistic_gamma(voltage_kV: float) -> float:
    """Mass over rest mass of an electron accelerated by `voltage_kV`."""
    return 1 + voltage_kV / REST_ENERGY_keV


def wave_number(angle_mrad: float, voltage_kV: float) -> float:
    """Transverse wave number in 1/angstrom of a small angle."""
    return angle_mrad * 1e-3 / wavelength_A(voltage_kV)
