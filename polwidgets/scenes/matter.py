"""Atoms without a box: what generators make, transforms move and scenes are assembled from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from ase import Atoms

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

NO_GRAIN: Final = -1
"""The grain of atoms that belong to no lattice, as in an amorphous support."""


@dataclasses.dataclass(frozen=True, eq=False)
class Matter:
    """Atoms with their labels, in free space.

    Attributes
    ----------
    numbers : int array (atom,)
        Atomic numbers.
    positions_A : float array (atom, 3)
        Along (down, right, beam), angstrom.
    debye_waller_A2 : float array (atom,)
        B = 8 pi^2 <u^2>, isotropic.
    phases : int array (atom,)
        Index into `phase_names`.
    phase_names : tuple of str
        What the atoms are made of, for example ``("fcc Au", "amorphous C")``.
    grains : int array (atom,)
        Which grain an atom belongs to, from 0; `NO_GRAIN` (-1) where there is no lattice.
    """

    numbers: Integers
    positions_A: Array
    debye_waller_A2: Array
    phases: Integers
    phase_names: tuple[str, ...]
    grains: Integers

    def __post_init__(self) -> None:
        check_atoms(self)

    def __len__(self) -> int:
        return len(self.numbers)

    def select(self, which: NDArray[Any]) -> Matter:
        """The atoms picked by a mask or by indices."""
        return dataclasses.replace(self, **{name: getattr(self, name)[which] for name in PER_ATOM})

    def at(self, positions_A: Array) -> Matter:
        """The same atoms elsewhere."""
        return dataclasses.replace(self, positions_A=positions_A)

    def as_grain(self, grain: int) -> Matter:
        """The same atoms, all of one grain."""
        return dataclasses.replace(self, grains=np.full(len(self), grain, np.int64))


VACUUM: Final = ("vacuum",)
"""The phases of nothing: where there is meant to be no atom."""

PER_ATOM: Final = ("numbers", "positions_A", "debye_waller_A2", "phases", "grains")


def make_matter(
    numbers: ArrayLike, positions_A: ArrayLike, *, phase: str, grain: int = 0, debye_waller_A2: ArrayLike | None = None
) -> Matter:
    """Atoms of one phase and one grain; Debye-Waller factors are `typical_debye_waller` unless given."""
    numbers = np.atleast_1d(np.asarray(numbers, np.int64))
    given = typical_debye_waller(numbers) if debye_waller_A2 is None else np.asarray(debye_waller_A2, float)
    return Matter(
        numbers=numbers,
        positions_A=np.asarray(positions_A, float).reshape(-1, 3),
        debye_waller_A2=np.broadcast_to(given, numbers.shape).copy(),
        phases=np.zeros(len(numbers), np.int64),
        phase_names=(phase,),
        grains=np.full(len(numbers), grain, np.int64),
    )


def nothing() -> Matter:
    """No atoms at all."""
    return make_matter(np.zeros(0, np.int64), np.zeros((0, 3)), phase=VACUUM[0])


def join(parts: Sequence[Matter]) -> Matter:
    """All atoms of several parts, in order; phases of one name become one, grains stay as they are numbered."""
    names = tuple(dict.fromkeys(name for part in parts for name in part.phase_names)) or VACUUM
    renumbered = [np.array([names.index(name) for name in part.phase_names])[part.phases] for part in parts]
    if not parts:
        return nothing()
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in PER_ATOM}
    return Matter(**{**joined, "phases": np.concatenate(renumbered).astype(np.int64)}, phase_names=names)


def from_ase(atoms: Atoms, *, phase: str = "", grain: int = 0) -> Matter:
    """Every atom of an `ase.Atoms`, positions as they stand; its array ``debye_waller_A2`` is kept where it has one."""
    return make_matter(
        atoms.numbers,
        atoms.positions,
        phase=phase or str(atoms.get_chemical_formula("hill")),
        grain=grain,
        debye_waller_A2=atoms.arrays.get("debye_waller_A2"),
    )


def molecule(name: str) -> Matter:
    """A molecule by the name that `ase.build.molecule` knows, ``"CO"`` or ``"C60"``, its middle at the origin."""
    from ase.build import molecule as build

    try:
        atoms = build(name)
    except KeyError as error:
        raise ValueError(f"no molecule {name!r}; ase.build.molecule knows those of the G2 set, for example CO, H2O, C6H6, C60") from error
    found = from_ase(atoms, phase=name, grain=NO_GRAIN)
    return found.at(found.positions_A - found.positions_A.mean(0))


def check_atoms(atoms: Any) -> None:
    """Complain of per-atom arrays that do not fit together."""
    positions = np.asarray(atoms.positions_A)
    if positions.ndim != 2 or positions.shape[1] != 3:
        raise ValueError(f"positions_A has shape {positions.shape}, expected (atom, 3) along (down, right, beam)")
    for name in PER_ATOM:
        length = np.shape(getattr(atoms, name))[:1]
        if length != positions.shape[:1]:
            raise ValueError(f"{name} has shape {np.shape(getattr(atoms, name))}, expected {len(positions)} entries, one for each atom")
    if not np.isfinite(positions).all():
        raise ValueError("positions_A holds values that are not finite; expected angstrom along (down, right, beam)")
    if len(positions) and (atoms.numbers.min() < 1 or atoms.numbers.max() > 118):
        raise ValueError(f"numbers run from {atoms.numbers.min()} to {atoms.numbers.max()}, expected atomic numbers of 1 to 118")
    if len(positions) and not atoms.debye_waller_A2.min() >= 0:
        raise ValueError(f"debye_waller_A2 goes down to {atoms.debye_waller_A2.min()}, expected B factors of at least 0 angstrom^2")
    check_labels(atoms.phases, atoms.phase_names, "phases", "phase_names")


def check_labels(labels: Integers, names: tuple[str, ...], what: str, of: str) -> None:
    """Complain of labels that point at no name."""
    if len(labels) and (labels.min() < 0 or labels.max() >= len(names)):
        raise ValueError(f"{what} run from {labels.min()} to {labels.max()}, expected indices into the {len(names)} {of} {names}")


# B at room temperature of the elements, rounded to what an image may notice; Peng and others tabulate them exactly
# (doi:10.1107/S010876739600089X)
_DEBYE_WALLER_A2: Final = {
    6: 0.2, 12: 1.8, 13: 0.8, 14: 0.5, 22: 0.5, 24: 0.25, 26: 0.35, 27: 0.3, 28: 0.35, 29: 0.55, 30: 1.1, 32: 0.6, 42: 0.25, 44: 0.2,
    45: 0.3, 46: 0.45, 47: 0.75, 73: 0.3, 74: 0.15, 77: 0.25, 78: 0.35, 79: 0.6, 82: 2.0,
}  # fmt: skip


def typical_debye_waller(numbers: Integers) -> Array:
    """B at room temperature, angstrom^2, of each atomic number: the element's own, 0.5 where it is not listed."""
    table = np.full(119, 0.5)
    table[list(_DEBYE_WALLER_A2)] = list(_DEBYE_WALLER_A2.values())
    return np.asarray(table[numbers])
