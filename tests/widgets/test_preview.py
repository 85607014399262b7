from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import polwidgets as pw
from polwidgets.widgets.preview import binned, coarse_first, plan_preview, quantised_rows


@given(st.integers(1, 300))
def test_every_row_travels_once(count):
    assert sorted(coarse_first(count)) == list(range(count))


def test_rows_spread_over_the_scan_from_the_start():
    assert coarse_first(8) == (0, 4, 2, 6, 1, 5, 3, 7)


@given(st.tuples(*[st.integers(1, 70)] * 4), st.floats(1e3, 1e8))
def test_a_preview_stays_within_its_budget(shape, budget):
    plan = plan_preview(shape, budget)
    size = shape[0] * shape[1] * plan.detector_shape[0] * plan.detector_shape[1] * plan.bits // 8
    assert size <= budget or plan.detector_shape == (1, 1)
    assert plan.detector_shape == (-(-shape[2] // plan.binning), -(-shape[3] // plan.binning))
    assert [row for index in range(plan.chunks) for row in plan.chunk(index)] == list(plan.rows)


def test_rows_of_one_chunk_travel_together():
    plan = plan_preview((10, 4, 8, 8), 1e9, stored_together=4)
    assert plan.rows == (0, 1, 2, 3, 8, 9, 4, 5, 6, 7)
    large = plan_preview((10, 120, 64, 64), 1e9, stored_together=4)
    assert large.rows_per_chunk == 4


def test_no_chunk_is_too_large_to_travel():
    assert plan_preview((10, 300, 64, 64), 1e9, stored_together=4).rows_per_chunk == 1


def test_what_fits_is_neither_binned_nor_coarse():
    plan = plan_preview((10, 12, 32, 30), 2 * 10 * 12 * 32 * 30)
    assert (plan.binning, plan.bits) == (1, 16)
    assert plan_preview((10, 12, 32, 30), 10 * 12 * 32 * 30).bits == 8
    assert plan_preview((10, 12, 32, 30), 10 * 12 * 32 * 30 - 1).binning == 2


def test_impossible_wishes_are_refused():
    with pytest.raises(ValueError, match="budget must be positive, got 0"):
        plan_preview((2, 2, 4, 4), 0)
    with pytest.raises(IndexError, match="chunk 1 does not exist; there are 1"):
        plan_preview((2, 2, 4, 4), 1e6).chunk(1)


def test_bins_are_means_and_the_last_takes_what_is_left():
    patterns = np.arange(2 * 3 * 5, dtype=np.float32).reshape(2, 3, 5)
    found = binned(patterns, 2)
    assert found.shape == (2, 2, 3)
    np.testing.assert_allclose(found[1, 0, 1], patterns[1, 0:2, 2:4].mean())
    np.testing.assert_allclose(found[0, 1, 2], patterns[0, 2, 4])


@pytest.mark.parametrize(("bits", "budget"), [(16, 1e6), (8, 12 * 13 * 4 * 5 * 1.0)])
def test_values_survive_the_journey(bits, budget):
    rng = np.random.default_rng(3)
    cube = pw.make_cube(rng.normal(10, 20, (4, 5, 12, 13)).astype(np.float32))
    plan = plan_preview(cube.shape, budget)
    assert (plan.bits, plan.binning) == (bits, 1)
    data, lowest, highest = quantised_rows(cube, (2, 0), plan)
    travelled = np.frombuffer(data, f"<u{bits // 8}").reshape(2, 5, 12, 13)
    for index, row in enumerate((2, 0)):
        span = highest[index] - lowest[index]
        values = lowest[index] + (travelled[index] / (2**bits - 1)) ** 2 * span
        # half a step of the root makes at most this error
        np.testing.assert_allclose(values, cube.values[row], atol=1.01 * span / (2**bits - 1))


def test_missing_values_do_not_spoil_a_row():
    values = np.ones((1, 2, 3, 3), np.float32)
    values[0, 0, 1, 1] = np.nan
    cube = pw.make_cube(values)
    data, lowest, highest = quantised_rows(cube, (0,), plan_preview(cube.shape, 1e6))
    assert (lowest, highest) == ([0.0], [1.0])
    assert np.frombuffer(data, "<u2")[4] == 0
