"""Substitution, vacancies, order and thermal displacement, by their counts and moments."""

from __future__ import annotations

import numpy as np
import pytest

from polwidgets.scenes.defects import order, remove, shake, substitute
from polwidgets.scenes.generators.crystal import cubic
from polwidgets.scenes.matter import make_matter
from polwidgets.scenes.volumes.shapes import Box, sphere

BLOCK = cubic(29, "fcc", 3.6).fill(Box((-0.1,) * 3, (35.9, 28.7, 21.5)))


def test_a_share_of_atoms_is_replaced_and_takes_its_own_factor() -> None:
    alloy = substitute(BLOCK, 29, 79, 0.25, seed=1)
    assert (alloy.numbers == 79).sum() == round(0.25 * len(BLOCK))
    assert (BLOCK.numbers == 29).all()
    np.testing.assert_array_equal(np.unique(alloy.debye_waller_A2[alloy.numbers == 79]), [0.6])
    np.testing.assert_array_equal(alloy.positions_A, BLOCK.positions_A)
    here = sphere(9.0, (15, 15, 10)).contains(BLOCK.positions_A)
    local = substitute(BLOCK, 29, 79, 1.0, seed=1, where=here)
    np.testing.assert_array_equal(local.numbers == 79, here)


def test_vacancies_are_counted_and_drawn_from_those_in_question() -> None:
    alloy = substitute(BLOCK, 29, 79, 0.25, seed=1)
    left = remove(alloy, 0.4, seed=2, number=79)
    assert (left.numbers == 79).sum() == round(0.25 * len(BLOCK)) - round(0.4 * round(0.25 * len(BLOCK)))
    assert (left.numbers == 29).sum() == (alloy.numbers == 29).sum()
    again = remove(alloy, 0.4, seed=2, number=79)
    np.testing.assert_array_equal(left.positions_A, again.positions_A)


@pytest.mark.parametrize("degree", [0.0, 0.4, 1.0])
def test_order_keeps_the_composition_and_has_its_degree(degree: float) -> None:
    corners = np.rint(BLOCK.positions_A / 1.8).astype(int) % 2
    sublattices = (~(corners == 0).all(1)).astype(np.int64)
    alloy = order(BLOCK, sublattices, (79, 29), degree, seed=3)
    assert (alloy.numbers == 79).sum() == (sublattices == 0).sum()
    right = (alloy.numbers[sublattices == 0] == 79).mean()
    # Bragg-Williams: S = (right - share) / (1 - share)
    assert abs((right - 0.25) / 0.75 - degree) < 0.05


def test_thermal_displacements_have_the_variance_of_their_factor() -> None:
    atoms = make_matter(np.repeat([6, 79], 20000), np.zeros((40000, 3)), phase="x", debye_waller_A2=np.repeat([0.3, 1.2], 20000))
    moved = shake(atoms, seed=4).positions_A
    for index, factor in enumerate((0.3, 1.2)):
        part = moved[index * 20000 : (index + 1) * 20000]
        np.testing.assert_allclose(part.var(0), factor / (8 * np.pi**2), rtol=0.05)
        np.testing.assert_allclose(part.mean(0), 0, atol=0.004)


def test_what_cannot_be_chosen() -> None:
    with pytest.raises(ValueError, match="expected 0 to 1"):
        remove(BLOCK, 1.2, seed=1)
    with pytest.raises(ValueError, match=r"there are elements \[29\], asked for 47"):
        substitute(BLOCK, 47, 79, 0.1, seed=1)
    with pytest.raises(ValueError, match="where has shape"):
        remove(BLOCK, 0.1, seed=1, where=np.ones(3, bool))
    with pytest.raises(ValueError, match="sublattices has shape"):
        order(BLOCK, np.zeros(3, np.int64), (29,), 1.0, seed=1)
