"""A scene: labelled atoms in an orthogonal box, ready to be simulated, segmented and exported."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polwidgets.scenes.matter import PER_ATOM, Array, Integers, check_atoms, check_labels

if TYPE_CHECKING:
    from ase import Atoms


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """Atoms in a box, each knowing its object, phase and grain.

    Attributes
    ----------
    numbers : int array (atom,)
        Atomic numbers.
    positions_A : float array (atom, 3)
        Along (down, right, beam), angstrom, from the corner of the box: a right-handed frame, the electrons travel along beam.
    box_A : (float, float, float)
        Edges of the orthogonal box along (down, right, beam), angstrom.
    periodic : (bool, bool, bool)
        Along which edges the scene repeats; positions there are in [0, edge).
    objects : int array (atom,)
        Index into `names`.
    names : tuple of str
        The things in the scene, for example ``("substrate", "particle")``.
    phases : int array (atom,)
        Index into `phase_names`.
    phase_names : tuple of str
        What the things are made of.
    grains : int array (atom,)
        Which grain an atom belongs to, from 0; -1 where there is no lattice.
    debye_waller_A2 : float array (atom,)
        B = 8 pi^2 <u^2>, isotropic.
    provenance : str
        JSON of the prefab and the seed that made it, where one did: ``{"prefab": ..., its parameters ..., "seed": ...}``.

    Raises
    ------
    ValueError
        Arrays of different lengths, labels without a name, a box without volume, or atoms outside it.
    """

    numbers: Integers
    positions_A: Array
    box_A: tuple[float, float, float]
    periodic: tuple[bool, bool, bool]
    objects: Integers
    names: tuple[str, ...]
    phases: Integers
    phase_names: tuple[str, ...]
    grains: Integers
    debye_waller_A2: Array
    provenance: str = ""

    def __post_init__(self) -> None:
        check_atoms(self)
        check_box(self.box_A)
        if np.shape(self.objects) != (len(self),):
            raise ValueError(f"objects has shape {np.shape(self.objects)}, expected {len(self)} entries, one for each atom")
        check_labels(self.objects, self.names, "objects", "names")
        box, periodic = np.array(self.box_A), np.array(self.periodic)
        outside = (self.positions_A < 0) | np.where(periodic, self.positions_A >= box, self.positions_A > box)
        if outside.any():
            worst = self.positions_A[outside.any(1)][0]
            raise ValueError(
                f"{outside.any(1).sum()} atoms are outside the box of {self.box_A} angstrom, the first at {worst.round(3).tolist()}; "
                "make the box larger, wrap them along periodic edges or leave them out"
            )

    def __len__(self) -> int:
        return len(self.numbers)

    def select(self, which: NDArray[Any]) -> Scene:
        """The scene with only the atoms picked by a mask or by indices; box and names stay."""
        return dataclasses.replace(self, **{name: getattr(self, name)[which] for name in (*PER_ATOM, "objects")})

    def of_object(self, name: str) -> NDArray[np.bool_]:
        """Which atoms belong to the object of this name, bool (atom,)."""
        if name not in self.names:
            raise KeyError(f"the scene has no object {name!r}; it has {', '.join(self.names)}")
        return np.asarray(self.objects == self.names.index(name))

    def at(self, positions_A: Array) -> Scene:
        """The same atoms elsewhere: wrapped along periodic edges, held at the walls along the others."""
        box, periodic = np.array(self.box_A), np.array(self.periodic)
        held = np.where(periodic, wrapped(positions_A, box), np.clip(positions_A, 0.0, box))
        return dataclasses.replace(self, positions_A=held)

    def to_ase(self) -> Atoms:
        """As `ase.Atoms`: what abTEM takes, and `ase.io` writes.

        The labels are in the arrays ``objects``, ``phases``, ``grains`` and ``debye_waller_A2``, what they mean in ``info``.
        """
        from ase import Atoms

        atoms = Atoms(numbers=self.numbers, positions=self.positions_A, cell=self.box_A, pbc=self.periodic)
        for name in ("objects", "phases", "grains", "debye_waller_A2"):
            atoms.set_array(name, getattr(self, name).copy())
        atoms.info.update({"object_names": list(self.names), "phase_names": list(self.phase_names), "provenance": self.provenance})
        return atoms


def wrapped(positions_A: Array, box: Array) -> Array:
    """Positions in [0, edge) of an orthogonal box."""
    # the second remainder catches an edge rounded up from tiny negatives
    return np.asarray(positions_A % box % box)


def check_box(box_A: tuple[float, float, float]) -> None:
    """Complain of a box without volume."""
    if np.shape(box_A) != (3,) or not (np.isfinite(box_A).all() and np.min(box_A) > 0):
        raise ValueError(f"box_A is {box_A}, expected three positive edges along (down, right, beam) in angstrom")
