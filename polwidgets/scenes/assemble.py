"""Pieces meet in a box: who gives way where they collide."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from polwidgets.scenes.matter import VACUUM, Array, Matter, join
from polwidgets.scenes.scene import Scene, check_box, wrapped
from polwidgets.scenes.transforms import Affine
from polwidgets.scenes.volumes.base import Volume

Edges = tuple[float, float, float]
Repeats = tuple[bool, bool, bool]


@dataclasses.dataclass(frozen=True, eq=False)
class Piece:
    """Atoms and the volume they claim.

    Attributes
    ----------
    name : str
        The object that the atoms belong to; several pieces may be of one object.
    matter : Matter
        The atoms.
    volume : Volume
        What the piece claims: atoms of pieces with lower priority give way there.
    priority : int
        The higher one stays where two collide.
    """

    name: str
    matter: Matter
    volume: Volume
    priority: int = 0

    def moved(self, transform: Affine) -> Piece:
        """Atoms and volume after a transform."""
        return dataclasses.replace(
            self, matter=self.matter.at(transform.apply(self.matter.positions_A)), volume=self.volume.moved(transform)
        )


def assemble(pieces: Sequence[Piece], box_A: Edges, *, periodic: Repeats, clearance_A: float = 0.0, names: tuple[str, ...] = ()) -> Scene:
    """The scene that the pieces make.

    Parameters
    ----------
    pieces : sequence of Piece
        Where the volume of one holds atoms of another, the one with the lower priority loses them.
    box_A : (float, float, float)
        Edges along (down, right, beam), angstrom.
    periodic : (bool, bool, bool)
        Along which edges the scene repeats; pieces that stick out there come back on the other side.
    clearance_A : float
        Atoms nearer than this to one of a piece with higher priority give way too.
    names : tuple of str
        Names of the scene's objects in the order of their labels; those of the pieces, in their order, where not given.

    Raises
    ------
    ValueError
        Pieces of the same priority overlap, a piece has no atoms, or atoms stick out of the box along an edge that does not repeat.
    """
    check_box(box_A)
    box = np.array(box_A, float)
    empty = [piece.name for piece in pieces if not len(piece.matter) and piece.matter.phase_names != VACUUM]
    if empty or not any(len(piece.matter) for piece in pieces):
        raise ValueError(
            f"nothing to put in the scene: {empty or 'no piece'} holds no atoms; make the volume larger (`Empty` is for voids)"
        )
    order = sorted(pieces, key=lambda piece: -piece.priority)
    kept: list[tuple[str, Matter]] = []
    for index, piece in enumerate(order):
        positions = np.where(periodic, wrapped(piece.matter.positions_A, box), piece.matter.positions_A)
        stays = np.ones(len(positions), bool)
        for other in (*order[:index], *(later for later in order[index + 1 :] if later.priority == piece.priority)):
            hit = _inside(other.volume, positions, box, periodic)
            if other.priority == piece.priority and hit.any():
                raise ValueError(
                    f"{piece.name!r} and {other.name!r} overlap: {hit.sum()} atoms of the first are inside the second, and both have "
                    f"priority {piece.priority}; give one of them a higher priority, or move them apart"
                )
            stays &= ~hit
        if clearance_A > 0 and kept:
            stays[stays] = ~_near(positions[stays], np.concatenate([matter.positions_A for _, matter in kept]), clearance_A, box, periodic)
        kept.append((piece.name, piece.matter.at(positions).select(stays)))
    return _scene(kept, names or tuple(dict.fromkeys(piece.name for piece in pieces)), box_A, periodic)


def _scene(kept: list[tuple[str, Matter]], names: tuple[str, ...], box_A: Edges, periodic: Repeats) -> Scene:
    kept = sorted(kept, key=lambda entry: names.index(entry[0]))
    atoms = join([matter for _, matter in kept])
    return Scene(
        **{field.name: getattr(atoms, field.name) for field in dataclasses.fields(atoms)},
        box_A=box_A,
        periodic=periodic,
        objects=np.concatenate([np.full(len(matter), names.index(name), np.int64) for name, matter in kept]),
        names=names,
    )


def _inside(volume: Volume, positions: Array, box: Array, periodic: Repeats) -> NDArray[np.bool_]:
    """Which atoms the volume or one of its periodic images holds."""
    hit = np.zeros(len(positions), bool)
    for shift in _shifts(volume.bounds_A, box, periodic):
        hit |= volume.contains(positions + shift)
    return hit


def _shifts(bounds: Array, box: Array, periodic: Repeats) -> Iterator[Array]:
    """Whole boxes by which positions in the box must move to meet all of the bounds."""
    # a volume without end needs no image: it is its own
    finite = np.isfinite(bounds).all(0) & np.array(periodic)
    first = np.floor(np.where(finite, bounds[0], 0) / box).astype(int)
    last = np.ceil(np.where(finite, bounds[1], 1) / box).astype(int) - 1
    steps = [range(low, high + 1) if repeats else range(1) for low, high, repeats in zip(first, last, finite, strict=True)]
    for step in itertools.product(*steps):
        yield np.array(step) * box


def _near(positions: Array, others: Array, distance: float, box: Array, periodic: Repeats) -> NDArray[np.bool_]:
    """Which positions have one of the others nearer than the distance, across periodic edges too."""
    # along an edge that does not repeat the tree's box is so long that nothing meets across it
    low = np.minimum(positions.min(0, initial=0.0), others.min(0, initial=0.0))
    high = np.maximum(positions.max(0, initial=1.0), others.max(0, initial=1.0))
    around = np.where(periodic, box, high - low + 2 * distance)
    start = np.where(periodic, 0.0, low)
    tree = cKDTree(others - start, boxsize=around)
    nearest, _ = tree.query(positions - start, distance_upper_bound=distance)
    return np.asarray(np.isfinite(nearest))
