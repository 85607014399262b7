"""Slices of the potential: what a Fourier sum must give, and absorption against an integral done another way."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.integrate import quad

from polwidgets.crystal.base import Crystal, Site
from polwidgets.electron import relativistic_gamma, wavelength_A
from polwidgets.simulate.potential import absorptive_factor, slice_phases
from polwidgets.simulate.scattering_factors import electron_scattering_factor


def test_the_mean_phase_is_the_mean_inner_potential(lopsided: Crystal) -> None:
    phases, thickness = slice_phases(lopsided, voltage_kV=200.0, grid=(24, 30), absorption=False, slice_thickness_A=1.0)
    area = lopsided.cell_A[0] * lopsided.cell_A[1]
    forward = sum(site.occupancy * float(electron_scattering_factor(site.element, 0.0)) for site in lopsided.sites)
    expected = relativistic_gamma(200.0) * wavelength_A(200.0) / area * forward
    assert phases.sum(0).mean() == pytest.approx(expected, rel=1e-9)
    assert thickness == pytest.approx(1.0)
    occupied = np.abs(phases).max((1, 2)) > 1e-9
    np.testing.assert_array_equal(occupied, [True, True, True, False])


def test_columns_are_where_the_sites_are(lopsided: Crystal) -> None:
    grid = (40, 50)
    phases, _ = slice_phases(lopsided, voltage_kV=200.0, grid=grid, slice_thickness_A=1.0)
    for layer, site in zip(phases[[0, 2, 1]], lopsided.sites, strict=True):
        row, column = np.unravel_index(layer.real.argmax(), grid)
        assert (row / grid[0], column / grid[1]) == pytest.approx((site.down, site.right), abs=0.02)


def test_sharing_a_site_is_the_weighted_mean() -> None:
    @dataclasses.dataclass(frozen=True)
    class Cell:
        sites: tuple[Site, ...]
        cell_A: tuple[float, float, float] = (4.0, 4.0, 4.0)

    def of(*sites: Site) -> np.ndarray:
        return slice_phases(Cell(sites), voltage_kV=200.0, grid=(16, 16))[0]

    potassium, sodium = Site("K", 0.1, 0.3, 0.0, 1.0, 0.8), Site("Na", 0.1, 0.3, 0.0, 1.0, 0.9)
    mixed = of(potassium._replace(occupancy=0.3), sodium._replace(occupancy=0.7))
    np.testing.assert_allclose(mixed, 0.3 * of(potassium) + 0.7 * of(sodium), atol=1e-12)


def test_without_absorption_phases_are_real_and_with_it_no_electron_is_made(lopsided: Crystal) -> None:
    real, _ = slice_phases(lopsided, voltage_kV=200.0, grid=(64, 80), absorption=False)
    absorbing, _ = slice_phases(lopsided, voltage_kV=200.0, grid=(64, 80))
    assert np.abs(real.imag).max() < 1e-6
    np.testing.assert_allclose(absorbing.real, real.real, atol=1e-6)
    assert absorbing.imag.min() > -0.01 * absorbing.imag.max()
    assert absorbing.imag.mean() > 0


@pytest.mark.parametrize(("element", "debye_waller_A2"), [("Nb", 0.45), ("O", 0.65)])
@pytest.mark.parametrize("voltage_kV", [80.0, 300.0])
@pytest.mark.parametrize("g", [0.0, 0.5, 1.4])
def test_absorption_is_the_integral_of_hall_and_hirsch(element: str, debye_waller_A2: float, voltage_kV: float, g: float) -> None:
    """Gamma lambda / 2 times the integral of f(s) f(g - s) (exp(-B g^2 / 4) - exp(-B (s^2 + (g - s)^2) / 4)) over the plane."""

    def around(radius: float) -> float:
        angle = np.linspace(0, np.pi, 181)
        first, second = (np.sqrt(g**2 / 4 + radius**2 + sign * g * radius * np.cos(angle)) for sign in (1, -1))
        factors = electron_scattering_factor(element, first) * electron_scattering_factor(element, second)
        left = np.exp(-debye_waller_A2 * g**2 / 4) - np.exp(-debye_waller_A2 * (first**2 + second**2) / 4)
        return float(2 * np.trapezoid(factors * left, angle) * radius)

    integral = quad(around, 0, 4, limit=200, epsrel=1e-6)[0] + quad(around, 4, 60, limit=200, epsrel=1e-6)[0]
    expected = relativistic_gamma(voltage_kV) * wavelength_A(voltage_kV) / 2 * integral
    found = float(absorptive_factor(element, debye_waller_A2, voltage_kV, "lobato")(g))
    assert found == pytest.approx(expected, rel=0.02)


def test_atoms_at_rest_do_not_absorb() -> None:
    assert float(absorptive_factor("Nb", 0.0, 200.0, "lobato")(0.3)) == pytest.approx(0.0, abs=1e-12)
    assert 0 < float(absorptive_factor("Nb", 0.2, 200.0, "lobato")(0.0)) < float(absorptive_factor("Nb", 0.8, 200.0, "lobato")(0.0))
