from __future__ import annotations

import pytest

from polwidgets.cube.units import length_in_angstrom, wavenumber_in_inverse_angstrom


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [(2.0, "nm", 20), (2.0, "A", 2), (2.0, "Å", 2), (0.5, "[n_m]", 5), (1e-9, "m", 10), (3, "µm", 3e4), (-2.0, "nm", 20)],
)
def test_lengths(value: float, unit: str, expected: float) -> None:
    assert length_in_angstrom(value, unit) == pytest.approx(expected)


@pytest.mark.parametrize("unit", ["", None, "pixels", "px", "pixel", "s", "cm", "1/nm"])
def test_no_length(unit: str | None) -> None:
    assert length_in_angstrom(1.0, unit) is None


@pytest.mark.parametrize("unit", ["1/nm", "1 / nm", "nm^-1", "[n_m^-1]", "$nm^{-1}$", "nm⁻¹"])
def test_spellings_of_a_wave_number(unit: str) -> None:
    assert wavenumber_in_inverse_angstrom(2.0, unit, None) == pytest.approx(0.2)


@pytest.mark.parametrize("unit", ["A^-1", "$A^{-1}$", "1/Å", "1/angstrom"])
def test_inverse_angstrom(unit: str) -> None:
    assert wavenumber_in_inverse_angstrom(0.7, unit, None) == pytest.approx(0.7)


def test_an_angle_needs_the_voltage() -> None:
    # 200 kV: 2.5079 pm
    assert wavenumber_in_inverse_angstrom(2.5079, "mrad", 200.0) == pytest.approx(0.1, rel=1e-4)
    assert wavenumber_in_inverse_angstrom(2.5079e-3, "rad", 200.0) == pytest.approx(0.1, rel=1e-4)
    with pytest.raises(ValueError, match=r"needs the voltage; pass voltage_kV"):
        wavenumber_in_inverse_angstrom(1.0, "mrad", None)


@pytest.mark.parametrize("unit", ["", None, "pixels", "cm", "nm", "?/m"])
def test_no_wave_number(unit: str | None) -> None:
    assert wavenumber_in_inverse_angstrom(1.0, unit, 200.0) is None
