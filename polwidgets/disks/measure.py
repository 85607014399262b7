"""From a block of patterns to lattices: proposed by a detector, indexed, measured."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from polwidgets.disks.base import DiskDetector, Proposals
from polwidgets.disks.disk_fit import DiskFit, DiskLikelihood, fit_places
from polwidgets.disks.lattice import Lattices, fit_lattices, nearest_basis
from polwidgets.disks.lattice_fit import FREE, FixedDisks, LatticeFit, fit_lattice
from polwidgets.disks.preparation import Preparation

Array = NDArray[np.float64]
Refine: TypeAlias = Literal["lattice", "disks", "none"]
"""Fit one lattice to all disks of a pattern; fit every disk by itself; take the detector's places."""
DOUBTFUL: Final = 1.7  # squared deviations of disks from their lattice over what is expected, from which on it is tried again
BLOCK_BYTES: Final = 2**20  # ten patterns or so: a disk fit is long for its bytes


@dataclasses.dataclass(frozen=True)
class MeasuredBlock:
    """What a block of patterns says.

    Attributes
    ----------
    lattices : Lattices
        As proposed.
    fit : LatticeFit
        As measured.
    proposed : array (pattern,)
        Number of disks that the detector proposed.
    saturated : array (pattern,)
        Share of the pixels that count for nothing beside the detector's bad ones.
    """

    lattices: Lattices
    fit: LatticeFit
    proposed: NDArray[np.int64]
    saturated: Array


def measure_disks(patterns: NDArray[Any], preparation: Preparation, detector: DiskDetector, *, refine: bool) -> tuple[Proposals, Array]:
    """Disks of patterns (pattern, ky, kx), and the standard deviation of their places (pattern, disk), pixels."""
    values, good = preparation.block(patterns)
    found = detector.propose(values, preparation.probe, good=good, gain=preparation.gain)
    present = np.isfinite(found.places[..., 0])
    if not refine:
        return found, np.where(present, _correlation_error(found, preparation), np.nan)
    index, slot = np.nonzero(present)
    fit = DiskFit(values, good, preparation.probe, gain=preparation.gain, clear_px=_clear(preparation))
    places, likelihood = _alone(fit, found, index, slot, _lattice_places(fit, found, preparation, np.array(patterns.shape[1:]) / 2))
    error = np.full(present.shape, np.nan)
    refined, strength = found.places.copy(), found.strength.copy()
    information = likelihood.information.double() / likelihood.misfit.double().clamp(min=1)[:, None, None]
    covariance = torch.linalg.inv(information + 1e-3 * torch.eye(2))
    error[index, slot] = torch.sqrt(torch.diagonal(covariance, dim1=1, dim2=2).mean(1).clamp(min=0)).numpy()
    refined[index, slot] = places.double().numpy()
    strength[index, slot] = likelihood.intensity.double().numpy()
    return Proposals(refined, found.certainty, strength), error


def measure_lattices(patterns: NDArray[Any], preparation: Preparation, detector: DiskDetector, refine: Refine) -> MeasuredBlock:
    """Lattices of patterns (pattern, ky, kx)."""
    values, good = preparation.block(patterns)
    found = detector.propose(values, preparation.probe, good=good, gain=preparation.gain)
    middle = np.array(patterns.shape[1:]) / 2
    assert preparation.basis is not None
    lattices, indices, on = _indexed(found, preparation, middle)
    index, slot = np.nonzero(on)
    likelihood: DiskFit | FixedDisks
    if refine == "none":
        spread = _correlation_error(found, preparation)[index, slot]
        likelihood = FixedDisks(
            torch.from_numpy(found.places[index, slot]), torch.eye(2).double() / torch.from_numpy(spread**2)[:, None, None]
        )
    else:
        likelihood = DiskFit(values, good, preparation.probe, gain=preparation.gain, clear_px=_clear(preparation))
        if refine == "disks":
            together = _lattice_places(likelihood, found, preparation, middle)
            places, alone = _alone(likelihood, found, index, slot, together)
            likelihood = FixedDisks(places.double(), alone.information.double() / alone.misfit.double().clamp(min=1)[:, None, None])
    fit = fit_lattice(likelihood, _parameters(lattices), indices, on)
    if isinstance(likelihood, DiskFit):
        fit = _tried_again(fit, likelihood, found, lattices, indices, on, preparation)
    lost = 1 - good.numpy().mean((1, 2)) / max(preparation.good_pixels.mean(), 1e-9)
    return MeasuredBlock(lattices, fit, np.isfinite(found.places[..., 0]).sum(1), lost)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Blocks are measured side by side: torch's own threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _indexed(found: Proposals, preparation: Preparation, middle: Array) -> tuple[Lattices, Array, NDArray[np.bool_]]:
    """Lattices of the proposals, their indices (pattern, disk, 2), and which of them lie on it."""
    assert preparation.basis is not None
    tolerance = preparation.tolerance_px
    lattices = fit_lattices(found.places, found.certainty, preparation.basis, tolerance_px=tolerance, middle=middle)
    return lattices, *_matched(found, lattices, tolerance)


def _parameters(lattices: Lattices) -> Array:
    return np.concatenate([lattices.origin, lattices.vectors.reshape(-1, 4)], 1)


def _lattice_places(fit: DiskFit, found: Proposals, preparation: Preparation, middle: Array) -> Array:
    """Where the lattice through all disks of a pattern puts each (pattern, disk, 2); NaN off it, or where there is none."""
    if preparation.basis is None:
        return np.full_like(found.places, np.nan)
    lattices, indices, on = _indexed(found, preparation, middle)
    whole = fit_lattice(fit, _parameters(lattices), indices, on)
    whole = _tried_again(whole, fit, found, lattices, indices, on, preparation)
    origin, vectors = whole.parameters[:, None, :2], whole.parameters[:, 2:].reshape(-1, 2, 2)
    return np.where(on[..., None], origin + indices @ vectors, np.nan)


def _alone(
    fit: DiskFit, found: Proposals, index: NDArray[np.int64], slot: NDArray[np.int64], together: Array
) -> tuple[torch.Tensor, DiskLikelihood]:
    """Every disk by itself, from where it was proposed and from where its lattice has it: whichever fits better."""
    owner, start = torch.from_numpy(index), torch.from_numpy(found.places[index, slot]).float()
    places, likelihood = fit_places(fit, owner, start)
    other = torch.from_numpy(together[index, slot]).float()
    there = torch.isfinite(other).all(1)
    if there.any():
        again, found_there = fit_places(fit, owner, torch.where(there[:, None], other, start), stiff=1.0)
        better = there & (found_there.misfit < likelihood.misfit)
        places, likelihood = torch.where(better[:, None], again, places), likelihood.replaced(better, found_there)
    return places, likelihood


def _matched(found: Proposals, lattices: Lattices, tolerance: float) -> tuple[Array, NDArray[np.bool_]]:
    """Lattice indices (pattern, disk, 2) of proposed disks, and which of them lie on the lattice."""
    offset = found.places - lattices.origin[:, None]
    inverse = np.linalg.inv(np.where(np.isfinite(lattices.vectors), lattices.vectors, np.eye(2)))
    indices = np.round(offset @ inverse)
    off = np.linalg.norm(offset - indices @ lattices.vectors, axis=-1)
    return np.nan_to_num(indices), off < tolerance


def _tried_again(
    fit: LatticeFit, likelihood: DiskFit, found: Proposals, lattices: Lattices, indices: Array, on: NDArray[np.bool_],
    preparation: Preparation,
) -> LatticeFit:  # fmt: skip
    """Doubtful fits, from elsewhere: a disk that is lit on one side alone is proposed, and held, up to two pixels off."""
    assert preparation.basis is not None
    doubtful = np.asarray((fit.deviation > DOUBTFUL) & (fit.count > 0))
    if not doubtful.any():
        return fit
    again = on & doubtful[:, None]
    # the lattice of the scan through the strongest disk, then what came of it, with insides that are free
    strongest = np.argmax(np.where(again, found.certainty, -1), 1)[:, None, None]
    place, index = (np.take_along_axis(each, strongest, 1)[:, 0] for each in (found.places, indices))
    usual = nearest_basis(np.broadcast_to(preparation.basis, lattices.vectors.shape), lattices.vectors)
    elsewhere = np.concatenate([place - (index[:, None] @ usual)[:, 0], usual.reshape(-1, 4)], 1)
    for start in (elsewhere, fit.parameters):
        known = np.asarray(np.isfinite(start).all(1))
        fit = fit.improved(fit_lattice(likelihood, start, indices, again & known[:, None], priors=FREE))
    return fit


def _clear(preparation: Preparation) -> float:
    """Half the distance of neighbouring disks."""
    return np.inf if preparation.basis is None else 0.5 * float(np.linalg.norm(preparation.basis, axis=1).min())


def _correlation_error(found: Proposals, preparation: Preparation) -> Array:
    """Standard deviation of a correlation's peak: counting noise, and what contrast inside the disk does to it."""
    return np.hypot(preparation.probe.radius_px / np.maximum(found.certainty, 1e-6), 0.05 * preparation.probe.radius_px)
