"""The lattice on which a map repeats, from its power spectrum: what stands out of the spectrum round it, and in how many harmonics."""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import gcd
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft2, fftfreq, next_fast_len
from scipy.ndimage import maximum_filter, uniform_filter
from scipy.optimize import minimize

PADDING: Final = 2  # the spectrum is sampled so many times finer than the scan's extent resolves
FINEST: Final = 0.4  # cycles a step, of a harmonic
REACH: Final = 24  # cycles in the scan, of a harmonic: cells of any size are judged by the same part of the spectrum
FASTEST: Final = 0.2  # of a lattice vector: a cell has at least five steps
SLOWEST: Final = 2.8  # cycles in the scan: three cells at least, and a little for the scan's edge
PEAKS: Final = 12  # of the spectrum, of which lattices are made
NEAR: Final = 3.0  # resolved steps: as far as the background of a harmonic is taken from
BESIDE: Final = np.array([-2.5, -2.0, -1.5, 1.5, 2.0, 2.5])  # resolved steps, where a row's background is taken from
FLOOR: Final = 0.1  # of white noise's power: so little is not known to be less
LEAK: Final = 0.005  # first side lobe of the window
MEAN_LOGARITHM: Final = float(np.euler_gamma)  # by which chance powers' mean logarithm lies below the logarithm of their mean
NOISE: Final = 3.0  # of a harmonic, in backgrounds: so much chance makes
PENALTY: Final = 0.06  # of a harmonic: a little more than chance adds to it, so that one that carries nothing speaks against its lattice
HARMONICS: Final = np.array([[h, k] for h in range(7) for k in range(-6, 7) if h > 0 or k > 0])
ROWS: Final = [(h // gcd(h, abs(k)), k // gcd(h, abs(k))) for h, k in HARMONICS.tolist()]
SAME_ROW: Final = np.array([[row == other for other in sorted(set(ROWS))] for row in ROWS], float)
LARGER: Final = np.array([[[1, 0], [0, 1]], [[0.5, 0], [0, 1]], [[1, 0], [0, 0.5]], [[0.5, 0.5], [0.5, -0.5]]])  # cells of twice the area


def spectrum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Windowed and padded power spectrum; white noise has one on average."""
    return np.asarray(np.abs(fft2(_windowed(values), padded(values.shape))) ** 2)


def padded(shape: tuple[int, ...]) -> tuple[int, int]:
    """Size of a scan's spectrum."""
    height, width = (next_fast_len(PADDING * size) for size in shape)
    return height, width


def background(power: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """What a spectrum would show on average without its sharp peaks.

    The largest of the powers round a frequency and beside it on the ray from zero, as geometric means, and of what a
    neighbour's side lobes leave: a lattice stands out of clusters of any shape, and of the row that a straight edge makes.
    """
    resolved = np.array(power.shape) / np.array(shape)
    logarithm = np.log(power + 1e-12)
    near = [round(2 * NEAR * step) | 1 for step in resolved]
    around = uniform_filter(logarithm, near, mode="wrap")
    for _ in range(2):
        around = uniform_filter(logarithm.clip(around - 3.0, around + 1.2), near, mode="wrap")
    along = np.mean([logarithm.ravel()[place] for place in _along_rays(power.shape, tuple(shape))], axis=0).reshape(power.shape)
    leak = LEAK * maximum_filter(power, [2 * size for size in near], mode="wrap")
    return np.asarray(np.maximum(np.exp(np.maximum(around, along) + MEAN_LOGARITHM), np.maximum(leak, FLOOR)))


def best_lattice(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """How much the best lattice of all stands out, and its reciprocal vectors as rows (down, right), cycles a step."""
    power = spectrum(values)
    ratio = power / background(power, values.shape)
    size, slowest = np.array(values.shape), SLOWEST / np.array(values.shape)
    places = np.flatnonzero(_allowed(ratio.shape, values.shape) & (ratio > NOISE) & (ratio == maximum_filter(ratio, 3, mode="wrap")))
    places = places[np.argsort(ratio.ravel()[places])[::-1]]
    peaks, weight = _between_samples(ratio, places), np.log(ratio.ravel()[places])
    slow = peaks[np.hypot(*peaks.T) <= 1.5 * FASTEST][:PEAKS]
    one, other = np.triu_indices(len(slow), 1)
    pairs = np.einsum("nij,pjk->npik", LARGER, np.stack([slow[one], slow[other]], 1)).reshape(-1, 2, 2)
    pairs = _shortest(pairs)
    for _ in range(2):
        inside = (np.hypot(*np.moveaxis(pairs / slowest, -1, 0)) >= 1).all(1) & (np.hypot(*np.moveaxis(pairs, -1, 0)) <= FASTEST).all(1)
        pairs = _through_peaks(pairs[inside], peaks, weight, size)
    if not len(pairs):
        return 0.0, np.diag(slowest)
    scores = standing_out(ratio, pairs)
    return float(scores.max()), _oriented(pairs[int(scores.argmax())])


def standing_out(ratio: NDArray[np.float64], pairs: NDArray[np.float64], *, noise: float = NOISE) -> NDArray[np.float64]:
    """How much the harmonics of lattices (pair, 2, 2) stand out of the background, without the strongest row of each.

    Powers of up to `noise` backgrounds count for nothing. One row is what a stripe, an edge or a scan line makes; a lattice has others.
    """
    points = HARMONICS @ pairs
    index = np.round(points * ratio.shape).astype(int) % ratio.shape
    known = np.hypot(*np.moveaxis(points, -1, 0)) <= min(FINEST, PADDING * REACH / min(ratio.shape))
    gain = (np.log(np.maximum(ratio[index[..., 0], index[..., 1]] / noise, 1)) - PENALTY) * known
    return np.asarray(gain.sum(-1) - (gain @ SAME_ROW).max(-1))


def refine(values: NDArray[np.float64], lattice: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reciprocal vectors at the most power of all harmonics, and their covariance (4, 4) from the curvature there."""
    signal = _windowed(values)
    power = spectrum(values)
    index = np.round(HARMONICS @ lattice * power.shape).astype(int) % power.shape
    level = background(power, values.shape)[index[:, 0], index[:, 1]]
    # the first harmonics hold the lattice, and those above the noise sharpen it
    inside = np.hypot(*(HARMONICS @ lattice).T) <= FINEST
    used = inside & ((power[index[:, 0], index[:, 1]] > NOISE * level) | (np.abs(HARMONICS).max(1) == 1))
    harmonics, weight = HARMONICS[used], 1 / level[used]
    rows, columns = (np.arange(size) - (size - 1) / 2 for size in values.shape)
    bin_width = 1 / np.array(values.shape)

    def loss(steps: NDArray[np.float64]) -> float:
        if np.abs(steps).max() > 1:
            return 0.0
        places = harmonics @ (lattice + steps.reshape(2, 2) * bin_width)
        along_y = np.exp(-2j * np.pi * places[:, :1] * rows)
        along_x = np.exp(-2j * np.pi * places[:, 1:] * columns)
        return float(-(weight * np.abs(((along_y @ signal) * along_x).sum(1)) ** 2).sum())

    found = minimize(
        loss,
        np.zeros(4),
        method="Nelder-Mead",
        options={"initial_simplex": 0.2 * np.vstack([np.zeros(4), np.eye(4)]), "xatol": 1e-4, "fatol": 1e-6, "maxiter": 800},
    )
    scale = np.tile(bin_width, 2)
    curvature = _hessian(loss, found.x, 0.02)
    covariance = np.linalg.pinv(curvature) * np.outer(scale, scale)
    return lattice + found.x.reshape(2, 2) * bin_width, covariance


def real_lattice(reciprocal: NDArray[np.float64], covariance: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shortest lattice vectors (rows, down and right) of reciprocal ones (rows), with standard deviations."""
    vectors = np.asarray(np.linalg.inv(reciprocal).T, float)
    reduced = _oriented(_shortest(vectors[None])[0])
    # d(A^-T) = -A^-T dA^T A^-T; the reduction only combines rows with whole numbers
    combine = np.round(reduced @ np.linalg.inv(vectors))
    slopes = [combine @ (-vectors @ change.reshape(2, 2).T @ vectors) for change in np.eye(4)]
    jacobian = np.stack([slope.ravel() for slope in slopes], -1)
    variance = np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian)
    return reduced, np.sqrt(variance.clip(min=0)).reshape(2, 2)


@functools.lru_cache(maxsize=8)
def _window(shape: tuple[int, int]) -> NDArray[np.float64]:
    # a cosine: it keeps twice the positions that Hann's window does, and its feet are low enough
    down, right = (np.sin(np.pi * (np.arange(size) + 0.5) / size) for size in shape)
    window = np.outer(down, right)
    return np.asarray(window / np.sqrt((window**2).sum()))


def _windowed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    window = _window(values.shape)
    return np.asarray(window * (values - (window * values).sum() / window.sum()) / values.std())


def _frequencies(padding: tuple[int, ...]) -> NDArray[np.float64]:
    return np.stack(np.meshgrid(*(fftfreq(size) for size in padding), indexing="ij"), -1)


@functools.lru_cache(maxsize=8)
def _allowed(padding: tuple[int, ...], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Half of the frequencies: those that a lattice may have."""
    down, right = np.moveaxis(_frequencies(padding), -1, 0)
    allowed = (np.hypot(down * shape[0], right * shape[1]) >= SLOWEST) & (np.hypot(down, right) <= FINEST)
    return np.asarray(allowed & ((down > 0) | ((down == 0) & (right > 0))))


@functools.lru_cache(maxsize=8)
def _along_rays(padding: tuple[int, ...], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """For every frequency the flat places of those beside it on its ray from zero, (beside, frequency)."""
    steps = _frequencies(padding) * shape
    radius = np.maximum(np.hypot(*np.moveaxis(steps, -1, 0)), 1e-9)[..., None]
    scale = np.array(padding) / np.array(shape)
    places = [np.round(steps * (1 + shift / radius) * scale).astype(int) % padding for shift in BESIDE]
    return np.array([(place[..., 0] * padding[1] + place[..., 1]).ravel() for place in places])


def _through_peaks(
    pairs: NDArray[np.float64], peaks: NDArray[np.float64], weight: NDArray[np.float64], size: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The lattices (pair, 2, 2), moved by least squares to the peaks (peak, 2) that lie within half a resolved step of their points."""
    if not len(pairs):
        return pairs
    order = np.round(peaks @ np.linalg.inv(pairs))
    near = (np.abs(peaks - order @ pairs) * size < 0.5).all(-1) & (order != 0).any(-1) & (np.abs(order) <= HARMONICS.max()).all(-1)
    weighted = order * (near * weight)[..., None]
    normal = np.swapaxes(weighted, 1, 2) @ order + 1e-6 * np.eye(2)
    return np.asarray(np.linalg.solve(normal, np.swapaxes(weighted, 1, 2) @ peaks + 1e-6 * pairs))


def _between_samples(power: NDArray[np.float64], places: NDArray[np.int64]) -> NDArray[np.float64]:
    """Frequencies (peak, 2) of a padded spectrum's maxima, by parabolas through the samples beside them."""
    index = np.stack(np.unravel_index(places, power.shape), -1)
    found = []
    for axis, size in enumerate(power.shape):
        step = np.eye(2, dtype=int)[axis]
        before, here, after = (power[tuple(((index + side * step) % power.shape).T)] for side in (-1, 0, 1))
        place = index[:, axis] + 0.5 * (after - before) / np.maximum(2 * here - before - after, 1e-12)
        found.append((place / size + 0.5) % 1.0 - 0.5)
    return np.stack(found, -1)


def _shortest(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """The shortest two vectors of every lattice (pair, 2, 2), by Gauss's reduction."""
    short, long = pairs[:, 0].copy(), pairs[:, 1].copy()
    for _ in range(20):
        swap = (long**2).sum(1) < (short**2).sum(1)
        short[swap], long[swap] = long[swap], short[swap]
        times = np.round((long * short).sum(1) / np.maximum((short**2).sum(1), 1e-12))
        if not times.any():
            break
        long = long - times[:, None] * short
    return np.stack([short, long], 1)


def _oriented(pair: NDArray[np.float64]) -> NDArray[np.float64]:
    """The more downward vector first, both positive there."""
    one, other = pair
    down, right = (one, other) if abs(one[0]) * np.hypot(*other) >= abs(other[0]) * np.hypot(*one) else (other, one)
    return np.array([down * (-1 if down[0] < 0 else 1), right * (-1 if right[1] < 0 else 1)])


def _hessian(function: Callable[[NDArray[np.float64]], float], place: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    unit = step * np.eye(len(place))
    value = [[sum(a * b * function(place + a * p + b * q) for a in (-1, 1) for b in (-1, 1)) for q in unit] for p in unit]
    return np.asarray(value) / (4 * step**2)
