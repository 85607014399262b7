"""What a library's patterns must be, by identity with the simulator they come from."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
import torch

from polwidgets.crystal.base import crystals
from polwidgets.match.conditions import Conditions
from polwidgets.match.library import Library, Variant, _interpolation, shift_series, turn_series
from polwidgets.simulate.detector import pixel_grid
from polwidgets.simulate.patterns import basis

ORDER = 3
AXIS = 0.08 * (np.arange(21) - 10)
GRID = pixel_grid(AXIS, AXIS)


THICKNESSES_A = np.arange(20.0, 70.0, 8.0)


def build(crystal: str = "knn", thicknesses_A: np.ndarray = THICKNESSES_A) -> Library:
    optics = {"voltage_kV": 200.0, "semiangle_mrad": 12.0}
    return Library(crystals.build(crystal), **optics, thicknesses_A=thicknesses_A, k_outgoing=1.0, mesh=3, k_limit=2.0)


@functools.cache
def library(crystal: str = "knn") -> Library:
    return build(crystal)


def pictures(series: np.ndarray | torch.Tensor, phase: np.ndarray) -> np.ndarray:
    """Patterns (position, row, column) of a series on the square grid."""
    terms = basis(phase, ORDER)
    return (terms @ np.asarray(series).reshape(terms.shape[1], -1)).reshape(len(phase), len(AXIS), len(AXIS))


PHASES = np.random.default_rng(5).random((6, 2))


@pytest.mark.parametrize("origin", [(0.0, 0.0), (0.3, -0.2), (1.0, 5.0)])
def test_a_shifted_series_is_read_elsewhere(origin: tuple[float, float]) -> None:
    series = np.random.default_rng(0).normal(size=(basis(PHASES, ORDER).shape[1], len(GRID)))
    before = series.copy()
    np.testing.assert_allclose(pictures(shift_series(series, ORDER, origin), PHASES), pictures(series, PHASES + origin), atol=1e-10)
    np.testing.assert_array_equal(series, before)


@pytest.mark.parametrize("quarters", [0, 1, 2, 3, 4, 5])
def test_a_turned_series_turns_place_and_picture(quarters: int) -> None:
    series = torch.from_numpy(np.random.default_rng(1).normal(size=(basis(PHASES, ORDER).shape[1], len(AXIS), len(AXIS))))
    turned = PHASES
    for _ in range(quarters):
        turned = np.stack([-turned[:, 1], turned[:, 0]], -1)  # what was to the right is above
    found = pictures(turn_series(series, ORDER, quarters), turned)
    np.testing.assert_allclose(found, np.rot90(pictures(series, PHASES), quarters, (1, 2)), atol=1e-10)


@pytest.mark.parametrize("wanted", [20.0, 31.0, 36.0, 50.0, 59.9, 60.0])
def test_interpolation_is_exact_for_parabolas(wanted: float) -> None:
    saved = np.array([20.0, 30.0, 40.0, 50.0, 60.0])
    parts = _interpolation(saved, wanted)
    assert sum(weight for _, weight in parts) == pytest.approx(1)
    assert sum(weight * (2 - 3 * saved[i] + 0.5 * saved[i] ** 2) for i, weight in parts) == pytest.approx(2 - 3 * wanted + 0.5 * wanted**2)
    assert max(abs(saved[i] - wanted) for i, _ in parts) <= 20


@pytest.mark.parametrize("wanted", [20.0, 23.0, 30.0])
def test_interpolation_of_two_thicknesses_is_linear(wanted: float) -> None:
    saved = np.array([20.0, 30.0])
    assert sum(weight * saved[i] for i, weight in _interpolation(saved, wanted)) == pytest.approx(wanted)


def test_interpolation_does_not_reach_beyond_what_is_saved() -> None:
    assert _interpolation(np.array([20.0, 30.0, 40.0]), 55.0) == [(2, pytest.approx(1.0))]
    assert _interpolation(np.array([20.0]), 55.0) == [(0, pytest.approx(1.0))]


@pytest.mark.parametrize("direction_deg", [100.0, 200.0, 315.0])
def test_turned_variants_are_the_simulated_ones(direction_deg: float) -> None:
    """A quarter turn of a computed variant against the variant itself, with mistilt, which must not turn along."""
    conditions = Conditions(thickness_A=44.0, tilt_y_mrad=1.0, tilt_x_mrad=-2.5, center_y=0.03, blur=0.02, origin_y=0.1, origin_x=0.3)
    variant = Variant(0.2, direction_deg)
    direct = library()
    assert direct.fourfold
    quick = direct.expected(variant, conditions, GRID, order=ORDER)
    slow = build()
    slow.__dict__["fourfold"] = False
    full = slow.expected(variant, conditions, GRID, order=ORDER)
    other = slow.expected(Variant(0.2, direction_deg + 90), conditions, GRID, order=ORDER)
    assert np.linalg.norm(quick - full) < 1e-3 * np.linalg.norm(full)
    assert np.linalg.norm(other - full) > 0.01 * np.linalg.norm(full)


def test_tetragonal_cells_are_not_fourfold() -> None:
    assert not library("pbtio3").fourfold
    assert library("srtio3").fourfold


@pytest.mark.parametrize("k_scale", [1.0, 0.95])
def test_expected_is_a_density_of_fractions(k_scale: float) -> None:
    wide = 0.08 * (np.arange(41) - 20)
    seen = library().expected(Variant(0.0, 0.0), Conditions(thickness_A=20.0, blur=0.02, k_scale=k_scale), pixel_grid(wide, wide), order=0)
    assert seen[0].sum() * 0.08**2 == pytest.approx(1.0, abs=0.05)


def test_turning_the_detector_turns_the_pattern() -> None:
    """Crystal and mistilt as seen on the detector: turning the crystal by a quarter is rot90 where the tilt turns with it."""
    straight = Conditions(thickness_A=60.0, tilt_x_mrad=3.0, blur=0.02)
    turned = Conditions(thickness_A=60.0, tilt_y_mrad=3.0, blur=0.02, rotation_deg=90.0)
    variant = Variant(0.2, 20.0)
    first, second = (library().expected(variant, c, GRID, order=0)[0].reshape(21, 21) for c in (straight, turned))
    np.testing.assert_allclose(second, np.rot90(first), atol=2e-3 * first.max())
    assert np.abs(second - first).max() > 0.05 * first.max()


def test_a_thickness_between_the_saved_ones() -> None:
    fine, sparse = (build(thicknesses_A=3.97 * np.array(cells)) for cells in ([10], [4, 8, 12]))
    conditions = Conditions(thickness_A=39.7)
    exact, between = (lib.expected(Variant(0.0, 0.0), conditions, GRID, order=1) for lib in (fine, sparse))
    assert np.linalg.norm(between - exact) < 0.02 * np.linalg.norm(exact)


@pytest.mark.parametrize("direction_deg", [0.0, 110.0, 290.0])
def test_one_position_is_a_value_of_the_series(direction_deg: float) -> None:
    conditions = Conditions(thickness_A=47.0, tilt_y_mrad=1.5, source_A=0.3, rotation_deg=10.0, origin_y=0.2, blur=0.03)
    variant = Variant(0.2, direction_deg)
    phase = (0.15, 0.7)
    whole = basis(np.array(phase), 6) @ library().expected(variant, conditions, GRID, order=6)
    one = library().expected_at(variant, conditions, GRID, phase=phase)
    assert np.linalg.norm(one - whole) < 1e-3 * np.linalg.norm(whole)
    defocused = library().expected_at(variant, conditions, GRID, phase=phase, defocus_A=50.0)
    assert np.linalg.norm(defocused - whole) > 0.05 * np.linalg.norm(whole)


def test_the_thickness_series_is_that_of_the_averaged_patterns() -> None:
    conditions = Conditions(tilt_x_mrad=2.0, blur=0.03)
    series = library().thickness_series(conditions, GRID)
    for index, thickness in enumerate(library().thicknesses_A):
        one = library().expected(Variant(0.0, 0.0), dataclasses.replace(conditions, thickness_A=float(thickness)), GRID, order=0)[0]
        np.testing.assert_allclose(series[index], one, rtol=1e-5, atol=1e-9)
