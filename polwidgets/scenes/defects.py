"""What is done to atoms once they stand: substitution, vacancies, order, thermal displacement."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from polwidgets.scenes.matter import Integers, Matter, typical_debye_waller
from polwidgets.scenes.scene import Scene

Atoms = TypeVar("Atoms", Matter, Scene)
Mask = NDArray[np.bool_]


def substitute(atoms: Atoms, number: int, by: int, share: float, *, seed: int, where: Mask | None = None) -> Atoms:
    """Atoms of one element replaced at random by another.

    Parameters
    ----------
    number, by : int
        Atomic numbers of the element and of what takes its place.
    share : float
        Of the atoms in question, rounded to whole atoms, that are replaced.
    where : bool array (atom,), optional
        Which atoms are in question; all of the element otherwise.
    """
    chosen = _draw(_candidates(atoms, number, where), share, seed=seed)
    numbers = atoms.numbers.copy()
    numbers[chosen] = by
    return _renumbered(atoms, numbers)


def remove(atoms: Atoms, share: float, *, seed: int, number: int | None = None, where: Mask | None = None) -> Atoms:
    """Vacancies: a share of the atoms, or of those of one element, or of those in question, taken out at random."""
    chosen = _draw(_candidates(atoms, number, where), share, seed=seed)
    kept = np.ones(len(atoms), bool)
    kept[chosen] = False
    return atoms.select(kept)


def order(atoms: Atoms, sublattices: Integers, elements: tuple[int, ...], degree: float, *, seed: int) -> Atoms:
    """An alloy between perfect order and none, its composition kept.

    Parameters
    ----------
    sublattices : int array (atom,)
        The sublattice of every atom, an index into `elements`; -1 leaves an atom alone.
    elements : tuple of int
        Atomic number that belongs on each sublattice.
    degree : float
        Long-range order S from 0 (random) to 1 (perfect): the share of sites that are right beyond chance.
    """
    if np.shape(sublattices) != (len(atoms),):
        raise ValueError(f"sublattices has shape {np.shape(sublattices)}, expected {len(atoms)} entries, one for each atom")
    _check_share(degree, "the degree of order")
    rng = np.random.default_rng(seed)
    numbers = atoms.numbers.copy()
    ours = np.flatnonzero(sublattices >= 0)
    numbers[ours] = np.array(elements)[sublattices[ours]]
    # what is not ordered is shuffled among itself: a share 1 - S of sites then holds a random alloy
    loose = rng.permutation(ours)[: round((1 - degree) * len(ours))]
    numbers[loose] = numbers[rng.permutation(loose)]
    return _renumbered(atoms, numbers)


def shake(atoms: Atoms, *, seed: int) -> Atoms:
    """The atoms caught in thermal motion: each by its own Debye-Waller factor, independently (Einstein)."""
    deviation = np.sqrt(atoms.debye_waller_A2 / (8 * np.pi**2))
    return atoms.at(atoms.positions_A + np.random.default_rng(seed).normal(size=(len(atoms), 3)) * deviation[:, None])


def _candidates(atoms: Matter | Scene, number: int | None, where: Mask | None) -> NDArray[np.intp]:
    chosen = np.ones(len(atoms), bool) if where is None else np.asarray(where, bool)
    if chosen.shape != (len(atoms),):
        raise ValueError(f"where has shape {chosen.shape}, expected {len(atoms)} entries, one for each atom")
    if number is not None:
        chosen = chosen & (atoms.numbers == number)
    found = np.flatnonzero(chosen)
    if not len(found):
        raise ValueError(f"no atom to choose from: there are elements {np.unique(atoms.numbers).tolist()}, asked for {number or 'any'}")
    return found


def _draw(candidates: NDArray[np.intp], share: float, *, seed: int) -> NDArray[np.intp]:
    _check_share(share, "the share")
    return np.random.default_rng(seed).permutation(candidates)[: round(share * len(candidates))]


def _check_share(value: float, what: str) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{what} is {value}, expected 0 to 1")


def _renumbered(atoms: Atoms, numbers: Integers) -> Atoms:
    """Other elements, with their own Debye-Waller factors where they changed."""
    changed = numbers != atoms.numbers
    factors = np.where(changed, typical_debye_waller(numbers), atoms.debye_waller_A2)
    return dataclasses.replace(atoms, numbers=numbers, debye_waller_A2=factors)
