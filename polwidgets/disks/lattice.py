"""The lattice under a pattern's disks: guessed from their differences, indexed, and fitted against missing and extra disks."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter

Array = NDArray[np.float64]

STRONGEST: Final = 24  # disks a pattern whose differences count
PEAKS: Final = 12  # differences that are tried as basis vectors
SAMPLE_PX: Final = 1.0
LARGEST_CHANGE: Final = 0.25  # of a basis vector, beyond which it is no longer the same lattice


@dataclasses.dataclass(frozen=True)
class Lattices:
    """Lattices of a batch of patterns, in detector pixels.

    Attributes
    ----------
    origin : array (pattern, 2)
        The lattice point nearest to the detector's middle, (row, column).
    vectors : array (pattern, 2, 2)
        Basis vectors as rows.
    explained : array (pattern,)
        Share of the proposed disks, weighted by their strength without the strongest, that lie on the lattice.
    count : array (pattern,)
        Disks that do; zero where no lattice was found.
    """

    origin: Array
    vectors: Array
    explained: Array
    count: NDArray[np.int64]


def guess_basis(places: Sequence[Array], weights: Sequence[Array], tolerance_px: float) -> Array | None:
    """The basis (2, 2), vectors as rows, that best explains the differences of disks within every pattern.

    A finer lattice explains anything by chance, a coarser one leaves disks out: the share of differences explained beyond
    chance decides.

    Parameters
    ----------
    places : sequence of arrays (disk, 2)
        Disks of every pattern.
    weights : sequence of arrays (disk,)
        Their certainty.
    tolerance_px : float
        How far from a lattice point a difference may end; half as much is usual.
    """
    differences, shares = _differences(places, weights)
    if len(differences) < 2:
        return None
    peaks = _peaks(differences, shares, tolerance_px)
    best, highest = None, 0.1
    for first, second in itertools.combinations(peaks, 2):
        basis = _reduced(np.stack([first, second]))
        area = abs(np.linalg.det(basis))
        if area < 4 * np.pi * tolerance_px**2 or np.linalg.norm(basis[1]) > 6 * np.linalg.norm(basis[0]):
            continue
        chance = np.pi * tolerance_px**2 / area
        explained = float(shares @ (_off_lattice(differences, basis) < tolerance_px) / shares.sum())
        score = (explained - chance) / (1 - chance)
        if score > highest + 0.02 or (score > highest - 0.02 and best is not None and area > 1.2 * abs(np.linalg.det(best))):
            best, highest = basis, max(score, highest)
    if best is None:
        return None
    for _ in range(3):
        steps = np.round(differences @ np.linalg.inv(best))
        close = (_off_lattice(differences, best) < tolerance_px) & steps.any(1)
        if np.linalg.matrix_rank(steps[close]) < 2:
            return None
        weight = shares[close, None]
        best = np.asarray(np.linalg.lstsq(steps[close] * weight, differences[close] * weight, rcond=None)[0], float)
    return _reduced(best)


def fit_lattices(places: Array, weights: Array, basis: Array, *, tolerance_px: float, middle: Array) -> Lattices:
    """Index every pattern's disks on a lattice near `basis`, and fit it to them.

    Parameters
    ----------
    places : array (pattern, disk, 2)
        NaN where there is none.
    weights : array (pattern, disk)
        The strongest disk, which is on the lattice, is where indexing starts.
    basis : array (2, 2)
        Vectors as rows; a pattern that it does not fit is guessed anew.
    tolerance_px : float
        Largest distance of a disk from its lattice point.
    middle : array (2,)
        The detector's middle.
    """
    rows = [
        _fit_one(p[np.isfinite(p[:, 0])], w[np.isfinite(p[:, 0])], basis, tolerance_px, middle)
        for p, w in zip(places, weights, strict=True)
    ]
    origin, vectors, explained, count = zip(*rows, strict=True)
    return Lattices(np.array(origin), np.array(vectors), np.array(explained), np.array(count))


def nearest_basis(vectors: Array, reference: Array) -> Array:
    """The same lattices (..., 2, 2) in the basis most like `reference`; NaN where they are other lattices."""
    with np.errstate(invalid="ignore"):
        steps = np.round(reference @ np.linalg.inv(vectors))
    found = np.asarray(steps @ vectors)
    with np.errstate(invalid="ignore"):
        same = np.abs(np.round(np.linalg.det(steps))) == 1
    same &= np.abs(found - reference).max((-1, -2)) <= LARGEST_CHANGE * np.linalg.norm(reference, axis=-1).min(-1)
    return np.where(same[..., None, None], found, np.nan)


def _fit_one(places: Array, weights: Array, basis: Array, tolerance: float, middle: Array) -> tuple[Array, Array, float, int]:
    nothing = (np.full(2, np.nan), np.full((2, 2), np.nan), 0.0, 0)
    if len(places) < 4:
        return nothing
    fit = _indexed(places, weights, basis, tolerance)
    if fit is None or fit[2] < 0.7:
        own = guess_basis([places], [weights], tolerance)
        other = None if own is None else _indexed(places, weights, own, tolerance)
        if other is not None and (fit is None or other[2] > fit[2] + 0.1):
            same = nearest_basis(other[1], basis)
            fit = (other[0], other[1] if np.isnan(same).any() else same, *other[2:])
    if fit is None:
        return nothing
    origin, vectors, explained, count = fit
    steps = np.round((middle - origin) @ np.linalg.inv(vectors))
    return origin + steps @ vectors, vectors, explained, count


def _indexed(places: Array, weights: Array, basis: Array, tolerance: float) -> tuple[Array, Array, float, int] | None:
    """Origin, basis, explained share and count: from the strongest disk outward, so that indices are sure before they count."""
    strongest = int(np.argmax(weights))
    origin, vectors = places[strongest], basis
    distance = np.linalg.norm(places - origin, axis=1)
    reach = 1.6 * np.linalg.norm(basis, axis=1).max()
    on = np.zeros(len(places), bool)
    for growth in (1.0, 1.6, 2.5, 6.0, 6.0):
        steps = np.round((places - origin) @ np.linalg.inv(vectors))
        off = np.linalg.norm(places - origin - steps @ vectors, axis=1)
        on = (off < tolerance) & (distance < growth * reach)
        design = np.column_stack([np.ones(on.sum()), steps[on]])
        if not _spans(design):
            continue
        weighted = design.T * weights[on]
        solution = np.linalg.solve(weighted @ design, weighted @ places[on])
        origin, vectors = solution[0], solution[1:]
        if abs(np.linalg.det(vectors) / np.linalg.det(basis) - 1) > 0.5:
            return None
    if not _spans(design):
        return None
    rest = np.arange(len(places)) != strongest
    return origin, vectors, float(weights[on & rest].sum() / weights[rest].sum()), int(on.sum())


def _spans(design: Array) -> bool:
    """Whether so many disks with these indices fix a lattice: the Gram determinant of integers is an integer."""
    return len(design) >= 4 and bool(np.linalg.det(design.T @ design) > 0.5)


def _differences(places: Sequence[Array], weights: Sequence[Array]) -> tuple[Array, Array]:
    vectors, shares = [np.empty((0, 2))], [np.empty(0)]
    for place, weight in zip(places, weights, strict=True):
        best = np.argsort(-weight)[:STRONGEST]
        first, second = np.triu_indices(len(best), 1)
        difference = place[best[first]] - place[best[second]]
        # every difference in one half plane
        vectors.append(difference * np.where(difference[:, :1] + 1e-3 * difference[:, 1:] < 0, -1, 1))
        shares.append(np.sqrt(weight[best[first]] * weight[best[second]]))
    return np.concatenate(vectors), np.concatenate(shares)


def _peaks(differences: Array, shares: Array, tolerance: float) -> Array:
    """The commonest differences, (peak, 2), short ones first among equals."""
    reach = int(np.abs(differences).max() / SAMPLE_PX) + 4
    image = np.zeros((2 * reach + 1, 2 * reach + 1))
    for sign in (1, -1):
        row, column = np.round(sign * differences / SAMPLE_PX).astype(int).T + reach
        np.add.at(image, (row, column), shares)
    image = gaussian_filter(image, 0.5 * tolerance / SAMPLE_PX)
    top = (image == maximum_filter(image, int(2 * tolerance / SAMPLE_PX) + 1)) & (image > 0.02 * image.max())
    row, column = np.nonzero(top)
    vectors = (np.stack([row, column], -1) - reach) * SAMPLE_PX
    half = vectors[:, 0] + 1e-3 * vectors[:, 1] > 0
    vectors, height = vectors[half], image[row[half], column[half]]
    far = np.linalg.norm(vectors, axis=1) > 2 * tolerance
    order = np.argsort(-height[far] / np.linalg.norm(vectors[far], axis=1))
    chosen = vectors[far][order[:PEAKS]]
    # the mean of what fell there, not the bin's middle
    refined = []
    for vector in chosen:
        near = np.linalg.norm(differences - vector, axis=1) < tolerance
        refined.append(np.average(differences[near], axis=0, weights=shares[near]) if near.any() else vector)
    return np.array(refined)


def _off_lattice(vectors: Array, basis: Array) -> Array:
    steps = vectors @ np.linalg.inv(basis)
    return np.asarray(np.linalg.norm((steps - np.round(steps)) @ basis, axis=1))


def _reduced(basis: Array) -> Array:
    """The two shortest vectors of the lattice (Gauss), right-handed, the first pointing right or down."""
    first, second = basis
    for _ in range(100):
        if np.linalg.norm(first) > np.linalg.norm(second):
            first, second = second, first
        steps = round(float(first @ second / (first @ first))) if first.any() else 0
        if steps == 0:
            break
        second = second - steps * first
    if first[1] < -1e-6 or (abs(first[1]) <= 1e-6 and first[0] < 0):
        first = -first
    return np.stack([first, second if np.linalg.det(np.stack([first, second])) < 0 else -second])
