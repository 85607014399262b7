from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from polwidgets.analysis.scores import expected_calibration_error, majority_class, pure_region, score
from polwidgets.directions import nearest_class


def a_map(direction_deg: NDArray[np.float64], confidence: NDArray[np.float64], **more: NDArray[np.float64]) -> xr.Dataset:
    dims = ("scan_y", "scan_x")
    variables = {"direction_deg": direction_deg, "direction": nearest_class(direction_deg), "confidence": confidence, **more}
    return xr.Dataset({name: (dims, values) for name, values in variables.items()})


def test_calibration_error_of_a_calibrated_forecast_is_small() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.125, 1, 200_000)
    assert expected_calibration_error(confidence, rng.random(confidence.size) < confidence) < 0.01


@pytest.mark.parametrize(("sureness", "share_right"), [(0.95, 0.5), (0.35, 0.75), (1.0, 0.25)])
def test_calibration_error_of_one_bin_is_its_gap(sureness: float, share_right: float) -> None:
    right = np.arange(100) < 100 * share_right
    assert expected_calibration_error(np.full(100, sureness), right) == pytest.approx(abs(sureness - share_right))


def test_calibration_error_weighs_bins_by_their_size() -> None:
    confidence = np.repeat([0.95, 0.25], [30, 10])
    right = np.r_[np.ones(15), np.zeros(15), np.ones(10)]
    # gaps of 0.45 and 0.75 in three quarters and one quarter
    assert expected_calibration_error(confidence, right) == pytest.approx(0.75 * 0.45 + 0.25 * 0.75)


def test_over_and_underconfidence_of_different_bins_do_not_cancel() -> None:
    assert expected_calibration_error([0.95, 0.15], [0, 1]) == pytest.approx((0.95 + 0.85) / 2)


def test_pure_region_ends_half_a_cell_from_the_wall() -> None:
    truth = np.where(np.arange(20) < 8, 90.0, 270.0) * np.ones((6, 1))
    pure = pure_region(truth, cell_px=3.9)
    assert (pure == pure[:1]).all()
    # a window of five positions around 6 to 9 holds both domains
    np.testing.assert_array_equal(np.flatnonzero(~pure[0]), [6, 7, 8, 9])


def test_scores_of_a_map_with_known_mistakes() -> None:
    truth = np.where(np.arange(16) < 8, 0.0, 180.0) * np.ones((10, 1))
    found = truth.copy()
    found[:2] += 350  # ten degrees off is right
    found[9, :6] += 45  # six wrong, away from the wall
    found[5, 7] += 180  # one wrong, at the wall
    confidence = np.full(truth.shape, 0.9)
    confidence[8:] = 0.3  # the least confident fifth, with the six
    scores = score(a_map(found % 360, confidence), truth, cell_px=3)
    pure = 10 * 12  # a window of five positions: two columns on either side of the wall are impure
    assert scores.right == pytest.approx(1 - 6 / pure)
    assert scores.right_everywhere == pytest.approx(1 - 7 / 160)
    assert scores.right_when_sure == 1
    assert scores.right_everywhere_when_sure == pytest.approx(1 - 1 / 128)
    assert scores.circular_error_deg == pytest.approx((2 * 12 * 10 + 6 * 45) / pure)
    assert scores.calibration_error == pytest.approx(0.8 * 0.1 + 0.2 * abs(0.3 - 18 / 24))
    assert (scores.majority, scores.majority_share) == ("LM", 81 / 160)
    assert np.isnan(scores.coverage)
    assert np.isnan(scores.displacement_pm)


def test_displacement_is_scored_away_from_the_wall() -> None:
    truth = np.where(np.arange(12) < 6, 90.0, 270.0) * np.ones((4, 1))
    length = np.full(truth.shape, 15.0)
    length[:, :2] = 12.0
    length[:, 5:7] = 0.0  # at the wall
    scores = score(
        a_map(truth, np.ones(truth.shape), displacement_pm=length, displacement_error_pm=np.full(truth.shape, 2.5)), truth,
        cell_px=1, displacement_pm=14.0,
    )  # fmt: skip
    error = np.array([-2, -2, 1, 1, 1, 1, 1, 1, 1, 1])  # of every row's pure positions
    assert scores.displacement_pm == 15.0
    assert scores.bias_pm == pytest.approx(error.mean())
    assert scores.spread_pm == pytest.approx(error.std())
    assert scores.coverage == 1.0


def test_majority_class() -> None:
    assert majority_class([[5, 5], [1, 5]]) == ("LD", 0.75)


def test_a_truth_of_another_shape_is_named() -> None:
    found = np.zeros((4, 6))
    with pytest.raises(ValueError, match=r"\(6, 4\).*\(4, 6\)"):
        score(a_map(found, found + 1), found.T, cell_px=1)


def test_a_scan_all_wall_is_named() -> None:
    found = 90.0 * np.arange(4) * np.ones((4, 1))
    with pytest.raises(ValueError, match="larger scan"):
        score(a_map(found, found + 1), found, cell_px=4)
