"""Lattices planted in maps of errors, and maps that have none."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from polwidgets.analysis.periodicity import autocorrelation, error_map, error_periodicity
from polwidgets.cube.unit_cell import UnitCell

STEP_A = (0.25, 0.2)
SHAPE = (60, 72)
CELL_A = np.diag([3.7, 3.1])


def labelled(values: NDArray[np.float64]) -> xr.DataArray:
    coords = {
        dim: (dim, 3.0 + np.arange(size) * step, {"units": "angstrom"})
        for dim, size, step in zip(("scan_y", "scan_x"), values.shape, STEP_A, strict=True)
    }
    return xr.DataArray(values, dims=("scan_y", "scan_x"), coords=coords)


def periodic(lattice_A: NDArray[np.float64], *, seed: int = 0) -> xr.DataArray:
    """Errors that are drawn more often inside a spot of every cell of a lattice given by its vectors (rows, down and right)."""
    y, x = np.meshgrid(*(3.0 + np.arange(size) * step for size, step in zip(SHAPE, STEP_A, strict=True)), indexing="ij")
    phase = np.stack([y, x], -1) @ np.linalg.inv(lattice_A) % 1
    rate = np.where(np.hypot(phase[..., 0] - 0.4, 1.5 * (phase[..., 1] - 0.6)) < 0.25, 0.9, 0.1)
    return labelled((np.random.default_rng(seed).random(SHAPE) < rate).astype(float))


@pytest.mark.parametrize("lattice_A", [CELL_A, np.array([[3.4, 0.6], [-0.9, 4.0]])], ids=["straight", "oblique"])
def test_a_planted_lattice_is_found(lattice_A: NDArray[np.float64]) -> None:
    found = error_periodicity(periodic(lattice_A), surrogates=30)
    assert found.p_value < 1e-3
    off = np.linalg.norm(found.lattice_A - lattice_A, axis=1) / np.linalg.norm(lattice_A, axis=1)
    assert off.max() < 0.01
    assert np.abs((found.lattice_A - lattice_A) / found.lattice_error_A).max() < 5
    assert np.linalg.norm(found.autocorrelation_lattice_A - lattice_A, axis=1).max() < 0.4
    assert found.rate == pytest.approx(0.1 + 0.8 * np.pi * 0.25**2 / 1.5, abs=0.03)
    # the unit cell's phases step by one along every lattice vector
    first, second = lattice_A
    phase = found.unit_cell.phase(np.array([3.0, 3.0 + first[0]]), np.array([3.0, 3.0 + first[1]]))
    assert phase[1, 1] == pytest.approx([1, 0], abs=0.02)
    phase = found.unit_cell.phase(np.array([3.0, 3.0 + second[0]]), np.array([3.0, 3.0 + second[1]]))
    assert phase[0, 0] == pytest.approx([0, 0], abs=1e-9)
    assert phase[1, 1] == pytest.approx([0, 1], abs=0.02)


@pytest.mark.slow
def test_no_periodicity_is_claimed_of_errors_without_a_lattice() -> None:
    """At a level of one in twenty, ten maps without a lattice give three alarms once in ninety times."""
    rng = np.random.default_rng(2)
    maps = [rng.permutation(periodic(CELL_A).values.ravel()).reshape(SHAPE) for _ in range(4)]
    for width in (1, 2, 3, 2):
        field = gaussian_filter(rng.normal(size=SHAPE), width) * 3 * width + rng.normal(size=SHAPE)
        maps.append((field > np.quantile(field, 0.6)).astype(float))
    maps += [np.tile((np.arange(72) // 9 == 3).astype(float), (60, 1)), np.subtract.outer(np.arange(60), 0.7 * np.arange(72)) > 5]
    for cell in (None, UnitCell(np.concatenate([np.zeros((1, 2)), np.linalg.inv(CELL_A)]))):
        p_values = [error_periodicity(labelled(values.astype(float)), unit_cell=cell, surrogates=15, seed=3).p_value for values in maps]
        assert sum(p < 0.05 for p in p_values) < 3
        assert min(p_values) > 1e-4


def test_a_cell_that_is_given_is_asked_for_alone() -> None:
    error = periodic(CELL_A)
    own, other = (UnitCell(np.concatenate([np.zeros((1, 2)), np.linalg.inv(scale * CELL_A)])) for scale in (1.0, 1.27))
    found = error_periodicity(error, unit_cell=own, surrogates=15)
    assert found.p_value < 1e-3
    assert np.abs(found.lattice_A - CELL_A).max() < 0.04
    assert error_periodicity(error, unit_cell=other, surrogates=15).p_value > 0.05
    shuffled = labelled(np.random.default_rng(0).permutation(error.values.ravel()).reshape(SHAPE))
    for cell in (None, own):
        assert error_periodicity(shuffled, unit_cell=cell, surrogates=15).p_value > 0.05


def test_the_whole_cell_is_found_where_half_of_it_nearly_repeats() -> None:
    """Two spots in every cell, one of which errs a little less: the half cell explains most, the whole one more."""
    y, x = np.meshgrid(*(np.arange(size) * step for size, step in zip(SHAPE, STEP_A, strict=True)), indexing="ij")
    first, second = y / 3.75 % 1, x / 3.6 % 1
    rate = np.where(np.hypot(first - 0.25, second - 0.5) < 0.2, 0.95, np.where(np.hypot(first - 0.75, second - 0.5) < 0.2, 0.5, 0.05))
    found = error_periodicity(labelled((np.random.default_rng(1).random(SHAPE) < rate).astype(float)), surrogates=5)
    assert np.abs(found.lattice_A - np.diag([3.75, 3.6])).max() < 0.08


def test_the_same_seed_gives_the_same_answer_and_progress_may_cancel() -> None:
    error = periodic(CELL_A)
    before = error.copy(deep=True)
    one, two = (error_periodicity(error, surrogates=5, seed=4) for _ in range(2))
    assert one.p_value == two.p_value
    np.testing.assert_array_equal(one.surrogate_statistics, two.surrogate_statistics)
    xr.testing.assert_identical(error, before)

    def cancel(step: str, fraction: float) -> None:
        raise InterruptedError(step, fraction)

    with pytest.raises(InterruptedError):
        error_periodicity(error, surrogates=5, progress=cancel)


def test_the_autocorrelation_of_a_wave_is_a_wave() -> None:
    values = np.cos(2 * np.pi * np.arange(48) / 12)[:, None] * np.ones(7)
    correlation = autocorrelation(values)
    assert correlation.shape == (95, 13)
    assert correlation[47, 6] == pytest.approx(1)
    assert correlation[47 + 12, 6] == pytest.approx(1, abs=1e-9)
    assert correlation[47 + 6, 9] == pytest.approx(-1, abs=1e-9)


def test_what_is_wrong_is_marked() -> None:
    truth = np.array([[0.0, 90.0], [350.0, np.nan]])
    prediction = xr.Dataset({"direction_deg": (("scan_y", "scan_x"), np.array([[22.0, 135.0], [10.0, 0.0]]))})
    np.testing.assert_array_equal(error_map(prediction, truth), [[0, 1], [0, np.nan]])
    np.testing.assert_array_equal(error_map(prediction, prediction), np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"shape \(3, 2\).*\(2, 2\)"):
        error_map(prediction, np.zeros((3, 2)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((20, 20)), "no error at all"),
        (np.ones((20, 20)), "nothing but errors"),
        (np.eye(7), "at least 8 x 8"),
        (np.full((20, 20), np.nan), "no known position"),
    ],
)
def test_maps_without_a_pattern_are_refused(values: NDArray[np.float64], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        error_periodicity(labelled(values))
