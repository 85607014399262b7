"""Cells as series: symmetries and sliding fits against analytic patterns, and what a batch draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr
from numpy.typing import NDArray

from polwidgets.cube.schema import make_cube
from polwidgets.cube.unit_cell import UnitCell
from polwidgets.directions import direction_to_vector, rotate_vector
from polwidgets.match.library import shift_series
from polwidgets.simulate.patterns import basis, source_damping
from polwidgets.training.cell_draws import REFERENCE_SOURCE_A, CellDraws, source_factor
from polwidgets.training.cells import K_STEP, ORDER, REACH, SIDE, SlidingCells, cell_pixels, symmetries

TERMS = basis(np.zeros(2), ORDER).size
PIXELS = len(cell_pixels())


def transformed(vector: NDArray[np.float64], mirrored: bool, quarters: int) -> NDArray[np.float64]:
    """A (down, right) vector under a mirror that exchanges left and right, then anticlockwise quarter turns."""
    return rotate_vector(vector * np.array([1.0, -1.0 if mirrored else 1.0]), 90.0 * quarters)


def test_pixels_are_the_square_s_own() -> None:
    k = cell_pixels()
    assert np.hypot(*k.T).max() <= REACH
    places = {tuple(place) for place in np.round(k / K_STEP + (SIDE - 1) / 2).astype(int).tolist()}
    assert len(places) == PIXELS
    assert {(column, SIDE - 1 - row) for row, column in places} == places


@pytest.mark.parametrize("number", range(8))
def test_a_symmetry_takes_every_pattern_to_its_place(number: int) -> None:
    """The pattern at a phase, seen at a pixel, is found at the transformed phase and the transformed pixel."""
    symmetry = symmetries()[number]
    assert (symmetry.mirrored, symmetry.quarters) == (number >= 4, number % 4)
    series = np.random.default_rng(number).normal(size=(TERMS, PIXELS))
    series[0] = 0
    new = symmetry.series(torch.from_numpy(series[1:])).numpy()
    phase, pixel = np.array([0.23, 0.61]), 17
    there = basis(transformed(phase, symmetry.mirrored, symmetry.quarters), ORDER)[1:] @ new
    k = cell_pixels()
    same = np.hypot(*(k - transformed(k[pixel], symmetry.mirrored, symmetry.quarters)).T).argmin()
    assert there[same] == pytest.approx(basis(phase, ORDER) @ series[:, pixel])


@pytest.mark.parametrize("number", range(8))
def test_a_symmetry_turns_directions_and_mistilt_alike(number: int) -> None:
    symmetry = symmetries()[number]
    for new, old in enumerate(symmetry.directions.tolist()):
        expected = transformed(direction_to_vector(45.0 * old), symmetry.mirrored, symmetry.quarters)
        np.testing.assert_allclose(direction_to_vector(45.0 * new), expected, atol=1e-12)
    up, right = 1.3, -0.4
    down_right = transformed(np.array([-up, right]), symmetry.mirrored, symmetry.quarters)
    np.testing.assert_allclose(symmetry.tilt(torch.tensor([up, right])), [-down_right[0], down_right[1]], atol=1e-6)


def turned_scan(turn_deg: float, shape: tuple[int, int] = (37, 44), step_A: float = 0.31) -> tuple[xr.DataArray, UnitCell]:
    cube = make_cube(np.zeros((*shape, 2, 2), np.uint8), scan_step_A=step_A, k_step=0.1, voltage_kV=200.0, semiangle_mrad=24.0)
    angle = np.deg2rad(turn_deg)
    rows = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / 3.97
    return cube, UnitCell(np.concatenate([[[0.13, 0.71]], rows.T]))


@pytest.mark.parametrize("turn_deg", [0.0, 8.0, 35.0])
def test_the_series_of_a_uniform_scan_is_found_everywhere(turn_deg: float) -> None:
    cube, unit_cell = turned_scan(turn_deg)
    truth = np.random.default_rng(2).normal(size=(TERMS, 5))
    values = (basis(unit_cell.phase_of(cube), ORDER) @ truth).astype(np.float32)
    cells = SlidingCells(cube, unit_cell, np.ones(values.shape[0] * values.shape[1], bool))
    np.testing.assert_allclose(cells.series(values), np.broadcast_to(truth, (37, 44, TERMS, 5)), atol=2e-3)
    np.testing.assert_allclose(cells.patterns, (3.97 / 0.31) ** 2, rtol=0.01)


@pytest.mark.parametrize("turn_deg", [0.0, 25.0])
def test_a_wall_divides_the_series_and_blanked_positions_do_not_count(turn_deg: float) -> None:
    cube, unit_cell = turned_scan(turn_deg)
    rng = np.random.default_rng(3)
    left, right = rng.normal(size=(2, TERMS, 3))
    terms = basis(unit_cell.phase_of(cube), ORDER)
    values = np.where(np.arange(44)[:, None] < 22, terms @ left, terms @ right).astype(np.float32)
    lit = rng.random((37, 44)) > 0.1
    values[~lit] = 1e3
    cells = SlidingCells(cube, unit_cell, lit.ravel())
    found = cells.series(values)
    # no cell at these columns reaches the wall
    for truth, columns in ((left, slice(0, 14)), (right, slice(30, 44))):
        off = np.linalg.norm(found[:, columns] - truth, axis=(-2, -1)) / np.linalg.norm(truth)
        assert off.max() < 0.25
        assert np.median(off) < 0.1
    assert cells.patterns.max() < 0.97 * (3.97 / 0.31) ** 2


@pytest.fixture
def draws() -> CellDraws:
    series = 0.1 + 0.01 * torch.randn(3, 8, TERMS, PIXELS, generator=torch.Generator().manual_seed(1))
    thickness, tilt = torch.tensor([100.0, 200.0, 300.0]), torch.tensor([[1.0, -2.0], [0.0, 0.5], [3.0, 1.0]])
    return CellDraws(series.half(), thickness, tilt, 3.97, (0.2, 0.4), (1e3, 2e3), (100.0, 200.0), 0.1)


def test_a_batch_holds_every_direction_and_is_drawn_by_its_generator(draws: CellDraws) -> None:
    first, again = (draws(torch.tensor([2, 0]), torch.Generator().manual_seed(4)) for _ in range(2))
    other = draws(torch.tensor([2, 0]), torch.Generator().manual_seed(5))
    assert first.series.shape == (16, TERMS - 1, PIXELS)
    polar = first.target.max(1).values == 1
    assert (first.target.argmax(1)[polar] == torch.arange(8).repeat(2)[polar]).all()
    assert polar.float().mean() > 0.5
    assert (first.target[~polar] == 1 / 8).all()
    torch.testing.assert_close(first.series, again.series, rtol=0, atol=0)
    assert not torch.equal(first.series, other.series)
    np.testing.assert_allclose(first.thickness_A[[0, 8]], [300, 100], atol=15)
    np.testing.assert_allclose(torch.linalg.norm(first.tilt_mrad, dim=1)[[0, 8]], [10**0.5, 5**0.5], atol=0.3)
    assert 1e5 <= float(first.electrons.min()) <= float(first.electrons.max()) <= 4e5


def test_noise_is_that_of_counting() -> None:
    """Of a flat pattern without structure, every coefficient scatters by twice the mean over all electrons of the cell."""
    series = torch.zeros(1, 8, TERMS, PIXELS)
    series[:, :, 0] = 0.08
    draws = CellDraws(series, torch.tensor([100.0]), torch.zeros(1, 2), 3.97, (0.3, 0.3), (500.0, 500.0), (144.0, 144.0), 0.0)
    drawn = draws(torch.zeros(40, dtype=torch.long), torch.Generator().manual_seed(2))
    low = drawn.series[:, :4]  # the slowest terms; the source's factor is near one
    expected = 2 / (500 * 144 * K_STEP**2) / 1.0
    assert float(low.var()) == pytest.approx(expected, rel=0.1)


def test_the_origin_and_the_source_act_as_in_the_simulator(draws: CellDraws) -> None:
    series = np.random.default_rng(5).normal(size=(TERMS, 7))
    phase = (0.03, -0.11)
    moved = draws._moved(torch.from_numpy(series[None, 1:].astype(np.float32)), torch.tensor([phase]))[0]
    np.testing.assert_allclose(moved, shift_series(series, ORDER, phase)[1:], atol=1e-5)
    damping = draws._damping(torch.tensor([0.37]))[0]
    np.testing.assert_allclose(damping, source_damping(ORDER, 0.37, (3.97, 3.97))[1:], rtol=1e-5)
    brought = damping * source_factor(torch.tensor([0.37]), 3.97)[0]
    np.testing.assert_allclose(brought, source_damping(ORDER, REFERENCE_SOURCE_A, (3.97, 3.97))[1:], rtol=1e-5)
