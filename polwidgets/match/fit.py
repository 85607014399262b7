"""Least-squares fit of the conditions to a measurement."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from polwidgets.match.conditions import Conditions
from polwidgets.match.least_squares import least_squares
from polwidgets.match.library import PARAELECTRIC, Library, Variant
from polwidgets.match.measurement import Measurement

BACKGROUND_WIDTHS = (0.4, 0.8, 1.4)  # 1/angstrom: Gaussians that with a constant make a smooth diffuse background


@dataclasses.dataclass(frozen=True)
class ConditionsFit:
    """Conditions at the least misfit.

    Attributes
    ----------
    conditions : Conditions
    errors : dict
        Standard deviation of every fitted condition, scaled to the misfit that is left.
    dose : float
        Incident counts a pattern that the scale of the patterns means.
    background : array (shape,)
        Counts a (1/angstrom)^2 of the `background_shapes`.
    expected : array (term, pixel)
        Modelled counts, background included.
    misfit : float
        Weighted square misfit a degree of freedom: one where counting noise is all that is left.
    correlation : float
        Weighted correlation of data and model over everything that depends on the position, corrected for noise.
    gain : float
        Counts an electron, see `Measurement`.
    """

    conditions: Conditions
    errors: dict[str, float]
    dose: float
    background: NDArray[np.float64]
    expected: NDArray[np.float64]
    misfit: float
    correlation: float
    gain: float


def fit_conditions(
    measurement: Measurement,
    library: Library,
    start: Conditions,
    *,
    free: Sequence[str],
    domains: Mapping[Variant, float] = types.MappingProxyType({PARAELECTRIC: 1.0}),
    steps: int = 10,
) -> ConditionsFit:
    """Least squares over the `free` conditions, from `start`; dose and background are eliminated linearly.

    `domains` are the displaced variants in the scan, with their shares of it; by default the undisplaced crystal.
    """

    def residual(conditions: Conditions) -> NDArray[np.float64]:
        return _eliminate(measurement, library, domains, conditions)[0]

    found = least_squares(residual, start, free=free, steps=steps)
    _, expected, amounts = _eliminate(measurement, library, domains, found.conditions)
    freedom = max(expected.size - len(free) - len(amounts), 1)
    return ConditionsFit(
        conditions=found.conditions,
        errors=found.errors(free, found.square / freedom),
        dose=float(amounts[0]),
        background=amounts[1:] / measurement.pixel_area,
        expected=expected,
        misfit=found.square / freedom / _noise(measurement),
        correlation=_correlation(measurement, expected),
        gain=measurement.gain,
    )


def _eliminate(
    measurement: Measurement, library: Library, domains: Mapping[Variant, float], conditions: Conditions
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Whitened misfit, modelled counts (term, pixel), and the amounts of pattern and background by non-negative least squares."""
    model = np.zeros_like(measurement.coefficients)
    for variant, share in domains.items():
        model += share * measurement.pixel_area * library.expected(variant, conditions, measurement.k, order=measurement.order)
    background = background_shapes(measurement.k, (conditions.center_y, conditions.center_x))
    root_weight = np.sqrt(measurement.weight)
    data = (measurement.root @ measurement.coefficients) * root_weight
    diffuse = np.zeros((len(background), *data.shape))
    diffuse[:, 0] = measurement.root[0, 0] * background * root_weight
    design = np.concatenate([((measurement.root @ model) * root_weight)[None], diffuse]).reshape(1 + len(background), -1)
    normal = design @ design.T
    triangle = np.linalg.cholesky(normal + 1e-9 * np.diag(np.diag(normal)))
    amounts = nnls(triangle.T, np.linalg.solve(triangle, design @ data.ravel()))[0]
    expected = amounts[0] * model
    expected[0] += amounts[1:] @ background
    return data.ravel() - amounts @ design, expected, amounts


def background_shapes(k: NDArray[np.float64], center: tuple[float, float]) -> NDArray[np.float64]:
    """A constant and Gaussians about the centre, (shape, pixel)."""
    square = ((k - np.array(center)) ** 2).sum(1)
    return np.stack([np.ones(len(k)), *(np.exp(-square / (2 * width**2)) for width in BACKGROUND_WIDTHS)])


def _noise(measurement: Measurement) -> float:
    """Variance of the whitened coefficients by counting alone; the floor in the weights makes it less than the gain."""
    return measurement.gain * float((measurement.weight * measurement.coefficients[0].clip(min=0)).mean())


def _correlation(measurement: Measurement, expected: NDArray[np.float64]) -> float:
    """Of the position-dependent terms, corrected for counting noise: one for a perfect model at any dose."""
    root_weight = np.sqrt(measurement.weight)
    data, model = ((measurement.root[1:, 1:] @ values[1:]) * root_weight for values in (measurement.coefficients, expected))
    signal = (data**2).sum() - data.size * _noise(measurement)
    return float(np.clip((data * model).sum() / np.sqrt(max(signal, 1e-300) * max((model**2).sum(), 1e-300)), -1, 1))
