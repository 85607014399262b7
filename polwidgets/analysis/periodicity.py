"""Whether a model's errors repeat with the unit cell, and with which lattice: measured without knowing the crystal.

A map of errors is compared with surrogates that have the same error rate and the same clusters, but repeat nothing: random
fields with the map's power spectrum, less its sharp peaks. What stands out of the spectrum, in more than one row and beyond
what surrogates show, is a lattice.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.fft import fft2, fftfreq, fftshift, ifft2

from polwidgets.analysis.lattice import background, best_lattice, real_lattice, refine, spectrum, standing_out
from polwidgets.cube.schema import LENGTH, WAVENUMBER, step_of
from polwidgets.cube.unit_cell import UnitCell
from polwidgets.directions import angular_difference
from polwidgets.progress import Progress, reporter

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
        deviations, angstrom. Of the best lattice there is, or beside the given one, whether significant or not.
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


def error_periodicity(
    error: xr.DataArray, *, unit_cell: UnitCell | None = None, surrogates: int = 99, seed: int = 0, progress: bool | Progress = False
) -> Periodicity:
    """Lattice and significance of a map's periodicity.

    Parameters
    ----------
    error : DataArray (scan_y, scan_x)
        For example `error_map`, or one minus a prediction's confidence; coords in angstrom.
    unit_cell : UnitCell, optional
        The crystal's, from the match: whether errors repeat with it is asked more sharply than whether they repeat at all,
        with any cell of at least five steps that the scan holds at least three times.
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
    look: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]] = best_lattice
    if unit_cell is not None:
        look = functools.partial(_given_lattice, lattice=unit_cell.matrix * steps)
    statistic, lattice = look(values)
    draw = _surrogate_source(values)
    null = np.empty(surrogates)
    for number in range(surrogates):
        null[number] = look(draw(rng))[0]
        report("draw aperiodic maps", (number + 1) / surrogates)
    reciprocal, covariance = refine(values, lattice)
    lattice_px, error_px = real_lattice(reciprocal, covariance)
    correlation = autocorrelation(values)
    scale = np.array(steps)
    origin = np.array([error["scan_y"].values[0], error["scan_x"].values[0]])
    vectors = np.linalg.inv(lattice_px * scale).T
    power = fftshift(spectrum(values))
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


def _surrogate_source(values: NDArray[np.float64]) -> functools.partial[NDArray[np.float64]]:
    """Draws maps with the values of the given one, and its spectrum but for the sharp peaks."""
    amplitude = np.sqrt(background(spectrum(values), values.shape))
    return functools.partial(_surrogate, amplitude, np.sort(values, axis=None), values.shape)


def _surrogate(
    amplitude: NDArray[np.float64], ordered: NDArray[np.float64], shape: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float64]:
    field = ifft2(fft2(rng.normal(size=amplitude.shape)) * amplitude).real[: shape[0], : shape[1]]
    surrogate = np.empty(ordered.size)
    surrogate[np.argsort(field, axis=None)] = ordered
    return surrogate.reshape(shape)


def _given_lattice(values: NDArray[np.float64], lattice: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    power = spectrum(values)
    return float(standing_out(power / background(power, values.shape), lattice[None], noise=1.0)[0]), lattice


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
