"""Whether a model's errors repeat with the unit cell, and with which lattice: measured without knowing the crystal.

A map of errors is compared with surrogates that have the same error rate and the same clusters, but repeat nothing: random
fields whose autocorrelation falls with distance like the map's and never rises again. What stands out of the power
spectrum beyond what surrogates show is a lattice.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.fft import fft2, fftfreq, fftshift, ifft2, next_fast_len
from scipy.ndimage import map_coordinates, maximum_filter
from scipy.optimize import minimize

from polwidgets.cube.schema import LENGTH, WAVENUMBER, step_of
from polwidgets.cube.unit_cell import UnitCell
from polwidgets.directions import angular_difference
from polwidgets.progress import Progress, reporter

PADDING: Final = 3  # the spectrum is sampled so many times finer than the scan's extent resolves
FINEST: Final = 0.4  # cycles a step, of a harmonic
FASTEST: Final = 0.2  # of a lattice vector: a cell has at least five steps
SLOWEST: Final = 1.9  # cycles in the scan: two cells at least, and a little for the scan's edge
PEAKS: Final = 12  # of the spectrum, of which lattices are made
NOISE: Final = 3.0  # of a harmonic, in mean powers: so much chance makes
PENALTY: Final = 0.08  # of a harmonic: a little more than chance adds to it, so that one that carries nothing speaks against its lattice
FLOOR: Final = 0.05  # of white noise's power: so little is not known to be less
HARMONICS: Final = np.array([[h, k] for h in range(10) for k in range(-9, 10) if h > 0 or k > 0])
SURE: Final = 10  # surrogates beyond the map that make their share a good estimate


@dataclasses.dataclass(frozen=True)
class Periodicity:
    """The lattice on which a map of errors repeats.

    Attributes
    ----------
    rate : float
        Mean of the map: the share of wrong positions.
    lattice_A, lattice_error_A : arrays (2, 2)
        The two shortest lattice vectors as rows (down, right), the first the more downward one, and their standard
        deviations, angstrom. Of the best lattice there is, whether significant or not.
    autocorrelation_lattice_A : array (2, 2)
        The same vectors as the autocorrelation's maxima beside them.
    p_value : float
        Probability that a map with the same error rate and clusters, but without a lattice, stands out as much.
    statistic : float
        How much the best lattice's harmonics stand out of the spectrum of mere clusters.
    surrogate_statistics : array (surrogate,)
    spectrum : DataArray (frequency_y, frequency_x)
        Power in units of white noise's, 1/angstrom.
    autocorrelation : DataArray (lag_y, lag_x)
        One at zero lag; lags in angstrom.
    unit_cell : UnitCell
        The lattice with its origin at the scan's first position; the match's `UnitCell` has the crystal's own origin.
    """

    rate: float
    lattice_A: NDArray[np.float64]
    lattice_error_A: NDArray[np.float64]
    autocorrelation_lattice_A: NDArray[np.float64]
    p_value: float
    statistic: float
    surrogate_statistics: NDArray[np.float64]
    spectrum: xr.DataArray
    autocorrelation: xr.DataArray
    unit_cell: UnitCell


def error_map(
    prediction: xr.Dataset, reference: xr.Dataset | xr.DataArray | NDArray[np.float64] | float, *, tolerance_deg: float = 22.5
) -> xr.DataArray:
    """Where a prediction is wrong.

    Parameters
    ----------
    prediction : Dataset on (scan_y, scan_x)
    reference : Dataset, DataArray, array (scan_y, scan_x) or float
        True directions in degrees; or another map, for example ``unit_cell_match``'s where the truth is unknown.
    tolerance_deg : float
        A direction further off than this is wrong.

    Returns
    -------
    DataArray (scan_y, scan_x)
        One where wrong, zero where right, NaN where the reference is NaN.
    """
    found = prediction["direction_deg"]
    truth = reference["direction_deg"] if isinstance(reference, xr.Dataset) else reference
    values = np.asarray(truth, float)
    if values.ndim and values.shape != found.shape:
        raise ValueError(f"the reference has shape {values.shape}, the prediction {found.shape}; compare maps of the same scan")
    wrong = np.abs(angular_difference(found.values, values)) > tolerance_deg
    error = np.where(np.isnan(values), np.nan, wrong)
    return xr.DataArray(error, dims=found.dims, coords=found.coords, name="error", attrs={"units": "1", "long_name": "wrong direction"})


def error_periodicity(error: xr.DataArray, *, surrogates: int = 99, seed: int = 0, progress: bool | Progress = False) -> Periodicity:
    """Lattice and significance of a map's periodicity.

    Parameters
    ----------
    error : DataArray (scan_y, scan_x)
        For example `error_map`, or one minus a prediction's confidence; coords in angstrom.
    surrogates : int
        Aperiodic maps to compare with; the tail beyond them is extrapolated.
    seed : int
        Draws the surrogates.

    Raises
    ------
    ValueError
        The map is constant (no error, or nothing else), or smaller than 8 x 8 positions.
    """
    report = reporter(progress)
    values = _usable(error)
    steps = (step_of(error, "scan_y"), step_of(error, "scan_x"))
    rng = np.random.default_rng(seed)
    statistic, lattice = _best_lattice(values)
    draw = _surrogate_source(values)
    null = np.empty(surrogates)
    for number in range(surrogates):
        null[number] = _best_lattice(draw(rng))[0]
        report("draw aperiodic maps", (number + 1) / surrogates)
    reciprocal, covariance = _refine(values, lattice)
    lattice_px, error_px = _real_lattice(reciprocal, covariance)
    correlation = autocorrelation(values)
    scale = np.array(steps)
    origin = np.array([error["scan_y"].values[0], error["scan_x"].values[0]])
    vectors = np.linalg.inv(lattice_px * scale).T
    power = fftshift(_spectrum(values))
    frequencies = [fftshift(fftfreq(size, step)) for size, step in zip(power.shape, steps, strict=True)]
    lags = [np.arange(-(size - 1), size) * step for size, step in zip(values.shape, steps, strict=True)]
    return Periodicity(
        rate=float(values.mean()),
        lattice_A=lattice_px * scale,
        lattice_error_A=error_px * scale,
        autocorrelation_lattice_A=_autocorrelation_lattice(correlation, lattice_px) * scale,
        p_value=_tail(statistic, null),
        statistic=statistic,
        surrogate_statistics=null,
        spectrum=_labelled(power, ("frequency_y", "frequency_x"), frequencies, WAVENUMBER, "power of the errors"),
        autocorrelation=_labelled(correlation, ("lag_y", "lag_x"), lags, LENGTH, "autocorrelation of the errors"),
        unit_cell=UnitCell(np.concatenate([[-vectors @ origin], vectors.T])),
    )


def autocorrelation(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Autocorrelation at every lag of an array (ny, nx), over the pairs that there are; shape (2 ny - 1, 2 nx - 1), one at zero lag."""
    shape = tuple(2 * size - 1 for size in values.shape)
    deviation = values - values.mean()
    products, pairs = (ifft2(np.abs(fft2(array, shape)) ** 2).real for array in (deviation, np.ones_like(deviation)))
    correlation = fftshift(products / np.maximum(np.round(pairs), 1))
    return np.asarray(correlation / (deviation**2).mean())


def _usable(error: xr.DataArray) -> NDArray[np.float64]:
    if error.dims != ("scan_y", "scan_x"):
        raise ValueError(f"expected a map with dims ('scan_y', 'scan_x'), got {error.dims}; pw.error_map makes one")
    values = np.asarray(error.values, float)
    if min(values.shape) < 8:
        raise ValueError(f"the map has {values.shape[0]} x {values.shape[1]} positions, a lattice needs at least 8 x 8 over two unit cells")
    known = np.isfinite(values)
    if not known.any():
        raise ValueError("the map has no known position; check the reference and the region")
    # unknown positions neither help nor hinder
    values = np.where(known, values, values[known].mean())
    if np.ptp(values) == 0:
        what = {0.0: "no error at all, so there is no periodicity to find", 1.0: "nothing but errors, so they have no pattern"}
        raise ValueError(f"the map holds {what.get(float(values[0, 0]), 'one value everywhere, so it has no pattern')}")
    return values


@functools.lru_cache(maxsize=8)
def _window(shape: tuple[int, int]) -> NDArray[np.float64]:
    # a cosine: it keeps twice the positions that Hann's window does, and its feet are low enough
    down, right = (np.sin(np.pi * (np.arange(size) + 0.5) / size) for size in shape)
    window = np.outer(down, right)
    return np.asarray(window / np.sqrt((window**2).sum()))


def _padded(shape: tuple[int, ...]) -> tuple[int, int]:
    height, width = (next_fast_len(PADDING * size) for size in shape)
    return height, width


def _windowed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    window = _window(values.shape)
    return np.asarray(window * (values - (window * values).sum() / window.sum()) / values.std())


def _spectrum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Windowed and padded power spectrum; white noise has one on average."""
    return np.asarray(np.abs(fft2(_windowed(values), _padded(values.shape))) ** 2)


def _envelope(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The autocorrelation's monotone envelope at every lag: it falls along every ray from zero lag and never rises again."""
    correlation = autocorrelation(values)
    center = np.array(values.shape) - 1
    reach = int(np.hypot(*center)) + 1
    angles = np.linspace(0, np.pi, 90, endpoint=False)
    radius = np.arange(reach + 1)
    # beyond half the scan few pairs are left to tell anything: there the envelope stays what it was
    half = np.minimum(radius[:, None] * np.abs(np.stack([np.sin(angles), np.cos(angles)]))[:, None], (center / 2)[:, None, None])
    signs = np.stack([np.ones_like(angles), np.sign(np.cos(angles))])[:, None]
    polar = map_coordinates(correlation, half * signs + center[:, None, None], order=1)
    falling = np.minimum.accumulate(polar, axis=0).clip(min=0)
    row, column = np.indices(correlation.shape) - center[:, None, None]
    place = np.arctan2(row, column) % np.pi / (np.pi / len(angles))
    wrapped = np.concatenate([falling, falling[:, :1]], axis=1)
    envelope = map_coordinates(wrapped, [np.hypot(row, column), place], order=1)
    envelope[tuple(center)] = 1.0
    share = np.maximum(np.abs(row) / max(center[0], 1), np.abs(column) / max(center[1], 1))
    return np.asarray(envelope * np.cos(np.pi / 2 * (2 * share - 1).clip(0, 1)) ** 2)


def _smooth_spectrum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """What `_spectrum` would show on average of a map with the same envelope and no lattice."""
    return _spectrum_of(_envelope(values), values.shape)


def _spectrum_of(envelope: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    lagged = envelope * _window_overlap(shape)
    full = np.zeros(_padded(shape))
    full[: lagged.shape[0], : lagged.shape[1]] = lagged
    full = np.roll(full, tuple(1 - size for size in shape), axis=(0, 1))
    return np.asarray(fft2(full).real.clip(min=FLOOR))


@functools.lru_cache(maxsize=8)
def _window_overlap(shape: tuple[int, int]) -> NDArray[np.float64]:
    full = tuple(2 * size - 1 for size in shape)
    return np.asarray(fftshift(ifft2(np.abs(fft2(_window(shape), full)) ** 2).real))


def _best_lattice(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """How much the best lattice stands out, and its reciprocal vectors as rows (down, right), cycles a step."""
    power = _spectrum(values) / _smooth_spectrum(values)
    frequency = np.stack(np.meshgrid(*(fftfreq(n) for n in power.shape), indexing="ij"), -1)
    slowest = SLOWEST / np.array(values.shape)
    allowed = (np.hypot(*np.moveaxis(frequency / slowest, -1, 0)) >= 1) & (np.hypot(*np.moveaxis(frequency, -1, 0)) <= FINEST)
    allowed &= (frequency[..., 0] > 0) | ((frequency[..., 0] == 0) & (frequency[..., 1] > 0))
    places = np.flatnonzero(allowed & (power > NOISE) & (power == maximum_filter(power, 3, mode="wrap")))
    places = places[np.argsort(power.ravel()[places])[::-1]]
    peaks, weight = _between_samples(power, places), power.ravel()[places]
    slow = np.flatnonzero(np.hypot(*peaks.T) <= 1.5 * FASTEST)[:PEAKS]
    pairs = np.array([_reduced(peaks[[i, j]]) for i in slow for j in slow if i > j]).reshape(-1, 2, 2)
    for _ in range(2):
        pairs = pairs[
            (np.hypot(*np.moveaxis(pairs / slowest, -1, 0)) >= 1).all(1) & (np.hypot(*np.moveaxis(pairs, -1, 0)) <= FASTEST).all(1)
        ]
        pairs = _through_peaks(pairs, peaks, weight, np.array(values.shape))
    if not len(pairs):
        return 0.0, np.eye(2) * slowest
    points = HARMONICS @ pairs
    index = np.round(points * power.shape).astype(int) % power.shape
    known = np.hypot(*np.moveaxis(points, -1, 0)) <= FINEST
    scores = (((power[index[..., 0], index[..., 1]] - NOISE).clip(min=0) - PENALTY) * known).sum(-1)
    return float(scores.max()), pairs[int(scores.argmax())]


def _through_peaks(
    pairs: NDArray[np.float64], peaks: NDArray[np.float64], weight: NDArray[np.float64], size: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The lattices (pair, 2, 2), moved by least squares to the peaks (peak, 2) that lie within half a resolved step of their points."""
    if not len(pairs):
        return pairs
    order = np.round(peaks @ np.linalg.inv(pairs))
    near = (np.abs(peaks - order @ pairs) * size < 0.5).all(-1) & (order != 0).any(-1)
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


def _reduced(pair: NDArray[np.float64]) -> NDArray[np.float64]:
    """The shortest two vectors of the lattice of two (Gauss's reduction), the more downward one first, both positive there."""
    short, long = sorted(pair, key=lambda vector: float(vector @ vector))
    for _ in range(20):
        if short @ short < 1e-9:
            return np.zeros((2, 2))
        long = long - np.round(long @ short / (short @ short)) * short
        if long @ long >= short @ short:
            break
        short, long = long, short
    down, right = (short, long) if abs(short[0]) * np.hypot(*long) >= abs(long[0]) * np.hypot(*short) else (long, short)
    return np.array([down * (-1 if down[0] < 0 else 1), right * (-1 if right[1] < 0 else 1)])


def _surrogate_source(values: NDArray[np.float64]) -> functools.partial[NDArray[np.float64]]:
    """Draws maps with the values of the given one, in its clusters, without a lattice."""
    envelope = _envelope(values)
    # a field that is cut into right and wrong correlates less than the field itself (the arcsine law)
    if len(np.unique(values)) == 2:
        envelope = np.sin(np.pi / 2 * envelope)
    shape = tuple(next_fast_len(2 * size) for size in values.shape)
    full = np.zeros(shape)
    full[: envelope.shape[0], : envelope.shape[1]] = envelope
    full = np.roll(full, tuple(1 - size for size in values.shape), axis=(0, 1))
    return functools.partial(_surrogate, np.sqrt(fft2(full).real.clip(min=0)), np.sort(values, axis=None), values.shape)


def _surrogate(
    filter: NDArray[np.float64], ordered: NDArray[np.float64], shape: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float64]:
    field = ifft2(fft2(rng.normal(size=filter.shape)) * filter).real[: shape[0], : shape[1]]
    surrogate = np.empty(ordered.size)
    surrogate[np.argsort(field, axis=None)] = ordered
    return surrogate.reshape(shape)


def _refine(values: NDArray[np.float64], lattice: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reciprocal vectors at the most power of all harmonics, and their covariance (4, 4) from the curvature there."""
    signal = _windowed(values)
    smooth = _smooth_spectrum(values)
    index = np.round(HARMONICS @ lattice * smooth.shape).astype(int) % smooth.shape
    level = smooth[index[:, 0], index[:, 1]]
    power = _spectrum(values)[index[:, 0], index[:, 1]] / level
    # the first harmonics hold the lattice, and those above the noise sharpen it
    inside = np.hypot(*(HARMONICS @ lattice).T) <= FINEST
    used = inside & ((power > NOISE) | (np.abs(HARMONICS).max(1) == 1))
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
    return _reduced(lattice + found.x.reshape(2, 2) * bin_width), covariance


def _hessian(function: Callable[[NDArray[np.float64]], float], place: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    unit = step * np.eye(len(place))
    value = [[sum(a * b * function(place + a * p + b * q) for a in (-1, 1) for b in (-1, 1)) for q in unit] for p in unit]
    return np.asarray(value) / (4 * step**2)


def _real_lattice(reciprocal: NDArray[np.float64], covariance: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reduced lattice vectors (rows) of reciprocal ones (rows), with standard deviations."""
    vectors = np.asarray(np.linalg.inv(reciprocal).T, float)
    reduced = _reduced(vectors)
    # d(A^-T) = -A^-T dA^T A^-T; the reduction only combines rows with whole numbers
    combine = np.round(reduced @ np.linalg.inv(vectors))
    slopes = [combine @ (-vectors @ change.reshape(2, 2).T @ vectors) for change in np.eye(4)]
    jacobian = np.stack([slope.ravel() for slope in slopes], -1)
    variance = np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian)
    return reduced, np.sqrt(variance.clip(min=0)).reshape(2, 2)


def _autocorrelation_lattice(correlation: NDArray[np.float64], lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """The autocorrelation's maxima beside lattice vectors, by its centroid over half the way to the next."""
    center = np.array(correlation.shape) // 2
    reach = int(max(1, np.hypot(*lattice.T).min() / 4))
    row, column = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    found = []
    for vector in lattice:
        place = center + np.round(vector).astype(int)
        near = correlation[np.clip(place[0] + row, 0, correlation.shape[0] - 1), np.clip(place[1] + column, 0, correlation.shape[1] - 1)]
        design = np.stack(
            [np.ones(row.size), row.ravel(), column.ravel(), row.ravel() ** 2, (row * column).ravel(), column.ravel() ** 2], -1
        )
        _, down, right, curve_y, cross, curve_x = np.linalg.lstsq(design, near.ravel(), rcond=None)[0]
        step = np.linalg.lstsq(np.array([[2 * curve_y, cross], [cross, 2 * curve_x]]), [-down, -right], rcond=None)[0]
        found.append(place - center + step.clip(-reach, reach))
    return np.array(found)


def _tail(statistic: float, null: NDArray[np.float64]) -> float:
    """Probability of a surrogate beyond the statistic; where few are there, of Gumbel's law, which maxima follow."""
    beyond = int((null >= statistic).sum())
    if beyond >= SURE:
        return (beyond + 1) / (len(null) + 1)
    scale = max(np.sqrt(6) / np.pi * float(null.std(ddof=1)), 1e-9)
    place = float(null.mean()) - np.euler_gamma * scale
    return float(-np.expm1(-np.exp(-(statistic - place) / scale)))


def _labelled(values: NDArray[np.float64], dims: tuple[str, str], coords: list[NDArray[np.float64]], units: str, name: str) -> xr.DataArray:
    labels = {dim: (dim, place, {"units": units}) for dim, place in zip(dims, coords, strict=True)}
    return xr.DataArray(values, dims=dims, coords=labels, attrs={"units": "1", "long_name": name})
