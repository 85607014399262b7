"""Evidence as a smooth function of the displacement vector."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
from numpy.typing import NDArray

POWERS: Final = tuple((i, j) for i in range(5) for j in range(5 - i))  # of a quartic in the displacement's two components


@dataclasses.dataclass(frozen=True)
class Surface:
    """Log-likelihood as a quartic in the displacement (down, right), at every probe position.

    Attributes
    ----------
    coefficients : array (..., monomial)
    """

    coefficients: NDArray[np.float64]

    @classmethod
    def through(cls, points: NDArray[np.float64], values: NDArray[np.float64]) -> Surface:
        """Least-squares quartic through values (..., point) at points (point, 2)."""
        return cls(values @ np.linalg.pinv(_monomials(points, 0, 0)).T)

    def value(self, vector: NDArray[np.float64], down: int = 0, right: int = 0) -> NDArray[np.float64]:
        """The surface, or its derivative of the given orders, at vectors (..., 2)."""
        return np.asarray((self.coefficients * _monomials(vector, down, right)).sum(-1))

    def maximum(self, limit: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Vector (..., 2) of the maximum within `limit`, and its covariance (..., 2, 2): minus the inverse curvature."""
        radius, angle = np.meshgrid(np.linspace(0.1, limit, 8), np.deg2rad(np.arange(0, 360, 7.5)), indexing="ij")
        grid = np.stack([radius * np.sin(angle), radius * np.cos(angle)], -1).reshape(-1, 2)
        table = self.coefficients @ _monomials(grid, 0, 0).T
        vector = grid[table.argmax(-1)]
        for _ in range(8):
            curvature = self._curvature(vector)
            slope = np.stack([self.value(vector, 1, 0), self.value(vector, 0, 1)], -1)
            step = np.linalg.solve(curvature, slope[..., None])[..., 0]
            far = np.hypot(step[..., 0], step[..., 1])
            vector = vector + step * np.minimum(1.0, 0.1 / np.maximum(far, 1e-9))[..., None]
            long = np.hypot(vector[..., 0], vector[..., 1])
            vector = vector * np.minimum(1.0, limit / np.maximum(long, 1e-9))[..., None]
        return vector, np.asarray(np.linalg.inv(self._curvature(vector)), float)

    def _curvature(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """Minus the second derivatives, made positive definite."""
        cross = self.value(vector, 1, 1)
        matrix = -np.stack([np.stack([self.value(vector, 2, 0), cross], -1), np.stack([cross, self.value(vector, 0, 2)], -1)], -2)
        values, axes = np.linalg.eigh(matrix)
        values = np.maximum(np.abs(values), 1e-3)
        return np.asarray((axes * values[..., None, :]) @ np.swapaxes(axes, -1, -2))


def _monomials(vector: NDArray[np.float64], down: int, right: int) -> NDArray[np.float64]:
    """Derivatives of the quartic's monomials at vectors (..., 2); (..., monomial)."""
    y, x = np.asarray(vector)[..., 0], np.asarray(vector)[..., 1]

    def power(value: NDArray[np.float64], exponent: int, derivative: int) -> NDArray[np.float64]:
        factor = np.prod(np.arange(exponent - derivative + 1, exponent + 1)) if derivative else 1
        return np.asarray(factor * value ** (exponent - derivative)) if exponent >= derivative else np.zeros_like(value)

    return np.stack([power(y, i, down) * power(x, j, right) for i, j in POWERS], -1)
