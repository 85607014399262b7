"""Strain put in comes out again, by least squares from the atoms."""

from __future__ import annotations

import numpy as np
import pytest

from polwidgets.scenes.generators.crystal import cubic
from polwidgets.scenes.generators.strained import Strained
from polwidgets.scenes.matter import Array
from polwidgets.scenes.strain_field import displace, gaussian_bump, local_deformation, screw_dislocation, strain
from polwidgets.scenes.structure import coordination
from polwidgets.scenes.volumes.shapes import Box, sphere

CRYSTAL = cubic(79, "fcc", 4.08)
BALL = sphere(25.0)


def test_homogeneous_strain_is_read_back_exactly() -> None:
    tensor = np.array([[0.02, 0.01, -0.004], [0.01, -0.015, 0.003], [-0.004, 0.003, 0.005]])
    atoms = CRYSTAL.fill(BALL)
    deformed = strain(tensor, about_A=(3, 1, 2)).apply(atoms.positions_A)
    gradients = local_deformation(atoms.positions_A, deformed)
    np.testing.assert_allclose(gradients, np.broadcast_to(np.eye(3) + tensor, gradients.shape), atol=1e-10)
    # a strained crystal is the crystal, strained
    filled = CRYSTAL.moved(strain(tensor)).fill(Box((-20, -20, -20), (20, 20, 20)))
    back = strain(tensor).inverse().apply(filled.positions_A) / 2.04
    np.testing.assert_allclose(back, np.rint(back), atol=1e-9)
    assert (np.rint(back).sum(1) % 2 == 0).all()


def test_an_inhomogeneous_field_is_its_derivative() -> None:
    bump = gaussian_bump(0.02, 20.0, center_A=(2.0, -1.0, 0.5))
    atoms = CRYSTAL.fill(BALL)
    moved = displace(atoms, bump)
    inner = np.linalg.norm(atoms.positions_A, axis=1) < 18
    gradients = local_deformation(atoms.positions_A, moved.positions_A)[inner] - np.eye(3)
    away = atoms.positions_A[inner] - (2.0, -1.0, 0.5)
    fall = 0.02 * np.exp(-(away**2).sum(1) / (2 * 400))[:, None, None]
    analytic = fall * (np.eye(3) - away[:, :, None] * away[:, None, :] / 400)
    np.testing.assert_allclose(gradients, analytic, atol=3e-4)
    assert abs(analytic).max() > 0.015


def test_a_strained_crystal_fills_the_volume_to_its_edges() -> None:
    def bend(positions_A: Array) -> Array:
        return np.stack([0.002 * positions_A[:, 1] ** 2, 0 * positions_A[:, 1], 0 * positions_A[:, 1]], -1)

    box = Box((-15.3, -19.38, -7.14), (15.3, 19.38, 7.14))  # halfway between planes of atoms
    bent = Strained(CRYSTAL, bend, reach_A=1.2)
    atoms = bent.fill(box)
    assert box.contains(atoms.positions_A).all()
    # the shear keeps volumes, so the count is the density times the volume
    expected = CRYSTAL.density_per_A3 * 30.6 * 38.76 * 14.28
    assert abs(len(atoms) - expected) < 0.05 * expected
    np.testing.assert_allclose(atoms.positions_A.min(0), [-15.3, -19.38, -7.14], atol=2.1)
    inner = (abs(atoms.positions_A) < [11, 16, 4.5]).all(1)
    assert (coordination(atoms, 3.5)[inner] == 12).all()
    with pytest.raises(ValueError, match="larger reach_A"):
        Strained(CRYSTAL, bend, reach_A=0.1).fill(box)


def test_a_turn_about_a_screw_dislocation_climbs_by_its_burgers_vector() -> None:
    angles = np.linspace(-np.pi + 1e-6, np.pi - 1e-6, 7)
    circle = np.stack([5 * np.cos(angles), 5 * np.sin(angles), 0 * angles], -1)
    moves = screw_dislocation(2.9)(circle)
    np.testing.assert_allclose(moves[-1, 2] - moves[0, 2], 2.9, rtol=1e-5)
    np.testing.assert_array_equal(moves[:, :2], 0)


def test_what_is_no_strain() -> None:
    atoms = CRYSTAL.fill(sphere(6.0))
    with pytest.raises(ValueError, match="symmetric"):
        strain([[0, 0.1, 0], [0, 0, 0], [0, 0, 0]])
    with pytest.raises(ValueError, match="expected that of the positions"):
        displace(atoms, lambda positions: positions[:, 0])
    with pytest.raises(ValueError, match="not finite"):
        displace(atoms, lambda positions: positions * np.nan)
