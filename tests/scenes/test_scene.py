"""Scenes and pieces: what is in the box, whose it is, and what is complained of."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from polwidgets.scenes.assemble import Piece, assemble
from polwidgets.scenes.generators.base import Empty
from polwidgets.scenes.generators.crystal import cubic
from polwidgets.scenes.matter import from_ase, join, make_matter, molecule, nothing
from polwidgets.scenes.scene import Scene
from polwidgets.scenes.transforms import translate
from polwidgets.scenes.volumes.shapes import Box, sphere


def scene_of(positions: list[list[float]], **changes: object) -> Scene:
    count = len(positions)
    zeros = np.zeros(count, np.int64)
    fields = {
        "numbers": np.full(count, 6),
        "positions_A": np.array(positions, float),
        "box_A": (10.0, 12.0, 7.0),
        "periodic": (True, False, False),
        "objects": zeros,
        "names": ("thing",),
        "phases": zeros,
        "phase_names": ("stuff",),
        "grains": zeros,
        "debye_waller_A2": np.full(count, 0.5),
    }
    return Scene(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"numbers": np.array([6])}, "numbers has shape"),
        ({"numbers": np.array([6, 300])}, "atomic numbers"),
        ({"objects": np.array([0])}, "objects has shape"),
        ({"objects": np.array([0, 1])}, "objects run from 0 to 1"),
        ({"phases": np.array([0, -1])}, "phases run from -1"),
        ({"debye_waller_A2": np.array([0.1, -0.2])}, "debye_waller_A2 goes down"),
        ({"positions_A": np.zeros((2, 2))}, r"expected \(atom, 3\)"),
        ({"positions_A": np.array([[1, 1, np.nan], [0, 0, 0]])}, "not finite"),
        ({"positions_A": np.array([[1.0, 12.5, 1], [0, 0, 0]])}, "1 atoms are outside the box"),
        ({"positions_A": np.array([[10.0, 1, 1], [0, 0, 0]])}, "wrap them along periodic edges"),
        ({"box_A": (10.0, 0.0, 5.0)}, "three positive edges"),
    ],
)
def test_a_scene_complains_of_what_does_not_fit(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        scene_of([[1, 2, 3], [4, 5, 6]], **changes)


def test_moving_wraps_along_periodic_edges_and_holds_at_the_others() -> None:
    scene = scene_of([[1, 2, 3], [4, 5, 6]])
    moved = scene.at(scene.positions_A + np.array([9, 9, -4]))
    np.testing.assert_allclose(moved.positions_A, [[0, 11, 0], [3, 12, 2]])
    np.testing.assert_array_equal(scene.positions_A, [[1, 2, 3], [4, 5, 6]])


def test_ase_atoms_carry_box_and_labels() -> None:
    pytest.importorskip("ase", reason="the extra 'sim' is not installed")
    scene = scene_of([[1, 2, 3], [4, 5, 6]], grains=np.array([3, -1]), objects=np.array([0, 1]), names=("a", "b"))
    atoms = scene.to_ase()
    np.testing.assert_allclose(atoms.cell.lengths(), scene.box_A)
    assert atoms.pbc.tolist() == [True, False, False]
    np.testing.assert_array_equal(atoms.arrays["grains"], [3, -1])
    assert atoms.info["object_names"] == ["a", "b"]
    atoms.positions += 1
    np.testing.assert_array_equal(scene.positions_A, [[1, 2, 3], [4, 5, 6]])
    again = from_ase(scene.to_ase(), phase="stuff")
    np.testing.assert_array_equal(again.positions_A, scene.positions_A)
    np.testing.assert_array_equal(again.debye_waller_A2, scene.debye_waller_A2)


def test_an_object_is_found_by_name() -> None:
    scene = scene_of([[1, 2, 3], [4, 5, 6]], objects=np.array([1, 0]), names=("a", "b"))
    assert scene.of_object("b").tolist() == [True, False]
    assert len(scene.select(scene.of_object("a"))) == 1
    with pytest.raises(KeyError, match="it has a, b"):
        scene.of_object("c")


def test_joined_matter_shares_phases_of_one_name() -> None:
    first = make_matter([6, 6], np.zeros((2, 3)), phase="carbon")
    second = make_matter([79], np.ones((1, 3)), phase="gold", grain=4)
    joined = join([first, second, first])
    assert joined.phase_names == ("carbon", "gold")
    assert joined.phases.tolist() == [0, 0, 1, 0, 0]
    assert joined.grains.tolist() == [0, 0, 4, 0, 0]
    assert len(join([])) == len(nothing()) == 0


def test_molecules_come_from_ase() -> None:
    pytest.importorskip("ase", reason="the extra 'sim' is not installed")
    water = molecule("H2O")
    assert sorted(water.numbers.tolist()) == [1, 1, 8]
    np.testing.assert_allclose(water.positions_A.mean(0), 0, atol=1e-12)
    oxygen = water.numbers == 8
    np.testing.assert_allclose(np.linalg.norm(water.positions_A[~oxygen] - water.positions_A[oxygen], axis=1), 0.969, atol=0.02)
    with pytest.raises(ValueError, match="no molecule 'H3O2'"):
        molecule("H3O2")


SILVER = cubic(47, "fcc", 4.0, phase="fcc Ag")
CARBON = cubic(6, "sc", 2.0, phase="sc C")
SLAB = Box((0.0, 0.0, 0.0), (19.9, 23.9, 7.9))
BALL = sphere(5.0, (10.0, 12.0, 4.0))


def test_the_higher_priority_stays_where_two_collide() -> None:
    slab, ball = Piece("slab", CARBON.fill(SLAB), SLAB, 0), Piece("ball", SILVER.fill(BALL), BALL, 3)
    scene = assemble([slab, ball], (20.0, 24.0, 10.0), periodic=(True, True, False))
    assert scene.names == ("slab", "ball")
    assert scene.of_object("ball").sum() == len(ball.matter)
    left = scene.positions_A[scene.of_object("slab")]
    assert len(left) == (~BALL.contains(slab.matter.positions_A)).sum()
    assert (np.linalg.norm(left - BALL.center_A, axis=1) > 5).all()
    swapped = assemble([slab, dataclasses.replace(ball, priority=-1)], (20.0, 24.0, 10.0), periodic=(True, True, False))
    assert swapped.of_object("slab").sum() == len(slab.matter)
    assert not SLAB.contains(swapped.positions_A[swapped.of_object("ball")]).any()


def test_clearance_keeps_lower_priorities_away() -> None:
    slab, ball = Piece("slab", CARBON.fill(SLAB), SLAB, 0), Piece("ball", SILVER.fill(BALL), BALL, 1)
    scene = assemble([slab, ball], (20.0, 24.0, 10.0), periodic=(True, True, False), clearance_A=2.5)
    silver, carbon = (scene.positions_A[scene.of_object(name)] for name in ("ball", "slab"))
    assert np.linalg.norm(silver[:, None] - carbon[None], axis=-1).min() >= 2.5


def test_pieces_come_back_on_the_other_side_of_periodic_edges() -> None:
    corner = Piece("ball", SILVER.fill(BALL), BALL, 1).moved(translate([-10, -12, 0]))
    slab = Piece("slab", CARBON.fill(SLAB), SLAB, 0)
    scene = assemble([slab, corner], (20.0, 24.0, 10.0), periodic=(True, True, False))
    assert scene.of_object("ball").sum() == len(corner.matter)
    left = scene.positions_A[scene.of_object("slab")]
    apart = (left - [0, 0, 4] + [10, 12, 0]) % [20, 24, 100] - [10, 12, 0]
    apart[:, 2] = left[:, 2] - 4
    assert (np.linalg.norm(apart, axis=1) > 5).all()
    # as many atoms give way as in the middle, the slab's lattice being the box's
    middle = assemble([slab, corner.moved(translate([10, 12, 0]))], (20.0, 24.0, 10.0), periodic=(True, True, False))
    assert len(middle) == len(scene)


def test_sticking_out_of_an_edge_that_does_not_repeat_is_an_error() -> None:
    ball = Piece("ball", SILVER.fill(BALL), BALL).moved(translate([0, 0, -3]))
    with pytest.raises(ValueError, match="outside the box"):
        assemble([ball], (20.0, 24.0, 10.0), periodic=(True, True, False))


def test_overlap_at_equal_priority_is_an_error() -> None:
    slab, ball = Piece("slab", CARBON.fill(SLAB), SLAB), Piece("ball", SILVER.fill(BALL), BALL)
    with pytest.raises(ValueError, match=r"'slab' and 'ball' overlap: .* give one of them a higher priority"):
        assemble([slab, ball], (20.0, 24.0, 10.0), periodic=(True, True, False))


def test_pieces_without_atoms_are_an_error_and_voids_are_not() -> None:
    between = sphere(0.3, (0.9, 0.9, 0.9))
    missed = Piece("nothing", CARBON.fill(between), between)
    with pytest.raises(ValueError, match=r"\['nothing'\] holds no atoms"):
        assemble([missed], (20.0, 24.0, 10.0), periodic=(True, True, False))
    with pytest.raises(ValueError, match="no piece holds no atoms"):
        assemble([], (20.0, 24.0, 10.0), periodic=(True, True, False))
    void = Piece("void", Empty().fill(BALL), BALL, 1)
    slab = Piece("slab", CARBON.fill(SLAB), SLAB)
    scene = assemble([slab, void], (20.0, 24.0, 10.0), periodic=(True, True, False))
    assert len(scene) == (~BALL.contains(slab.matter.positions_A)).sum()
