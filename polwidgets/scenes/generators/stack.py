"""Close-packed layers in any sequence: twins and stacking faults of fcc metals."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
from numpy.typing import NDArray

from polwidgets.scenes.generators.base import Generator
from polwidgets.scenes.generators.crystal import CrystalGenerator
from polwidgets.scenes.matter import Array, Matter, make_matter
from polwidgets.scenes.transforms import Affine, linear, reflect, translate
from polwidgets.scenes.volumes.base import Volume
from polwidgets.scenes.volumes.shapes import HalfSpace

# rows: the cubic directions that point along (down, right, beam): layers across the beam
FROM_CUBIC: Final = np.array([[1, -1, 0], [1, 1, -2], [1, 1, 1]]) / np.sqrt([[2], [6], [3]])
"""Turns vectors of the cubic axes into the frame of the stack: [111] along the beam, [1-10] down."""


@dataclasses.dataclass(frozen=True, eq=False)
class CloseStack(Generator):
    """Close-packed layers across the beam, one atom of layer 0 at the origin.

    Every step from a layer to the next goes forward (A to B to C) or backward; fcc goes one way all the time. One step
    back is an intrinsic stacking fault, two in a row an extrinsic one, backward from a layer on is a twin.

    Attributes
    ----------
    number : int
        Atomic number.
    a_A : float
        Edge of the cubic fcc cell, angstrom.
    steps : int array (step,)
        +1 or -1; step `i` leads from layer ``first + i`` to the next. Beyond both ends the stack goes on as it ends.
    first : int
        Layer from which the first step leads.
    phase : str
        Of atoms between two equal steps. Those between unlike ones, on a twin boundary or a fault, have the phase
        ``phase + " fault"``. Their grain is 0 below a forward step and 1 below a backward one.
    """

    number: int
    a_A: float
    steps: NDArray[np.int64]
    first: int
    phase: str

    def __post_init__(self) -> None:
        if not len(self.steps) or not np.isin(self.steps, (-1, 1)).all():
            raise ValueError(f"steps are {np.asarray(self.steps).tolist()}, expected at least one, each +1 (forward) or -1 (backward)")

    @property
    def spacing_A(self) -> float:
        """Between layers, angstrom."""
        return float(self.a_A / np.sqrt(3))

    def supply(self, bounds_A: Array, *, seed: int = 0) -> Matter:  # noqa: ARG002
        """Every atom in the box."""
        low, high = np.ceil((bounds_A[:, 2] - 1e-6) / self.spacing_A).astype(int)
        layers = np.arange(low, high + 1)
        # forward steps from layer 0 to every layer, less the backward ones
        climbed = np.cumsum(self._step(np.arange(min(low, 0), max(high, 0) + 1)))
        climbed = np.concatenate([[0], climbed]) - np.concatenate([[0], climbed])[-min(low, 0)]
        shifts = climbed[layers - min(low, 0)] % 3
        order = shifts.tolist()
        sheets = {shift: self._sheet(bounds_A, shift) for shift in set(order)}
        positions = np.concatenate([sheets[shift] + [0, 0, layer * self.spacing_A] for layer, shift in zip(layers, order, strict=True)])
        of_layer = np.repeat(np.arange(len(layers)), [len(sheets[shift]) for shift in order])
        atoms = make_matter(np.full(len(positions), self.number), positions, phase=self.phase)
        after, before = self._step(layers), self._step(layers - 1)
        return dataclasses.replace(
            atoms,
            phases=(after != before).astype(np.int64)[of_layer],
            phase_names=(self.phase, f"{self.phase} fault"),
            grains=(after < 0).astype(np.int64)[of_layer],
        )

    def shaped(self, volume: Volume, turn: Affine) -> tuple[Matter, Volume]:
        """A volume of the stack's frame filled, then both turned as the cubic axes are by `turn`."""
        placed = linear(FROM_CUBIC.T).then(turn)
        atoms = self.fill(volume)
        return atoms.at(placed.apply(atoms.positions_A)), volume.moved(placed)

    def _step(self, layers: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.asarray(self.steps[np.clip(layers - self.first, 0, len(self.steps) - 1)])

    def _sheet(self, bounds_A: Array, shift: int) -> Array:
        """Atoms of a layer A (0), B (1) or C (2) at beam 0."""
        along, across, up = (FROM_CUBIC @ (self.a_A / 2 * np.array(vector)) for vector in ([1, -1, 0], [0, 1, -1], [1, 1, 0]))
        motif = make_matter([self.number], [up * [shift, shift, 0]], phase=self.phase)
        around = np.array([[*bounds_A[0, :2], -0.1], [*bounds_A[1, :2], 0.1]])
        return CrystalGenerator(np.stack([along, across, [0, 0, self.spacing_A]]), motif).supply(around).positions_A


def in_stack(cubic_shape: Volume) -> Volume:
    """A volume of the cubic axes in the frame of the stack."""
    return cubic_shape.moved(linear(FROM_CUBIC))


def twinned_shape(cubic_shape: Volume, offset_A: float) -> Volume:
    """What is below [111] ``offset_A`` of a volume of the cubic axes, and its mirror image above, in the frame of the stack."""
    below = in_stack(cubic_shape).moved(translate([0, 0, -offset_A])) & HalfSpace((0.0, 0.0, 1.0), 0.0)
    return below | below.moved(reflect([0, 0, 1]))
