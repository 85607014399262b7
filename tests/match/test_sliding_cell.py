"""Sums over exactly one cell, and walls that stay sharp."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import polwidgets as pw
from polwidgets.cube.unit_cell import UnitCell
from polwidgets.directions import ANGLES_DEG
from polwidgets.match.sliding_cell import pool_over_cell, sharpen_walls, window_size

SHAPE = (30, 37)


def scan(width: tuple[float, float], shape: tuple[int, int] = SHAPE) -> tuple[xr.DataArray, UnitCell]:
    """A scan whose cell of 3.9 x 4.1 angstrom is `width` steps wide."""
    cube = pw.make_cube(np.zeros((*shape, 2, 2)), scan_step_A=(3.9 / width[0], 4.1 / width[1]), k_step=0.1)
    return cube, UnitCell(np.array([[0.2, 0.7], [1 / 3.9, 0], [0, 1 / 4.1]]))


WIDTHS = [(12.0, 9.0), (7.3, 11.8), (2.2, 5.0), (1.0, 3.7)]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_window_is_one_cell(width: tuple[float, float]) -> None:
    cube, cell = scan(width)
    assert window_size(cube, cell) == pytest.approx(width)
    pooled = pool_over_cell(np.full((*SHAPE, 2), [1.0, -3.0]), cube, cell)
    np.testing.assert_allclose(pooled, np.full((*SHAPE, 2), [1.0, -3.0]) * np.prod(width))


@pytest.mark.parametrize("width", WIDTHS)
def test_windows_lie_about_their_position(width: tuple[float, float]) -> None:
    cube, cell = scan(width)
    y, x = np.indices(SHAPE)
    pooled = pool_over_cell(3.0 * y - 5.0 * x, cube, cell)
    margin = [int(np.ceil((w - 1) / 2)) for w in width]
    inside = tuple(slice(m, n - m) for m, n in zip(margin, SHAPE, strict=True))
    np.testing.assert_allclose(pooled[inside], np.prod(width) * (3.0 * y - 5.0 * x)[inside])


@pytest.mark.parametrize(("width", "left"), [((12.0, 9.0), 1e-9), ((7.3, 11.8), 0.03)])
def test_the_cell_s_own_pattern_cancels(width: tuple[float, float], left: float) -> None:
    cube, cell = scan(width)
    phase = 2 * np.pi * cell.phase_of(cube)
    own = np.cos(phase[..., 0]) + np.sin(phase[..., 1]) + np.cos(phase[..., 0] + phase[..., 1])
    assert np.abs(pool_over_cell(own, cube, cell)).max() < left * np.prod(width)


def test_a_quarter_turned_lattice_swaps_its_edges() -> None:
    cube, _ = scan((12.0, 9.0))
    turned = UnitCell(np.array([[0, 0], [0, -1 / 4.1], [1 / 3.9, 0]]))
    step_y, step_x = 3.9 / 12, 4.1 / 9
    assert window_size(cube, turned) == pytest.approx((4.1 / step_y, 3.9 / step_x))


@pytest.mark.parametrize("shape", [(1, 37), (5, 4), (30, 1)])
def test_a_window_is_never_larger_than_the_scan(shape: tuple[int, int]) -> None:
    cube, cell = scan((12.0, 9.0), shape)
    pooled = pool_over_cell(np.ones(shape), cube, cell)
    assert pooled.shape == shape
    assert np.isfinite(pooled).all()
    assert pooled.max() <= np.prod(shape) + 1e-9


def evidence(truth: np.ndarray, seed: int = 0) -> np.ndarray:
    """Noisy evidence for eight directions of two lengths, where the true direction (class) is known."""
    angle = np.deg2rad(np.asarray(ANGLES_DEG) - 45.0 * truth[..., None])
    clean = np.concatenate([0.6 * np.cos(angle) - 0.18, np.cos(angle) - 0.5], -1)
    return clean + np.random.default_rng(seed).normal(0, 0.5, clean.shape)


@pytest.mark.parametrize("wall", [15, 20])
def test_a_wall_stays_sharp(wall: int) -> None:
    """Between 0 and 90 degrees a window over the wall votes for 45; a window of one's own side does not."""
    cube, cell = scan((12.0, 9.0))
    truth = np.broadcast_to(np.where(np.arange(SHAPE[1]) < wall, 0, 2), SHAPE)
    mixed = pool_over_cell(evidence(truth), cube, cell)
    before = mixed.copy()
    sharp = sharpen_walls(mixed, cube, cell)
    np.testing.assert_array_equal(mixed, before)
    found, blurred = sharp.argmax(-1) % 8, mixed.argmax(-1) % 8
    assert ((found != truth).sum(1) <= 1).all()
    assert ((blurred != truth).sum(1) >= 2).all()


def test_without_a_wall_nothing_changes() -> None:
    cube, cell = scan((12.0, 9.0))
    pooled = pool_over_cell(evidence(np.full(SHAPE, 5)), cube, cell)
    np.testing.assert_array_equal(sharpen_walls(pooled, cube, cell), pooled)
