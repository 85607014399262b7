"""Supercells for other programs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from polwidgets.crystal.base import Site, crystals
from polwidgets.crystal.export import to_ase

pytest.importorskip("ase", reason="the extra 'sim' is not installed")


@dataclasses.dataclass(frozen=True)
class Given:
    """A crystal of given sites."""

    sites: tuple[Site, ...]
    cell_A: tuple[float, float, float] = (2.0, 3.0, 5.0)


def test_axes_are_down_right_beam() -> None:
    atoms = to_ase(Given((Site("Nb", 0.25, 0.5, 0.1, 1.0, 0.4),)), repeat=(2, 1, 1))
    np.testing.assert_allclose(atoms.positions, [[0.5, 1.5, 0.5], [2.5, 1.5, 0.5]])
    np.testing.assert_allclose(atoms.cell.lengths(), [4.0, 3.0, 5.0])
    assert atoms.pbc.all()


def test_shared_sites_hold_one_atom_each_in_the_right_share() -> None:
    atoms = to_ase(crystals.build("knn", sodium_fraction=0.25), repeat=(20, 20, 2), seed=3)
    symbols = np.array(atoms.get_chemical_symbols())
    count = {element: int((symbols == element).sum()) for element in ("K", "Na", "Nb", "O")}
    assert count["K"] + count["Na"] == count["Nb"] == 800
    assert count["O"] == 2400
    assert abs(count["Na"] - 200) < 4 * np.sqrt(800 * 0.25 * 0.75)
    np.testing.assert_allclose(atoms.arrays["debye_waller_A2"][symbols == "Na"], 0.9)


def test_partly_empty_sites_leave_vacancies() -> None:
    atoms = to_ase(Given((Site("O", 0.0, 0.0, 0.0, 0.5, 0.4),)), repeat=(30, 30, 1))
    assert 360 < len(atoms) < 540


def test_seed_decides_who_sits_where() -> None:
    knn = crystals.build("knn")
    first, again, other = (to_ase(knn, repeat=(4, 4, 1), seed=seed).get_chemical_symbols() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_overfull_sites_and_empty_repeats_are_refused() -> None:
    with pytest.raises(ValueError, match=r"add up to 1\.5"):
        to_ase(Given((Site("O", 0.0, 0.0, 0.0, 0.9, 0.4), Site("K", 0.0, 0.0, 0.0, 0.6, 0.4))))
    with pytest.raises(ValueError, match="at least 1"):
        to_ase(crystals.build("knn"), repeat=(0, 1, 1))
