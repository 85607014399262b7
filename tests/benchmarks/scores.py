"""How good a map is where the truth is known: the numbers that several benchmarks print."""

from __future__ import annotations

import dataclasses

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from polwidgets.directions import angular_difference

RIGHT_DEG = 22.5
BINS = 10


@dataclasses.dataclass(frozen=True)
class Scores:
    """Of one map; what the model does not know is NaN.

    Attributes
    ----------
    right, right_everywhere, right_when_sure : float
        Share of positions within 22.5 degrees of the truth: further than a cell from any wall, all, and the first without
        the least confident fifth of the scan.
    calibration_error : float
        Expected calibration error: the mean gap of confidence and share right over ten bins of confidence.
    displacement_pm : float
        Median over the whole scan.
    bias_pm, spread_pm : float
        Mean and standard deviation of displacement minus truth, further than a cell from any wall.
    coverage : float
        Share of those positions where the truth lies within the stated error (0.68 for an honest standard deviation).
    """

    right: float
    right_everywhere: float
    right_when_sure: float
    calibration_error: float
    displacement_pm: float = np.nan
    bias_pm: float = np.nan
    spread_pm: float = np.nan
    coverage: float = np.nan


def score(prediction: xr.Dataset, direction_deg: NDArray[np.float64], *, displacement_pm: float, cell_px: float) -> Scores:
    """Compare a map with the true directions (scan_y, scan_x) and the true displacement.

    A unit cell is `cell_px` probe positions wide; a position is pure where one domain fills a cell around it.
    """
    window = round(cell_px) + 1
    pure = maximum_filter(direction_deg, window, mode="nearest") == minimum_filter(direction_deg, window, mode="nearest")
    right = np.abs(angular_difference(prediction["direction_deg"].values, direction_deg)) <= RIGHT_DEG
    confidence = prediction["confidence"].values
    sure = confidence >= np.quantile(confidence, 0.2)
    scores = Scores(right[pure].mean(), right.mean(), right[pure & sure].mean(), _calibration_error(confidence[pure], right[pure]))
    if "displacement_pm" not in prediction:
        return scores
    found = prediction["displacement_pm"].values
    error = (found - displacement_pm)[pure]
    covered = np.abs(error) < prediction["displacement_error_pm"].values[pure]
    return dataclasses.replace(
        scores, displacement_pm=float(np.median(found)), bias_pm=error.mean(), spread_pm=error.std(), coverage=covered.mean()
    )


def _calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    place = (confidence * BINS).astype(int).clip(max=BINS - 1)
    gaps = [abs((confidence - right)[place == number].sum()) for number in range(BINS)]
    return float(sum(gaps) / right.size)
