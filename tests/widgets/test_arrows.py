from __future__ import annotations

import numpy as np

from polwidgets.widgets.arrows import mean_arrows


def test_arrows_point_where_the_polarization_points():
    for angle, down, right in ((0.0, 0, 1), (90.0, -1, 0), (180.0, 0, -1), (270.0, 1, 0)):
        arrows = mean_arrows(np.full((4, 6), angle), np.ones((4, 6)), across=3)
        np.testing.assert_allclose(arrows.down, down, atol=1e-12)
        np.testing.assert_allclose(arrows.right, right, atol=1e-12)


def test_arrows_stand_in_the_middle_of_their_blocks():
    arrows = mean_arrows(np.zeros((5, 8)), np.ones((5, 8)), across=4)
    assert sorted(set(arrows.row)) == [0.5, 2.5, 4.0]
    assert sorted(set(arrows.column)) == [0.5, 2.5, 4.5, 6.5]


def test_blocks_that_contradict_themselves_get_short_arrows():
    direction = np.array([[0.0, 180.0], [0.0, 180.0]])
    assert np.hypot(*mean_arrows(direction, np.ones((2, 2)), across=1)[2:]) < 1e-12
    sure = np.array([[1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_allclose(mean_arrows(direction, sure, across=1).right, 1.0)


def test_where_nothing_is_known_there_is_no_arrow():
    direction = np.array([[np.nan, 90.0], [0.0, 90.0]])
    confidence = np.array([[1.0, 1.0], [0.0, 1.0]])
    arrows = mean_arrows(direction, confidence, across=2)
    assert sorted(zip(arrows.row, arrows.column, strict=True)) == [(0.0, 1.0), (1.0, 1.0)]
