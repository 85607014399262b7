"""How good a map is where the truth is known."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from polwidgets.directions import NAMES, angular_difference

RIGHT_DEG: Final = 22.5
BINS: Final = 10
ABSTAINED: Final = 0.2


@dataclasses.dataclass(frozen=True)
class Scores:
    """Of one map; what the model does not know is NaN.

    A position is pure where one domain fills the unit cell around it: half a cell or more from any wall.

    Attributes
    ----------
    right, right_everywhere : float
        Share of positions within 22.5 degrees of the truth: of the pure ones, and of all.
    right_when_sure, right_everywhere_when_sure : float
        The same without the least confident fifth of the scan.
    circular_error_deg : float
        Mean angle between map and truth over the pure positions, 0 to 180 degrees; 90 is chance.
    calibration_error, calibration_error_everywhere : float
        Expected calibration error over the pure positions, and over all.
    majority, majority_share : str, float
        The class that the map names most often, and how often; ties go to the first in `polwidgets.directions.NAMES`.
    displacement_pm : float
        Median over the whole scan.
    bias_pm, spread_pm : float
        Mean and standard deviation of displacement minus truth over the pure positions.
    coverage : float
        Share of those positions where the truth lies within the stated error (0.68 for an honest standard deviation).
    """

    right: float
    right_everywhere: float
    right_when_sure: float
    right_everywhere_when_sure: float
    circular_error_deg: float
    calibration_error: float
    calibration_error_everywhere: float
    majority: str
    majority_share: float
    displacement_pm: float = np.nan
    bias_pm: float = np.nan
    spread_pm: float = np.nan
    coverage: float = np.nan


def score(prediction: xr.Dataset, direction_deg: ArrayLike, *, cell_px: float, displacement_pm: float = np.nan) -> Scores:
    """Compare a map with the truth.

    Parameters
    ----------
    prediction : Dataset on (scan_y, scan_x)
        As `polwidgets.map_polarization` returns it.
    direction_deg : array (scan_y, scan_x)
        True directions in the scan frame.
    cell_px : float
        Probe positions along an edge of the unit cell.
    displacement_pm : float, optional
        The true displacement.

    Raises
    ------
    ValueError
        The truth has another shape than the map, or no position is pure.
    """
    found = prediction["direction_deg"].values
    truth = np.asarray(direction_deg, float)
    if truth.shape != found.shape:
        raise ValueError(f"the true directions have the shape {truth.shape}, the map {found.shape}; give one direction a probe position")
    pure = pure_region(truth, cell_px)
    if not pure.any():
        raise ValueError(f"around no position does one domain fill a unit cell ({cell_px:.1f} positions wide); score a larger scan")
    angle = np.abs(angular_difference(found, truth))
    right = angle <= RIGHT_DEG
    confidence = prediction["confidence"].values
    sure = confidence >= np.quantile(confidence, ABSTAINED)
    majority, share = majority_class(prediction["direction"].values)
    scores = Scores(
        right=float(right[pure].mean()),
        right_everywhere=float(right.mean()),
        right_when_sure=float(right[pure & sure].mean()) if (pure & sure).any() else np.nan,
        right_everywhere_when_sure=float(right[sure].mean()),
        circular_error_deg=float(angle[pure].mean()),
        calibration_error=expected_calibration_error(confidence[pure], right[pure]),
        calibration_error_everywhere=expected_calibration_error(confidence.ravel(), right.ravel()),
        majority=majority,
        majority_share=share,
    )
    if "displacement_pm" not in prediction:
        return scores
    displacement = prediction["displacement_pm"].values
    error = (displacement - displacement_pm)[pure]
    covered = np.abs(error) < prediction["displacement_error_pm"].values[pure]
    return dataclasses.replace(
        scores,
        displacement_pm=float(np.median(displacement)),
        bias_pm=float(error.mean()),
        spread_pm=float(error.std()),
        coverage=float(covered.mean()) if np.isfinite(displacement_pm) else np.nan,
    )


def pure_region(direction_deg: NDArray[np.float64], cell_px: float) -> NDArray[np.bool_]:
    """Positions (scan_y, scan_x) around which one domain fills a unit cell of `cell_px` positions."""
    window = 2 * int(np.ceil(cell_px / 2)) + 1
    highest, lowest = (filtered(direction_deg, window, mode="nearest") for filtered in (maximum_filter, minimum_filter))
    return np.asarray(highest == lowest)


def expected_calibration_error(confidence: ArrayLike, right: ArrayLike, *, bins: int = BINS) -> float:
    """Mean gap of confidence and share right over equal bins of confidence, weighted by how many fall into each.

    The expected calibration error of Guo et al., doi:10.48550/arXiv.1706.04599.

    Parameters
    ----------
    confidence : array (n,)
        Zero to one.
    right : bool array (n,)
    """
    sureness, correct = np.asarray(confidence, float), np.asarray(right, float)
    place = (sureness * bins).astype(int).clip(max=bins - 1)
    gap = np.bincount(place, sureness - correct, minlength=bins)
    return float(np.abs(gap).sum() / sureness.size)


def majority_class(direction: ArrayLike) -> tuple[str, float]:
    """Name and share of the class (0 to 7) that occurs most often."""
    count = np.bincount(np.asarray(direction).ravel(), minlength=len(NAMES))
    return NAMES[int(count.argmax())], float(count.max() / count.sum())
