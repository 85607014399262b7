"""Radial distribution and coordination of atoms whose are known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from polwidgets.scenes.generators.crystal import cubic
from polwidgets.scenes.matter import make_matter, nothing
from polwidgets.scenes.scene import Scene
from polwidgets.scenes.structure import coordination, neighbour_pairs, radial_distribution
from polwidgets.scenes.volumes.shapes import Box

BOX = (24.0, 20.0, 28.0)


def scene_of(numbers: np.ndarray, positions: np.ndarray, periodic: tuple[bool, bool, bool]) -> Scene:
    atoms = make_matter(numbers, positions, phase="x")
    fields = {field.name: getattr(atoms, field.name) for field in dataclasses.fields(atoms)}
    return Scene(**fields, box_A=BOX, periodic=periodic, objects=np.zeros(len(atoms), np.int64), names=("all",))


@pytest.mark.parametrize("periodic", [(True, True, True), (True, False, True), (False, False, False)])
def test_atoms_at_random_are_distributed_as_such(periodic: tuple[bool, bool, bool]) -> None:
    positions = np.random.default_rng(3).random((6000, 3)) * BOX
    g = radial_distribution(scene_of(np.full(6000, 6), positions, periodic), cutoff_A=9.5, bins=19)
    np.testing.assert_allclose(g.values[2:], 1, atol=0.05)


def test_the_shells_of_fcc_hold_12_6_24() -> None:
    found = cubic(79, "fcc", 4.0).fill(Box((0, 0, 0), (23.9, 19.9, 27.9)))
    scene = scene_of(found.numbers, found.positions_A, (True, True, True))
    for cutoff, count in ((3.4, 12), (4.4, 12 + 6), (5.2, 12 + 6 + 24)):
        assert (coordination(scene, cutoff) == count).all()
    g = radial_distribution(scene, cutoff_A=6.0, bins=120)
    shells = g.values > 0
    np.testing.assert_allclose(g.r.values[shells], [2.825, 4.025, 4.875, 5.675], atol=0.051)


def test_without_edges_nothing_meets_across_them() -> None:
    pair = np.array([[0.2, 10, 10], [23.9, 10, 10]])
    assert coordination(scene_of(np.array([6, 6]), pair, (True, False, False)), 1.0).tolist() == [1, 1]
    assert coordination(scene_of(np.array([6, 6]), pair, (False, True, True)), 1.0).tolist() == [0, 0]
    matter = make_matter([6, 6], pair - 50, phase="x")
    assert coordination(matter, 30.0).tolist() == [1, 1]
    _, distances = neighbour_pairs(matter, 30.0)
    np.testing.assert_allclose(distances, [23.7])
    assert len(neighbour_pairs(nothing(), 3.0)[0]) == 0
    with pytest.raises(ValueError, match="at most half"):
        coordination(scene_of(np.array([6, 6]), pair, (True, False, False)), 13.0)
    with pytest.raises(ValueError, match="more than 0"):
        coordination(matter, 0.0)
