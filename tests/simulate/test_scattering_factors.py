"""Electron scattering factors against physics and against another program."""

from __future__ import annotations

import numpy as np
import pytest

from polwidgets.simulate.scattering_factors import Parametrization, electron_scattering_factor

ATOMIC_NUMBER = {"O": 8, "Na": 11, "K": 19, "Ti": 22, "Sr": 38, "Nb": 41, "Ba": 56, "Pb": 82}
BOHR_A = 0.529177210544


@pytest.mark.parametrize("element", ATOMIC_NUMBER)
def test_large_angles_see_the_bare_nucleus(element: str) -> None:
    """Mott-Bethe: f = (Z - f_x) / (2 pi^2 a0 g^2), and the X-ray factor f_x dies out."""
    g = 12.0
    nucleus = ATOMIC_NUMBER[element] / (2 * np.pi**2 * BOHR_A * g**2)
    assert electron_scattering_factor(element, g) == pytest.approx(nucleus, rel=0.06)
    assert electron_scattering_factor(element, g) < nucleus


@pytest.mark.parametrize("element", ATOMIC_NUMBER)
def test_the_two_tables_agree_on_every_reflection_that_matters(element: str) -> None:
    g = np.linspace(0.2, 4.0, 60)
    lobato, kirkland = (electron_scattering_factor(element, g, parametrization=name) for name in ("lobato", "kirkland"))
    np.testing.assert_allclose(kirkland, lobato, rtol=0.04)
    assert not np.allclose(kirkland, lobato, rtol=1e-4)


@pytest.mark.parametrize("parametrization", ["lobato", "kirkland"])
def test_equals_abtem(parametrization: Parametrization) -> None:
    parametrizations = pytest.importorskip("abtem.parametrizations", reason="the extra 'sim' is not installed")
    other = {"lobato": parametrizations.LobatoParametrization, "kirkland": parametrizations.KirklandParametrization}[parametrization]()
    g = np.linspace(0, 6, 40).reshape(5, 8)
    for element in ("H", *ATOMIC_NUMBER, "Lr"):
        ours = electron_scattering_factor(element, g, parametrization=parametrization)
        np.testing.assert_allclose(ours, other.scattering_factor(element)(g**2), rtol=3e-4)  # abTEM computes in single precision


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="no scattering factor for element 'nb'"):
        electron_scattering_factor("nb", 1.0)
    with pytest.raises(ValueError, match="expected one of lobato, kirkland"):
        electron_scattering_factor("Nb", 1.0, parametrization="peng")  # type: ignore[arg-type]
