"""What a map says of a region of the scan: how many, how sure, how right, and what is taken for what."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.directions import NAMES, angular_difference, nearest_class

RIGHT_deg = 22.5  # half of the distance between two classes


class RegionSummary(NamedTuple):
    """Of the positions of a region.

    ``probability`` (8,) is the mean; ``confusion`` (8, 8) counts positions by true and by predicted class, and
    ``correct`` is the share within 22.5 degrees of the truth: None and NaN where no truth is known.
    """

    positions: int
    confidence: float
    probability: NDArray[np.float64]
    confusion: NDArray[np.int64] | None
    correct: float


def correctness(direction_deg: NDArray[np.float64], truth_deg: NDArray[np.float64]) -> NDArray[np.float64]:
    """One where a direction is within 22.5 degrees of the truth, zero where not, NaN where either is unknown."""
    known = np.isfinite(direction_deg) & np.isfinite(truth_deg)
    off = np.abs(angular_difference(np.where(known, direction_deg, 0.0), np.where(known, truth_deg, 0.0)))
    return np.where(known, (off <= RIGHT_deg).astype(float), np.nan)


def summarise(prediction: xr.Dataset, truth_deg: NDArray[np.float64] | None, mask: NDArray[np.bool_]) -> RegionSummary:
    """Summary of the positions in a mask (scan_y, scan_x)."""
    direction = np.asarray(prediction["direction_deg"].values, float)
    confusion, correct = None, float("nan")
    if truth_deg is not None:
        known = mask & np.isfinite(truth_deg) & np.isfinite(direction)
        confusion = np.zeros((len(NAMES), len(NAMES)), np.int64)
        np.add.at(confusion, (nearest_class(truth_deg[known]), nearest_class(direction[known])), 1)
        correct = float(correctness(direction, truth_deg)[known].mean()) if known.any() else float("nan")
    return RegionSummary(
        positions=int(mask.sum()),
        confidence=float(prediction["confidence"].values[mask].mean()),
        probability=np.asarray(prediction["probability"].values[mask].mean(0), float),
        confusion=confusion,
        correct=correct,
    )


def shares(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """A confusion matrix in shares of every true class; NaN for classes that do not occur."""
    totals = confusion.sum(1, keepdims=True)
    return np.where(totals > 0, confusion / np.maximum(totals, 1), np.nan)
