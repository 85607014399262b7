"""Distances of distributions whose distance is known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from polwidgets.analysis.domain_gap import coral, distances, domain_gap, frechet, mmd, proxy_a
from polwidgets.analysis.gap_budget import shapley


def normal(count: int, mean: list[float], deviation: list[float], *, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(mean, deviation, (count, len(mean)))


def test_frechet_distance_of_two_normal_distributions() -> None:
    """Of diagonal covariances: the squared distance of the means and of the standard deviations."""
    first, second = normal(6000, [1, 0, 0], [1, 2, 0.5], seed=0), normal(5000, [0, 0, 2], [2, 1, 0.5], seed=1)
    assert frechet(first, second) == pytest.approx(1 + 4 + 1 + 1, rel=0.06)
    assert frechet(first, first) == pytest.approx(0, abs=1e-9)


def test_coral_is_the_covariances_distance() -> None:
    first, second = normal(300, [0, 0], [1, 2], seed=0), normal(250, [9, 9], [2, 1], seed=1)
    expected = ((np.cov(first.T) - np.cov(second.T)) ** 2).sum() / (4 * 2**2)
    assert coral(first, second) == pytest.approx(expected)


def test_mmd_is_that_of_its_kernel_and_unbiased() -> None:
    """For equal normal distributions a mean apart, Gaussian kernels integrate in closed form."""
    width, apart = 1.5, 1.2
    first, second = normal(1500, [0.0], [1.0], seed=0), normal(1500, [apart], [1.0], seed=1)
    same = width / np.sqrt(width**2 + 2)
    across = same * np.exp(-(apart**2) / (2 * (width**2 + 2)))
    assert mmd(first, second, width=width) == pytest.approx(2 * same - 2 * across, rel=0.1)
    null = [mmd(normal(60, [0, 0], [1, 1], seed=2 * n), normal(50, [0, 0], [1, 1], seed=2 * n + 1)) for n in range(60)]
    assert abs(np.mean(null)) < 3 * np.std(null) / np.sqrt(60)


def test_proxy_a_tells_what_a_classifier_can() -> None:
    near = proxy_a(normal(400, [0, 0], [1, 1], seed=0), normal(400, [0, 0], [1, 1], seed=1), seed=0)
    far = proxy_a(normal(400, [0, 0], [1, 1], seed=0), normal(400, [8, 0], [1, 1], seed=1), seed=0)
    assert near < 0.3
    assert far == 2.0


def patterns(scale: float, *, count: int = 60, seed: int = 0) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    shape = np.exp(-scale * np.hypot(*np.mgrid[-3:4, -4:5]))
    return xr.Dataset({"intensity": (("sample", "ky", "kx"), rng.poisson(200 * shape, (count, 7, 9)).astype(np.float32))})


@pytest.mark.parametrize("space", ["pixel", "pca", lambda batch: batch.reshape(len(batch), -1)[:, ::3]])
def test_the_gap_grows_with_the_difference(space: object) -> None:
    target = patterns(0.5, seed=1)
    near, far = (domain_gap(patterns(scale), target, space=space) for scale in (0.5, 0.8))  # type: ignore[arg-type]
    for name in ("mmd", "frechet", "proxy_a"):
        assert float(near[name]) < float(far[name])
    assert far["embedding"].shape == (120, 3)
    assert far["domain"].values.tolist() == ["simulated"] * 60 + ["target"] * 60
    np.testing.assert_array_equal(far["index"], np.tile(np.arange(60), 2))


def test_a_cube_is_compared_with_patterns() -> None:
    cube = xr.DataArray(patterns(0.5, count=40)["intensity"].values.reshape(5, 8, 7, 9), dims=("scan_y", "scan_x", "ky", "kx"))
    assert domain_gap(patterns(0.5), cube)["embedding"].shape[0] == 100


def test_what_cannot_be_compared_is_refused() -> None:
    target = patterns(0.5)
    with pytest.raises(ValueError, match="do not compare"):
        domain_gap(target.isel(ky=slice(1, None)), target)
    with pytest.raises(ValueError, match="space must be"):
        domain_gap(target, target, space="fourier")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one row a pattern"):
        domain_gap(target, target, space=lambda batch: batch[:3])
    with pytest.raises(ValueError, match="dims"):
        domain_gap(target["intensity"].rename(ky="q"), target)
    with pytest.raises(ValueError, match="at least 8"):
        distances(np.zeros((3, 2)), np.zeros((9, 2)))


def test_shapley_values_share_out_the_whole() -> None:
    """The glove game: one left glove, two right ones; a pair is worth one."""
    players = ["left", "right", "other"]
    value = {
        frozenset(name for name, bit in zip(players, bits, strict=True) if bit): float(bits[0] and (bits[1] or bits[2]))
        for bits in np.ndindex(2, 2, 2)
    }
    assert [shapley(value, players, name) for name in players] == pytest.approx([2 / 3, 1 / 6, 1 / 6])
