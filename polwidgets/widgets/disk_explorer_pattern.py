"""The disks and the lattice of one pattern, as quickly as a slider moves."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from polwidgets.disks.base import DiskDetector, MapDetector, Proposals
from polwidgets.disks.lattice import guess_basis, nearest_basis
from polwidgets.disks.measure import Refine, measure_disks, measure_lattices, one_thread
from polwidgets.disks.preparation import Preparation

Array = NDArray[np.float64]
GUESS_PX: Final = 0.25  # of the disk's radius, by which differences may miss a guessed lattice


@dataclasses.dataclass(frozen=True)
class PatternLattice:
    """The lattice of a pattern, in detector pixels.

    Attributes
    ----------
    origin : array (2,)
        The undiffracted beam, as far as known: the lattice point nearest to where it was said to be.
    vectors, vectors_error : arrays (2, 2)
        Basis vectors as rows, (down, right), and their standard deviations.
    deviation : float
        Mean squared deviation of the disks over what their errors let expect.
    explained : float
        Share of the disks' strength that lies on the lattice.
    count : int
        Disks that had a say.
    other : bool
        It is another lattice than the one it was looked for with.
    """

    origin: Array
    vectors: Array
    vectors_error: Array
    deviation: float
    explained: float
    count: int
    other: bool


@dataclasses.dataclass(frozen=True)
class MeasuredPattern:
    """Disks (disk, ...) of one pattern: places and their errors in pixels, and lattice indices where there is a lattice.

    ``indices`` are NaN for disks that lie off the lattice.
    """

    places: Array
    error: Array
    certainty: Array
    intensity: Array
    indices: Array
    lattice: PatternLattice | None


def propose(pattern: NDArray[Any], preparation: Preparation, detector: DiskDetector) -> Proposals:
    """What the detector proposes for one pattern (ky, kx); the arrays have no axis of patterns."""
    with one_thread():
        values, good = preparation.block(pattern[None])
        found = detector.propose(values, preparation.probe, good=good, gain=preparation.gain)
    present = np.isfinite(found.places[0, :, 0])
    return Proposals(found.places[0, present], found.certainty[0, present], found.strength[0, present])


def disk_map(pattern: NDArray[Any], preparation: Preparation, detector: MapDetector) -> NDArray[np.float32]:
    """What the detector looks for disks in, (ky, kx)."""
    with one_thread(), torch.no_grad():
        values, good = preparation.block(pattern[None])
        shown = detector.disk_map(values, preparation.probe, good=good, gain=preparation.gain)
    return shown[0].cpu().numpy().astype(np.float32)


def measure(
    pattern: NDArray[Any],
    preparation: Preparation,
    detector: DiskDetector,
    *,
    refine: Refine,
    basis: Array | None = None,
    beam: Array | None = None,
) -> MeasuredPattern:
    """Disks and lattice of one pattern.

    Parameters
    ----------
    pattern : array (ky, kx)
    refine : {"lattice", "disks", "none"}
        As of `polwidgets.strain_map`.
    basis : array (2, 2), optional
        Lattice vectors to look for, pixels; else the scan's, else what this pattern's disks suggest.
    beam : array (2,), optional
        About where the undiffracted beam lies; the middle of the detector without it.
    """
    with one_thread():
        found, error = measure_disks(pattern[None], preparation, detector, refine=refine != "none")
        present = np.isfinite(found.places[0, :, 0])
        places, certainty, strength = found.places[0, present], found.certainty[0, present], found.strength[0, present]
        wanted = preparation.basis if basis is None else basis
        if wanted is None:
            wanted = guess_basis([places], [certainty], 1.0 + GUESS_PX * preparation.probe.radius_px)
        middle = np.array(pattern.shape) / 2 if beam is None else beam
        lattice = None if wanted is None else _lattice(pattern, preparation, detector, refine, np.asarray(wanted, float), middle)
    indices = np.full(places.shape, np.nan)
    if lattice is not None:
        nearest = np.round((places - lattice.origin) @ np.linalg.inv(lattice.vectors))
        off = np.linalg.norm(places - lattice.origin - nearest @ lattice.vectors, axis=1)
        indices = np.where((off < preparation.tolerance_px)[:, None], nearest, np.nan)
    return MeasuredPattern(places, error[0, present], certainty, strength, indices, lattice)


def _lattice(
    pattern: NDArray[Any], preparation: Preparation, detector: DiskDetector, refine: Refine, basis: Array, beam: Array
) -> PatternLattice | None:
    if abs(np.linalg.det(basis)) < 1e-3 * np.linalg.norm(basis, axis=1).max() ** 2:
        raise ValueError(f"the lattice vectors {np.round(basis, 2).tolist()} are parallel; drag one of them aside")
    block = measure_lattices(pattern[None], dataclasses.replace(preparation, basis=basis), detector, refine)
    if not block.lattices.count[0]:
        return None
    parameters, covariance = block.fit.parameters[0], block.fit.covariance[0] * max(1.0, float(block.fit.deviation[0]))
    vectors = parameters[2:].reshape(2, 2)
    if not np.isfinite(parameters).all():
        return None
    same = nearest_basis(vectors, basis)
    other = bool(np.isnan(same).any())
    # the same lattice in the basis that was asked for: its covariance goes along
    steps = np.eye(2) if other else np.round(same @ np.linalg.inv(vectors))
    change = np.kron(steps, np.eye(2))
    spread = np.sqrt(np.maximum(np.diag(change @ covariance[2:, 2:] @ change.T), 0)).reshape(2, 2)
    vectors = steps @ vectors
    origin = parameters[:2] + np.round((beam - parameters[:2]) @ np.linalg.inv(vectors)) @ vectors
    return PatternLattice(
        origin, vectors, spread, float(block.fit.deviation[0]), float(block.lattices.explained[0]), int(block.fit.count[0]), other
    )
