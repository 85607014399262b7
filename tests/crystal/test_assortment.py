"""The assortment: many crystals, distinct, whole, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from polwidgets.crystal.assortment import STRUCTURES, assortment, draw_crystals

pytest.importorskip("ase", reason="the extra 'sim' is not installed")


def test_there_are_more_than_a_thousand_and_all_are_distinct() -> None:
    names = [sort.name for sort in assortment()]
    assert len(names) > 1000
    assert len(set(names)) == len(names)


def test_the_same_seed_draws_the_same() -> None:
    first, again, other = (draw_crystals(16, seed=seed) for seed in (4, 4, 5))
    assert [sort.name for sort, _ in first] == [sort.name for sort, _ in again]
    assert all(np.array_equal(a.cell, b.cell) for (_, a), (_, b) in zip(first, again, strict=True))
    assert [sort.name for sort, _ in first] != [sort.name for sort, _ in other]


@pytest.mark.parametrize("kind", STRUCTURES, ids=lambda kind: kind.name)
def test_structures_are_what_they_are_called(kind: object) -> None:
    # atoms in a conventional cell, from the International Tables
    count = {
        "fcc": 4, "bcc": 2, "hcp": 2, "diamond": 8, "rocksalt": 8, "zincblende": 8, "wurtzite": 4, "caesium chloride": 2, "ordered bcc": 2,
        "ordered fcc": 4, "fluorite": 12, "rutile": 6, "perovskite": 5, "spinel": 56, "half Heusler": 12, "molybdenite": 6,
    }  # fmt: skip
    name = kind.name  # type: ignore[attr-defined]
    ((_, atoms),) = draw_crystals(1, seed=1, structures=[name])
    assert len(atoms) == count[name]
    distances = atoms.repeat(2).get_all_distances(mic=True)
    assert distances[distances > 0.01].min() > 1.2


def test_bonds_are_sums_of_radii() -> None:
    from ase.data import covalent_radii

    silicon = next(sort for sort in assortment() if sort.name == "diamond Si").atoms()
    # the tabulated cell is 5.431 angstrom
    assert silicon.cell[0, 0] == pytest.approx(8 * covalent_radii[14] / 3**0.5)
    assert silicon.cell[0, 0] == pytest.approx(5.431, rel=0.06)


def test_errors_name_what_there_is() -> None:
    with pytest.raises(ValueError, match="perovskite"):
        draw_crystals(1, seed=0, structures=["perovskit"])
    with pytest.raises(ValueError, match="expected 1 to 4"):
        draw_crystals(5, seed=0, structures=["diamond"])
