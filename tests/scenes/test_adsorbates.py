"""Surfaces told two ways, and molecules that stand on them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from polwidgets.scenes.adsorbates import adsorb, molecules_of, outward, surface_by_alpha_shape, surface_by_coordination
from polwidgets.scenes.generators.crystal import cubic
from polwidgets.scenes.matter import make_matter
from polwidgets.scenes.metals import fcc, wulff_shape
from polwidgets.scenes.multiply_twinned import icosahedron_sites
from polwidgets.scenes.volumes.shapes import Box, sphere

CARBON_MONOXIDE = make_matter([6, 8], [[0, 0, 0], [0.3, 0.4, 1.02]], phase="CO", grain=-1)


def test_the_surface_of_an_icosahedron_is_its_last_shell() -> None:
    inner, outer = icosahedron_sites(3), icosahedron_sites(4)
    atoms = make_matter(np.full(len(outer.places), 79), outer.places * 2.88, phase="Au")
    for surface in (surface_by_coordination(atoms, cutoff_A=3.5), surface_by_alpha_shape(atoms, probe_radius_A=2.3)):
        assert surface.sum() == len(outer.places) - len(inner.places) == 10 * 4**2 + 2


def test_both_surfaces_agree_on_a_crystal_and_find_a_cavity() -> None:
    volume = Box((-0.1,) * 3, (24.0, 28.1, 20.1))
    atoms = cubic(79, "fcc", 4.0).fill(volume - sphere(6.0, (12, 14, 10)))
    by_count, by_shape = surface_by_coordination(atoms, cutoff_A=3.4), surface_by_alpha_shape(atoms, probe_radius_A=2.6)
    assert (by_count == by_shape).mean() > 0.97
    inside = (abs(atoms.positions_A - [12, 14, 10]) < [9, 11, 7]).all(1)
    assert by_shape[inside].sum() > 40, "the cavity's wall"
    # a ball that does not fit into the cavity does not touch its wall
    assert surface_by_alpha_shape(atoms, probe_radius_A=7.0)[inside].sum() == 0


def test_out_is_away_from_the_middle() -> None:
    atoms = fcc("Au").fill(wulff_shape("Au", 30.0))
    surface = surface_by_coordination(atoms, cutoff_A=3.5)
    radial = atoms.positions_A[surface] / np.linalg.norm(atoms.positions_A[surface], axis=1, keepdims=True)
    cosines = (outward(atoms, surface, cutoff_A=3.5) * radial).sum(1)
    assert cosines.min() > 0.7


def test_molecules_stand_on_the_surface_whole_and_apart() -> None:
    atoms = fcc("Pt").fill(wulff_shape("Pt", 30.0))
    surface = surface_by_coordination(atoms, cutoff_A=3.3)
    settled = adsorb(atoms, CARBON_MONOXIDE, surface=surface, coverage=0.3, height_A=1.9, min_distance_A=2.0, seed=5)
    count = len(settled) // 2
    assert count > 0.15 * surface.sum()
    assert count <= round(0.3 * surface.sum())
    bonds = settled.positions_A[1::2] - settled.positions_A[::2]
    np.testing.assert_allclose(np.linalg.norm(bonds, axis=1), np.linalg.norm([0.3, 0.4, 1.02]))
    to_metal, anchor = cKDTree(atoms.positions_A).query(settled.positions_A[::2])
    np.testing.assert_allclose(to_metal.min(), 1.9, atol=0.01)
    assert surface[anchor].all()
    # the oxygen points outward
    assert ((bonds * settled.positions_A[::2]).sum(1) > 0).mean() > 0.95
    groups = molecules_of(settled, 1.5)
    assert len(np.unique(groups)) == count
    between = cKDTree(settled.positions_A).query_pairs(1.999, output_type="ndarray")
    assert (between[:, 0] // 2 == between[:, 1] // 2).all()


def test_nowhere_to_settle() -> None:
    atoms = fcc("Pt").fill(sphere(8.0))
    with pytest.raises(ValueError, match="no surface atom"):
        adsorb(atoms, CARBON_MONOXIDE, surface=np.zeros(len(atoms), bool), coverage=0.5, height_A=2, min_distance_A=2, seed=1)
    with pytest.raises(ValueError, match="coverage is 2"):
        adsorb(atoms, CARBON_MONOXIDE, surface=np.ones(len(atoms), bool), coverage=2, height_A=2, min_distance_A=2, seed=1)
    with pytest.raises(ValueError, match="more than 0"):
        surface_by_alpha_shape(atoms, probe_radius_A=0)
