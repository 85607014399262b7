"""Units as files spell them, into angstrom and 1/angstrom."""

from __future__ import annotations

import re
from typing import Final

from polwidgets.electron import wave_number

# lower case, without decoration; what is missing here (pixel, px, None, a camera's cm) means uncalibrated
_ANGSTROM_PER: Final = {
    "pm": 0.01,
    "a": 1.0,
    "å": 1.0,
    "ang": 1.0,
    "angstrom": 1.0,
    "angstroms": 1.0,
    "nm": 10.0,
    "um": 1e4,
    "µm": 1e4,
    "μm": 1e4,
    "mm": 1e7,
    "m": 1e10,
}
_MRAD_PER: Final = {"mrad": 1.0, "rad": 1e3}


def length_in_angstrom(value: float, unit: str | None) -> float | None:
    """A length in angstrom, or None where the unit is none of length (pixels, blank)."""
    factor = _ANGSTROM_PER.get(_plain(unit))
    return None if factor is None else abs(float(value)) * factor


def wavenumber_in_inverse_angstrom(value: float, unit: str | None, voltage_kV: float | None) -> float | None:
    """A wave number in 1/angstrom, or None where the unit is none of wave number (pixels, blank, a camera's cm).

    Raises
    ------
    ValueError
        The unit is an angle and the voltage, which turns angles into wave numbers, is unknown.
    """
    plain = _plain(unit)
    if plain in _MRAD_PER:
        if voltage_kV is None:
            raise ValueError(
                f"the file gives its detector pixel as {value:g} {unit}, which needs the voltage; pass voltage_kV=... (or k_step=...)"
            )
        return wave_number(abs(float(value)) * _MRAD_PER[plain], voltage_kV)
    inverse = re.fullmatch(r"1/(.+)|(.+?)\^?-1", plain)
    factor = _ANGSTROM_PER.get(next(filter(None, inverse.groups()))) if inverse else None
    return None if factor is None else abs(float(value)) / factor


def _plain(unit: str | None) -> str:
    """`[n_m^-1]`, `$A^{-1}$` and `1 / nm` without their decoration."""
    return re.sub(r"[\[\]{}$_\s\\]", "", str(unit or "")).replace("⁻¹", "-1").lower()
