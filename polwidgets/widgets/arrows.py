"""Arrows on a map of directions: few enough to be read, each the mean of the positions around it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from polwidgets.directions import direction_to_vector


class Arrows(NamedTuple):
    """Arrows in scan pixels; each field is an array (arrow,)."""

    row: NDArray[np.float64]
    column: NDArray[np.float64]
    down: NDArray[np.float64]
    right: NDArray[np.float64]


def mean_arrows(direction_deg: NDArray[np.float64], confidence: NDArray[np.float64], *, across: int = 16) -> Arrows:
    """Confidence-weighted mean directions of square blocks.

    Parameters
    ----------
    direction_deg, confidence : array (scan_y, scan_x)
    across : int
        How many arrows the longer side of the map has room for.

    Returns
    -------
    Arrows
        At the middles of the blocks. The length, at most 1, is that of the mean of unit vectors: blocks that contradict
        themselves get short arrows.
    """
    height, width = direction_deg.shape
    block = max(1, -(-max(height, width) // across))
    valid = np.isfinite(direction_deg) & np.isfinite(confidence)
    weight = np.where(valid, np.clip(confidence, 0, 1), 0.0)
    vector = direction_to_vector(np.where(valid, direction_deg, 0.0)) * weight[..., None]
    starts_y, starts_x = np.arange(0, height, block), np.arange(0, width, block)

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.add.reduceat(np.add.reduceat(values, starts_y, axis=0), starts_x, axis=1)

    summed, weights = total(vector), total(weight)
    middle_y = (starts_y + np.minimum(starts_y + block, height) - 1) / 2
    middle_x = (starts_x + np.minimum(starts_x + block, width) - 1) / 2
    row, column = np.meshgrid(middle_y, middle_x, indexing="ij")
    shown = weights > 0
    mean = summed[shown] / weights[shown][:, None]
    return Arrows(row[shown], column[shown], mean[:, 0], mean[:, 1])
