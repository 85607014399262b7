"""The eight polarization directions and the one place where the screen's sign is written.

Directions are degrees anticlockwise as seen on screen from +scan_x, in the scan frame, in [0, 360). Rows grow downward
on screen, so up is minus row.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

NAMES: Final = ("RM", "RU", "MU", "LU", "LM", "LD", "MD", "RD")
ANGLES_DEG: Final = tuple(45.0 * index for index in range(8))


def direction_to_vector(direction_deg: ArrayLike) -> NDArray[np.float64]:
    """Unit vector (down, right), that is (row, column), of a direction in degrees; shape (..., 2)."""
    angle = np.deg2rad(np.asarray(direction_deg, float))
    return np.stack([-np.sin(angle), np.cos(angle)], axis=-1)


def vector_to_direction(vector: ArrayLike) -> NDArray[np.float64]:
    """Direction in degrees, in [0, 360), of a (down, right) vector of shape (..., 2)."""
    down, right = np.moveaxis(np.asarray(vector, float), -1, 0)
    # adding zero turns -0.0 into 0.0, the second remainder catches 360.0 rounded up from tiny negatives
    return np.asarray((np.rad2deg(np.arctan2(-down, right)) % 360.0) % 360.0 + 0.0)


def rotate_vector(vector: ArrayLike, angle_deg: ArrayLike) -> NDArray[np.float64]:
    """Turn (down, right) vectors of shape (..., 2) anticlockwise on screen."""
    angle = np.deg2rad(np.asarray(angle_deg, float))
    down, right = np.moveaxis(np.asarray(vector, float), -1, 0)
    return np.stack([np.cos(angle) * down - np.sin(angle) * right, np.sin(angle) * down + np.cos(angle) * right], axis=-1)


def nearest_class(direction_deg: ArrayLike) -> NDArray[np.int8]:
    """Index of the nearest of the eight classes."""
    return (np.round(np.asarray(direction_deg, float) / 45.0).astype(int) % 8).astype(np.int8)


def angular_difference(first_deg: ArrayLike, second_deg: ArrayLike) -> NDArray[np.float64]:
    """Signed difference first - second in degrees, in [-180, 180)."""
    return np.asarray((np.asarray(first_deg, float) - np.asarray(second_deg, float) + 180.0) % 360.0 - 180.0)
