from __future__ import annotations

import numpy as np
import pytest

from polwidgets.widgets.map_region import correctness, shares, summarise


def test_right_is_within_half_a_class_across_zero_too():
    found = correctness(np.array([350.0, 350.0, 10.0, 90.0, np.nan, 5.0]), np.array([10.0, 14.0, 350.0, 270.0, 0.0, np.nan]))
    np.testing.assert_array_equal(found, [1, 0, 1, 0, np.nan, np.nan])


def test_a_region_is_summed_up(prediction):
    truth = np.full((20, 28), 45.0)
    truth[:, 20:] = np.nan
    mask = np.zeros((20, 28), bool)
    mask[2:16, 15:24] = True
    found = summarise(prediction, truth, mask)
    direction = prediction["direction_deg"].values
    known = mask & np.isfinite(truth)
    assert found.positions == 14 * 9
    assert found.confusion.sum() == known.sum()
    # truth RU is class 1; what is LM, class 4, was taken for it
    assert found.confusion[1, 1] == (direction[known] == 45).sum()
    assert found.confusion[1, 4] == (direction[known] == 180).sum() > 0
    assert found.correct == pytest.approx((direction[known] == 45).mean())
    np.testing.assert_allclose(found.probability, prediction["probability"].values[mask].mean(0))
    np.testing.assert_allclose(shares(found.confusion)[1].sum(), 1)
    assert np.isnan(shares(found.confusion)[0]).all()


def test_without_truth_there_is_no_confusion(prediction):
    found = summarise(prediction, None, np.ones((20, 28), bool))
    assert found.confusion is None
    assert np.isnan(found.correct)
