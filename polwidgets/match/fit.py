"""Least-squares fit of the conditions to a measurement."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from polwidgets.match.conditions import Conditions, natural_step
from polwidgets.match.library import Library, Variant
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
        Weighted correlation of data and model over everything but the constant background.
    """

    conditions: Conditions
    errors: dict[str, float]
    dose: float
    background: NDArray[np.float64]
    expected: NDArray[np.float64]
    misfit: float
    correlation: float


def fit_conditions(
    measurement: Measurement,
    library: Library,
    variant: Variant,
    start: Conditions,
    *,
    free: Sequence[str],
    steps: int = 10,
) -> ConditionsFit:
    """Levenberg-Marquardt over the `free` conditions, from `start`; dose and background are eliminated linearly."""
    names = list(free)
    conditions = start
    residual, expected, amounts = _residual(measurement, library, variant, conditions)
    damping, square = 1e-3, float(residual @ residual)
    jacobian = np.zeros((len(names), len(residual)))
    for _ in range(steps):
        for row, name in enumerate(names):
            nudged = conditions.moved([name], [0.5])
            # at a limit the step is cut; the slope is taken over what was left of it
            change = (getattr(nudged, name) - getattr(conditions, name)) / natural_step(name)
            if change == 0:
                nudged, change = conditions.moved([name], [-0.5]), -0.5
            jacobian[row] = (_residual(measurement, library, variant, nudged)[0] - residual) / change
        normal, slope = jacobian @ jacobian.T, jacobian @ residual
        improved = 0.0
        while damping < 1e4:
            step = np.clip(-np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-12), slope), -4, 4)
            trial = conditions.moved(names, step.tolist())
            trial = dataclasses.replace(trial, thickness_A=float(np.clip(trial.thickness_A, *library.thicknesses_A[[0, -1]])))
            found = _residual(measurement, library, variant, trial)
            if (lower := float(found[0] @ found[0])) < square:
                improved = (square - lower) / square
                conditions, square, (residual, expected, amounts) = trial, lower, found
                damping = max(damping / 10, 1e-7)
                break
            damping *= 10
        if improved < 1e-4:
            break
    freedom = max(len(residual) - len(names) - 1 - len(BACKGROUND_WIDTHS) - 1, 1)
    # the floor in the weights lowers the misfit of perfect data below one; undo that
    noise = float((measurement.weight * measurement.coefficients[0].clip(min=0)).mean())
    covariance = np.linalg.pinv(jacobian @ jacobian.T) * square / freedom
    errors = {name: float(np.sqrt(covariance[i, i])) * natural_step(name) for i, name in enumerate(names)}
    background = amounts[1:] / measurement.pixel_area
    return ConditionsFit(conditions, errors, float(amounts[0]), background, expected, square / freedom / noise, _correlation(measurement, expected))


def _residual(
    measurement: Measurement, library: Library, variant: Variant, conditions: Conditions
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Whitened misfit, modelled counts (term, pixel), and the amounts of pattern and background by non-negative least squares."""
    model = library.expected(variant, conditions, measurement.k, order=measurement.order) * measurement.pixel_area
    background = background_shapes(measurement.k, (conditions.center_y, conditions.center_x))
    root_weight = np.sqrt(measurement.weight)
    data = (measurement.root @ measurement.coefficients) * root_weight
    whitened = (measurement.root @ model) * root_weight
    first = np.zeros((len(background), *data.shape))
    first[:, 0] = measurement.root[0, 0] * background * root_weight
    design = np.concatenate([whitened[None], first]).reshape(1 + len(background), -1)
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


def _correlation(measurement: Measurement, expected: NDArray[np.float64]) -> float:
    """Of the position-dependent terms; of the patterns' deviation from their mean where there are none."""
    rows = slice(1, None) if measurement.order else slice(0, 1)
    root_weight = np.sqrt(measurement.weight)
    data, model = ((measurement.root[rows, rows] @ values[rows]) * root_weight for values in (measurement.coefficients, expected))
    if not measurement.order:
        data, model = data - data.mean(), model - model.mean()
    return float((data * model).sum() / np.sqrt((data**2).sum() * (model**2).sum() + 1e-300))
