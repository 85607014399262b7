"""Levenberg-Marquardt over conditions, in their natural steps.

scipy's is not used: it differentiates with steps relative to the values, and these have natural ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polwidgets.match.conditions import Conditions, natural_step

LARGEST_STEP = 4.0  # natural steps at a time
ENOUGH = 1e-4  # relative improvement below which a fit has converged


class Minimum(NamedTuple):
    """Where the misfit is least.

    ``covariance`` is that of the free conditions in natural steps, for residuals of unit variance.
    """

    conditions: Conditions
    square: float
    covariance: NDArray[np.float64]

    def errors(self, free: Sequence[str], variance: float) -> dict[str, float]:
        """Standard deviations of the free conditions in their own units, for residuals of this variance."""
        sigma = np.sqrt(np.diag(self.covariance).clip(0) * variance)
        return {name: float(value) * natural_step(name) for name, value in zip(free, sigma, strict=True)}


def least_squares(
    residual: Callable[[Conditions], NDArray[np.float64]], start: Conditions, *, free: Sequence[str], steps: int = 10
) -> Minimum:
    """Minimise the sum of squares of `residual` over the `free` conditions."""
    names = list(free)
    conditions, misfit = start, residual(start)
    damping, square = 1e-3, float(misfit @ misfit)
    jacobian = np.zeros((len(names), len(misfit)))
    for _ in range(steps):
        for row, name in enumerate(names):
            nudged = conditions.moved([name], [0.5])
            if nudged == conditions:  # at its upper limit
                nudged = conditions.moved([name], [-0.5])
            change = (getattr(nudged, name) - getattr(conditions, name)) / natural_step(name)
            jacobian[row] = (residual(nudged) - misfit) / change
        normal, slope = jacobian @ jacobian.T, jacobian @ misfit
        improved = 0.0
        while damping < 1e4:
            step = -np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-12), slope)
            trial = conditions.moved(names, np.clip(step, -LARGEST_STEP, LARGEST_STEP).tolist())
            found = residual(trial)
            if (lower := float(found @ found)) < square:
                improved = (square - lower) / square
                conditions, square, misfit = trial, lower, found
                damping = max(damping / 10, 1e-7)
                break
            damping *= 10
        if improved < ENOUGH:
            break
    return Minimum(conditions, square, np.asarray(np.linalg.pinv(jacobian @ jacobian.T), float))
