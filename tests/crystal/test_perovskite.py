"""Where the atoms of a displaced perovskite sit: truth from the definition of the displacement."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polwidgets.crystal.base import Crystal, crystals
from polwidgets.directions import vector_to_direction

POLAR = [name for name in crystals if name != "srtio3"]


def offsets(crystal: Crystal, element: str) -> np.ndarray:
    """How far the sites of an element are from where they are in the cubic crystal, (down, right), angstrom."""
    at_rest = dataclasses.replace(crystal, displacement_A=0.0)  # type: ignore[type-var]
    moved = np.array([site[1:3] for site in crystal.sites if site.element == element])
    still = np.array([site[1:3] for site in at_rest.sites if site.element == element])
    return ((moved - still + 0.5) % 1.0 - 0.5) * crystal.cell_A[:2]


@pytest.mark.parametrize("name", POLAR)
@given(direction=st.floats(0, 360, exclude_max=True), displacement=st.floats(0.01, 0.4))
def test_b_cation_leaves_its_cage_along_the_polarization(name: str, direction: float, displacement: float) -> None:
    crystal = crystals.build(name, direction_deg=direction, displacement_A=displacement)
    cation = offsets(crystal, "Nb" if "n" in name else "Ti")[0]
    cage = offsets(crystal, "O")
    np.testing.assert_allclose(cage, cage[:1].repeat(3, 0), atol=1e-12)
    np.testing.assert_allclose(np.hypot(*(cation - cage[0])), displacement, rtol=1e-9)
    angle = vector_to_direction(cation - cage[0])
    np.testing.assert_allclose(np.exp(1j * np.deg2rad(angle)), np.exp(1j * np.deg2rad(direction)), atol=1e-9)


def test_up_on_screen_is_minus_row_and_right_is_plus_column() -> None:
    up, right = crystals.build("knn", direction_deg=90.0), crystals.build("knn", direction_deg=0.0)
    nb_up, nb_right = (next(site for site in crystal.sites if site.element == "Nb") for crystal in (up, right))
    assert nb_up.down < 0.5
    assert nb_up.right == pytest.approx(0.5)
    assert nb_right.right > 0.5
    assert nb_right.down == pytest.approx(0.5)


def test_knn_moves_niobium_cage_and_a_site_by_the_published_shares() -> None:
    knn = crystals.build("knn", displacement_A=0.15, direction_deg=0.0)
    assert offsets(knn, "Nb")[0, 1] == pytest.approx(0.045)
    assert offsets(knn, "O")[0, 1] == pytest.approx(-0.105)
    assert offsets(knn, "K")[0, 1] == pytest.approx(0.05)


def test_lead_titanate_moves_lead_against_oxygen_by_half_an_angstrom() -> None:
    crystal = crystals.build("pbtio3")
    assert (offsets(crystal, "Pb") - offsets(crystal, "O")[0])[0, 1] == pytest.approx(0.48, abs=0.005)


@pytest.mark.parametrize("name", crystals.names())
def test_zero_displacement_is_the_cubic_perovskite(name: str) -> None:
    crystal = crystals.build(name, displacement_A=0.0, direction_deg=33.0)
    places = {(round(site.down, 12), round(site.right, 12), site.beam) for site in crystal.sites}
    assert places == {(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)}


@pytest.mark.parametrize("name", crystals.names())
@given(direction=st.floats(0, 360), displacement=st.one_of(st.just(0.0), st.floats(1e-18, 0.5)))
def test_fractions_are_wrapped_and_every_sublattice_is_full(name: str, direction: float, displacement: float) -> None:
    sites = crystals.build(name, direction_deg=direction, displacement_A=displacement).sites
    assert all(0 <= fraction < 1 for site in sites for fraction in site[1:4])
    assert sum(site.occupancy for site in sites) == pytest.approx(5)


def test_tetragonal_cell_stretches_along_the_polarization() -> None:
    assert crystals.build("batio3", direction_deg=0.0).cell_A == pytest.approx((3.991, 4.035, 3.991))
    assert crystals.build("batio3", direction_deg=270.0).cell_A == pytest.approx((4.035, 3.991, 3.991))


def test_sodium_shares_the_a_site() -> None:
    sites = crystals.build("knn", sodium_fraction=0.3).sites
    assert {site.element: site.occupancy for site in sites[:2]} == pytest.approx({"K": 0.7, "Na": 0.3})
