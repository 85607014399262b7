"""An assortment of crystals: common structure types, filled with elements by charge and size.

For training and for checks on more than a favourite crystal. Bond lengths are sums of radii, so cells are plausible, not
tabulated; every crystal keeps its structure type's symmetry.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from ase import Atoms

Site = tuple[str, tuple[float, float, float]]
GROUPS: Final = {
    role: tuple(symbols.split())
    for role, symbols in {
        "metal": "Li Be Na Mg Al K Ca Sc Ti V Cr Fe Co Ni Cu Zn Rb Sr Y Zr Nb Mo Ru Rh Pd Ag Cd Cs Ba La Hf Ta W Re Os Ir Pt Au Pb",
        "tetrel": "C Si Ge Sn",
        "one": "Li Na K Rb Cs Ag",
        "two": "Mg Ca Sr Ba Mn Fe Co Ni Zn Cd Pb",
        "three": "Al Sc Ti V Cr Fe Ga Y In La",
        "four": "Ti Zr Hf Sn Ge Mn V Nb Mo W",
        "halide": "F Cl Br I",
        "chalcogenide": "O S Se Te",
        "pnictide": "N P As Sb",
    }.items()
}


@dataclasses.dataclass(frozen=True)
class StructureType:
    """A structure type: space group, sites in the asymmetric unit, and how its cell follows from one bond.

    Attributes
    ----------
    name : str
    spacegroup : int
    sites : tuple of (role, position)
        Equal roles hold the same element.
    groups : tuple of dicts
        Charge-balanced choices: the group of elements of every role.
    edges : (float, float, float)
        Cell edges over the length of the bond.
    bond : (str, str)
        The roles that it joins.
    gamma_deg : float
    setting : int
    """

    name: str
    spacegroup: int
    sites: tuple[Site, ...]
    groups: tuple[dict[str, str], ...]
    edges: tuple[float, float, float]
    bond: tuple[str, str]
    gamma_deg: float = 90.0
    setting: int = 1


def _cubic(edge: float) -> tuple[float, float, float]:
    return (edge, edge, edge)


_BINARY: Final = ({"a": "two", "x": "chalcogenide"}, {"a": "three", "x": "pnictide"}, {"a": "one", "x": "halide"})
_OCTAHEDRAL: Final = ({"a": "four", "x": "chalcogenide"}, {"a": "two", "x": "halide"})
_O, _H = (0.0, 0.0, 0.0), (0.5, 0.5, 0.5)
STRUCTURES: Final = (
    StructureType("fcc", 225, (("m", _O),), ({"m": "metal"},), _cubic(2**0.5), ("m", "m")),
    StructureType("bcc", 229, (("m", _O),), ({"m": "metal"},), _cubic(2 / 3**0.5), ("m", "m")),
    StructureType("hcp", 194, (("m", (1 / 3, 2 / 3, 0.25)),), ({"m": "metal"},), (1.0, 1.0, 1.633), ("m", "m"), 120.0),
    StructureType("diamond", 227, (("m", _O),), ({"m": "tetrel"},), _cubic(4 / 3**0.5), ("m", "m")),
    StructureType("rocksalt", 225, (("a", _O), ("x", _H)), _BINARY, _cubic(2.0), ("a", "x")),
    StructureType("zincblende", 216, (("a", _O), ("x", (0.25, 0.25, 0.25))), _BINARY, _cubic(4 / 3**0.5), ("a", "x")),
    StructureType(
        "wurtzite", 186, (("a", (1 / 3, 2 / 3, 0.0)), ("x", (1 / 3, 2 / 3, 0.375))), _BINARY, (1.633, 1.633, 2.667), ("a", "x"), 120.0
    ),
    StructureType("caesium chloride", 221, (("a", _O), ("x", _H)), ({"a": "one", "x": "halide"},), _cubic(2 / 3**0.5), ("a", "x")),
    StructureType("ordered bcc", 221, (("m", _O), ("n", _H)), ({"m": "metal", "n": "three"},), _cubic(2 / 3**0.5), ("m", "n")),
    StructureType("ordered fcc", 221, (("m", _O), ("n", (0.0, 0.5, 0.5))), ({"m": "three", "n": "metal"},), _cubic(2**0.5), ("n", "n")),
    StructureType(
        "fluorite", 225, (("a", _O), ("x", (0.25, 0.25, 0.25))),
        ({"a": "four", "x": "chalcogenide"}, {"a": "two", "x": "halide"}), _cubic(4 / 3**0.5), ("a", "x"),
    ),
    StructureType("rutile", 136, (("a", _O), ("x", (0.305, 0.305, 0.0))), _OCTAHEDRAL, (2.335, 2.335, 1.51), ("a", "x")),
    StructureType(
        "perovskite", 221, (("a", _H), ("b", _O), ("x", (0.5, 0.0, 0.0))),
        (
            {"a": "two", "b": "four", "x": "chalcogenide"}, {"a": "one", "b": "two", "x": "halide"},
            {"a": "three", "b": "three", "x": "chalcogenide"},
        ), _cubic(2.0), ("b", "x"),
    ),
    StructureType(
        "spinel", 227, (("a", (0.125, 0.125, 0.125)), ("b", _H), ("x", (0.2625, 0.2625, 0.2625))),
        ({"a": "two", "b": "three", "x": "chalcogenide"},), _cubic(4.2), ("b", "x"), setting=2,
    ),
    StructureType(
        "half Heusler", 216, (("m", _O), ("n", (0.25, 0.25, 0.25)), ("x", _H)), ({"m": "four", "n": "metal", "x": "pnictide"},),
        _cubic(4 / 3**0.5), ("m", "n"),
    ),
    StructureType(
        "molybdenite", 194, (("a", (1 / 3, 2 / 3, 0.25)), ("x", (1 / 3, 2 / 3, 0.621))), ({"a": "four", "x": "chalcogenide"},),
        (1.31, 1.31, 5.1), ("a", "x"), 120.0,
    ),
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Sort:
    """One crystal of the assortment: a structure type and the element in every role."""

    structure: StructureType
    elements: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """Structure type and elements, for example ``perovskite Sr Ti O``."""
        return f"{self.structure.name} {' '.join(element for _, element in self.elements)}"

    def atoms(self, *, scale: float = 1.0) -> Atoms:
        """One conventional cell, its edges multiplied by `scale`."""
        from ase.data import atomic_numbers, covalent_radii
        from ase.spacegroup import crystal

        kind, element = self.structure, dict(self.elements)
        bond = scale * sum(covalent_radii[atomic_numbers[element[role]]] for role in kind.bond)
        return crystal(
            [element[role] for role, _ in kind.sites],
            [place for _, place in kind.sites],
            spacegroup=kind.spacegroup,
            setting=kind.setting,
            cellpar=[*(bond * edge for edge in kind.edges), 90.0, 90.0, kind.gamma_deg],
            onduplicates="error",
        )


@functools.cache
def assortment() -> tuple[Sort, ...]:
    """Every crystal that the structure types and groups of elements allow, each once."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], Sort] = {}
    for kind in STRUCTURES:
        roles = tuple(dict.fromkeys(role for role, _ in kind.sites))
        for groups in kind.groups:
            for elements in itertools.product(*(GROUPS[groups[role]] for role in roles)):
                if len(set(elements)) == len(elements):
                    pairs = tuple(zip(roles, elements, strict=True))
                    found[kind.name, pairs] = Sort(kind, pairs)
    return tuple(found.values())


def draw_crystals(count: int, *, seed: int, structures: Sequence[str] | None = None) -> list[tuple[Sort, Atoms]]:
    """Distinct crystals, structure types evenly, with cells up to 3 % larger or smaller than the sum of radii says.

    Parameters
    ----------
    count : int
        At most as many as there are.
    seed : int
        Draws elements and cells.
    structures : sequence of str, optional
        Names of the structure types to draw from; all of them without it.

    Returns
    -------
    list of (Sort, ase.Atoms)
    """
    known = {kind.name for kind in STRUCTURES}
    unknown = sorted(set(structures or ()) - known)
    if unknown:
        raise ValueError(f"no structure type {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    rng = np.random.default_rng(seed)
    stacks = {kind.name: [sort for sort in assortment() if sort.structure.name == kind.name] for kind in STRUCTURES}
    stacks = {
        name: [stack[index] for index in rng.permutation(len(stack))] for name, stack in stacks.items() if name in (structures or known)
    }
    total = sum(map(len, stacks.values()))
    if not 1 <= count <= total:
        raise ValueError(f"{count} crystals were asked for, expected 1 to {total}")
    drawn: list[Sort] = []
    while len(drawn) < count:
        drawn += [stack.pop() for stack in stacks.values() if stack]
    return [(sort, sort.atoms(scale=float(rng.uniform(0.97, 1.03)))) for sort in drawn[:count]]
