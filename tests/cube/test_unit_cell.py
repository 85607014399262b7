"""The lattice in images whose every position's phase is known."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from polwidgets.cube.schema import make_cube
from polwidgets.cube.unit_cell import UnitCell, find_unit_cell, fold, monomials

EDGE = 3.97


class Scene(NamedTuple):
    """An image of columns and the true phase (down, right) of its positions."""

    image: xr.DataArray
    phase: NDArray[np.float64]


def scene(
    shape: tuple[int, int] = (48, 40),
    cells: tuple[float, float] = (4.3, 3.2),
    *,
    rotation_deg: float = 0.0,
    drift: tuple[float, float] = (0.0, 0.0),
    edges: tuple[float, float] = (EDGE, EDGE),
    origin: tuple[float, float] = (0.13, 0.71),
    counts: float | None = None,
    weaker: float = 0.4,
    seed: int = 0,
) -> Scene:
    """Gaussian columns: bright ones at whole phases, `weaker` ones at the cell's middle.

    `drift` is the specimen's movement (down, right) while the slow axis advances by one unit.
    """
    step = [edge * count / size for edge, count, size in zip(edges, cells, shape, strict=True)]
    y, x = np.meshgrid(*(np.arange(size) * width for size, width in zip(shape, step, strict=True)), indexing="ij")
    down, right = y * (1 - drift[0]), x - y * drift[1]
    # on screen right is real and up imaginary; the crystal is turned anticlockwise in the scan
    turned = (right - 1j * down) * np.exp(-1j * np.deg2rad(rotation_deg))
    phase = np.stack([-turned.imag / edges[0], turned.real / edges[1]], -1) + origin

    def columns(place: NDArray[np.float64]) -> NDArray[np.float64]:
        distance = ((place + 0.5) % 1 - 0.5) * edges
        return np.asarray(np.exp(-(distance**2).sum(-1) / (2 * 0.6**2)))

    image = 0.4 + columns(phase) + weaker * columns(phase + 0.5)
    if counts is not None:
        image = np.random.default_rng(seed).poisson(counts * image).astype(float)
    coords = make_cube(np.zeros((*shape, 1, 1)), scan_step_A=(step[0], step[1])).coords
    return Scene(xr.DataArray(image, dims=("scan_y", "scan_x"), coords={dim: coords[dim] for dim in ("scan_y", "scan_x")}), phase)


def phase_error(found: UnitCell, truth: Scene) -> float:
    """Largest deviation in cells; a square lattice may be found turned by quarters."""
    deviations = []
    quarter = np.array([[0, -1], [1, 0]])
    for turns in range(4):
        expected = truth.phase @ np.linalg.matrix_power(quarter, turns).T
        deviations.append(np.abs((found.phase_of(truth.image) - expected + 0.5) % 1 - 0.5).max())
    return float(min(deviations))


@pytest.mark.parametrize("rotation_deg", [-44.0, -31.0, -12.5, -2.0, 0.0, 5.0, 17.0, 29.0, 43.0])
def test_a_turned_lattice(rotation_deg: float) -> None:
    truth = scene(rotation_deg=rotation_deg)
    found = find_unit_cell(truth.image, cell_A=(EDGE, EDGE))
    assert phase_error(found, truth) < 0.015
    np.testing.assert_allclose(found.edges_A, EDGE, rtol=5e-3)
    assert (found.rotation_deg - rotation_deg + 45) % 90 - 45 == pytest.approx(0, abs=0.1)


@given(
    rotation_deg=st.floats(-40, 40),
    drift=st.tuples(st.floats(-0.04, 0.04), st.floats(-0.04, 0.04)),
    origin=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    cells=st.tuples(st.floats(3.0, 5.5), st.floats(3.0, 5.5)),
)
@settings(max_examples=10, derandomize=True)
def test_drift_turn_and_any_step(rotation_deg: float, drift: Any, origin: Any, cells: Any) -> None:
    truth = scene((44, 52), cells, rotation_deg=rotation_deg, drift=drift, origin=origin)
    assert phase_error(find_unit_cell(truth.image, cell_A=(EDGE, EDGE)), truth) < 0.015


@pytest.mark.parametrize("rotation_deg", [0.0, 20.0, 70.0, -85.0])
def test_a_rectangular_cell_keeps_its_axes(rotation_deg: float) -> None:
    edges = (3.9, 4.8)
    truth = scene((64, 56), (5.2, 4.1), edges=edges, rotation_deg=rotation_deg, weaker=0.2)
    found = find_unit_cell(truth.image, cell_A=edges)
    np.testing.assert_allclose(found.edges_A, edges, rtol=5e-3)
    # down and right may both be reversed: a lattice has no sense
    error = min(np.abs((found.phase_of(truth.image) - sign * truth.phase + 0.5) % 1 - 0.5).max() for sign in (1, -1))
    assert error < 0.015


@pytest.mark.parametrize(
    ("shape", "cells"), [((24, 24), (2.0, 2.0)), ((20, 26), (1.6, 2.2)), ((96, 20), (8.0, 1.5)), ((20, 96), (1.5, 8.0))]
)
def test_small_and_narrow_scans(shape: tuple[int, int], cells: tuple[float, float]) -> None:
    """Over two cells the diagonal of two kinds of columns is as strong as the lattice itself."""
    truth = scene(shape, cells, counts=60.0, weaker=0.7, rotation_deg=4.0)
    assert phase_error(find_unit_cell(truth.image, cell_A=(EDGE, EDGE)), truth) < 0.06


@pytest.mark.parametrize(("counts", "tolerance"), [(200.0, 0.01), (20.0, 0.02), (3.0, 0.05)])
def test_counting_noise(counts: float, tolerance: float) -> None:
    errors = []
    for seed in range(3):
        truth = scene((64, 64), (5.0, 5.0), rotation_deg=-7.0, drift=(0.01, 0.02), counts=counts, seed=seed)
        errors.append(phase_error(find_unit_cell(truth.image, cell_A=(EDGE, EDGE)), truth))
    assert max(errors) < tolerance


def test_the_bright_column_gets_its_phase() -> None:
    truth = scene(rotation_deg=3.0)
    corner, middle = (find_unit_cell(truth.image, cell_A=(EDGE, EDGE), bright_phase=phase) for phase in ((0.0, 0.0), (0.5, 0.25)))
    difference = middle.phase_of(truth.image) - corner.phase_of(truth.image)
    np.testing.assert_allclose((difference + 0.25) % 1 - 0.25, np.broadcast_to([0.5, 0.25], difference.shape), atol=1e-9)
    moved = corner.moved(np.array([0.5, 0.25]))
    np.testing.assert_allclose(moved.phase_of(truth.image) - corner.phase_of(truth.image), [[[0.5, 0.25]]] * np.ones((48, 40, 1)))


def test_the_image_is_left_alone() -> None:
    truth = scene(counts=30.0)
    before = truth.image.copy(deep=True)
    find_unit_cell(truth.image, cell_A=(EDGE, EDGE))
    xr.testing.assert_identical(truth.image, before)


@pytest.mark.parametrize("seed", range(6))
def test_noise_is_no_lattice(seed: int) -> None:
    image = scene((30, 44)).image
    noise = image.copy(data=np.random.default_rng(seed).poisson(40, image.shape).astype(float))
    with pytest.raises(ValueError, match=r"no lattice of 3\.97 x 3\.97 angstrom stands out"):
        find_unit_cell(noise, cell_A=(EDGE, EDGE))


def test_a_flat_image_is_no_lattice() -> None:
    image = scene().image
    with pytest.raises(ValueError, match="no lattice"):
        find_unit_cell(xr.full_like(image, 7.0), cell_A=(EDGE, EDGE))


def test_another_crystal_is_not_taken_for_this_one() -> None:
    with pytest.raises(ValueError, match="check the crystal and scan_step_A"):
        find_unit_cell(scene((128, 128), (16, 16), edges=(2.3, 2.3), weaker=0.0).image, cell_A=(EDGE, EDGE))


def test_a_scan_smaller_than_a_cell_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the scan covers 3.18 x 7.94 angstrom, less than one unit cell"):
        find_unit_cell(scene((16, 32), (0.8, 2.0)).image, cell_A=(EDGE, EDGE))


def test_too_coarse_a_step_is_refused() -> None:
    with pytest.raises(ValueError, match="over half a unit cell"):
        find_unit_cell(scene((16, 32), (12.0, 8.0)).image, cell_A=(EDGE, EDGE))


def test_pixels_are_refused() -> None:
    image = make_cube(np.zeros((20, 20, 2, 2)))[:, :, 0, 0]
    with pytest.raises(ValueError, match="scan_y, scan_x are in pixels"):
        find_unit_cell(image, cell_A=(EDGE, EDGE))


def test_phase_is_a_polynomial() -> None:
    coefficients = np.array([[0.1, 0.2], [0.25, 0.01], [-0.02, 0.2], [1e-3, 0.0], [0.0, 2e-3], [3e-3, 0.0]])
    y, x = np.array([0.0, 1.5]), np.array([0.0, 2.0, 5.0])
    assert monomials(y, x, 6)[1, 2].tolist() == [1, 1.5, 5, 2.25, 7.5, 25]
    down = 0.1 + 0.25 * 1.5 - 0.02 * 5 + 1e-3 * 2.25 + 3e-3 * 25
    right = 0.2 + 0.01 * 1.5 + 0.2 * 5 + 2e-3 * 7.5
    np.testing.assert_allclose(UnitCell(coefficients).phase(y, x)[1, 2], [down, right])


def test_folding_averages_what_shares_a_phase() -> None:
    rng = np.random.default_rng(3)
    phase = rng.uniform(-3, 3, (9, 11, 2))
    values = rng.random((9, 11, 2, 3)).astype(np.float32)
    mean, count = fold(values, phase, cells=4)
    assert mean.shape == (4, 4, 2, 3)
    assert count.sum() == 99
    for row, column in ((0, 3), (2, 1)):
        here = (np.floor(phase[..., 0] % 1 * 4) == row) & (np.floor(phase[..., 1] % 1 * 4) == column)
        assert count[row, column] == here.sum()
        np.testing.assert_allclose(mean[row, column], values[here].mean(0), rtol=1e-6)


def test_folding_leaves_empty_phases_blank() -> None:
    mean, count = fold(np.ones((1, 2)), np.array([[[0.1, 0.9], [1.1, -0.1]]]), cells=2)
    np.testing.assert_array_equal(count, [[0, 2], [0, 0]])
    np.testing.assert_array_equal(mean, [[np.nan, 1], [np.nan, np.nan]])
