"""Lattices under points: found with points missing, points too many and noise."""

from __future__ import annotations

import numpy as np
import pytest

from polwidgets.disks.lattice import fit_lattices, guess_basis, nearest_basis

BASIS = np.array([[2.0, 21.0], [-17.0, 4.0]])


def points(seed: int, *, missing: float = 0.0, extra: int = 0, noise: float = 0.0, basis: np.ndarray = BASIS) -> np.ndarray:
    rng = np.random.default_rng(seed)
    indices = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 2), -1).reshape(-1, 2)
    on = indices[rng.random(len(indices)) >= missing] @ basis + [83.2, 79.7]
    return np.concatenate([on + rng.normal(0, noise, on.shape), rng.uniform(20, 140, (extra, 2))])


def same(found: np.ndarray, basis: np.ndarray = BASIS, tolerance: float = 0.3) -> bool:
    return bool(np.abs(nearest_basis(found, basis) - basis).max() < tolerance)


@pytest.mark.parametrize(("missing", "extra", "noise"), [(0, 0, 0), (0.5, 0, 0.3), (0.3, 8, 0.3)])
def test_the_basis_is_guessed(missing: float, extra: int, noise: float) -> None:
    places = [points(seed, missing=missing, extra=extra, noise=noise) for seed in range(6)]
    found = guess_basis(places, [np.ones(len(each)) for each in places], 2.5)
    assert found is not None
    assert same(found)


def test_a_centred_lattice_keeps_its_centring() -> None:
    # only indices of even sum are there: the primitive cell is half of what the axes suggest
    indices = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 2), -1).reshape(-1, 2)
    places = indices[indices.sum(1) % 2 == 0] @ np.array([[0.0, 14.0], [11.0, 0.0]]) + 80.0
    found = guess_basis([places], [np.ones(len(places))], 2.0)
    assert found is not None
    assert same(found, np.array([[11.0, 14.0], [11.0, -14.0]]))


def test_points_without_a_lattice_have_none() -> None:
    rng = np.random.default_rng(2)
    places = [rng.uniform(0, 160, (7, 2)) for _ in range(8)]
    found = guess_basis(places, [np.ones(7)] * 8, 2.0)
    if found is not None:
        fit = fit_lattices(np.array(places), np.ones((8, 7)), found, tolerance_px=2.0, middle=np.array([80.0, 80.0]))
        assert (fit.explained < 0.9).mean() > 0.7


def test_every_pattern_has_its_own_lattice() -> None:
    strained = [BASIS * (1 + strain) for strain in (-0.03, 0.0, 0.02)]
    places = np.stack([points(3, basis=basis) for basis in strained])
    fit = fit_lattices(places, np.ones(places.shape[:2]), BASIS, tolerance_px=2.5, middle=np.array([80.0, 80.0]))
    np.testing.assert_allclose(fit.vectors, strained, atol=1e-9)
    np.testing.assert_allclose(fit.explained, 1)
    assert (np.linalg.norm(fit.origin - 80.0, axis=1) < 15).all()


def test_few_points_or_a_row_of_them_give_none() -> None:
    row = np.array([[80.0, 80 + 21.0 * step] for step in range(6)])
    few = np.full((6, 2), np.nan)
    few[:3] = points(0)[:3]
    fit = fit_lattices(np.stack([row, few]), np.ones((2, 6)), BASIS, tolerance_px=2.5, middle=np.array([80.0, 80.0]))
    assert (fit.count == 0).all()
    assert np.isnan(fit.vectors).all()


def test_another_lattice_is_not_forced_into_the_basis() -> None:
    assert np.isnan(nearest_basis(1.5 * BASIS, BASIS)).all()
    np.testing.assert_allclose(nearest_basis(np.array([[1, 1], [1, 2]]) @ BASIS, BASIS), BASIS)
