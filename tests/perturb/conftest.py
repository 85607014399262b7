"""Patterns of which everything is known."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch

from polwidgets.perturb.base import Batch, Perturbation

KY_STEP, KX_STEP = 0.05, 0.08


@pytest.fixture
def make_batch() -> Callable[..., Batch]:
    """Patterns (n, ky, kx) on a detector whose pixels are not square and whose beam is not in the middle."""

    def make(
        patterns: torch.Tensor, *, scan_shape: tuple[int, int] | None = None, k_step: tuple[float, float] = (KY_STEP, KX_STEP)
    ) -> Batch:
        ky, kx = (
            step * (torch.arange(size, dtype=patterns.dtype) - size // 2 + off)
            for size, step, off in zip(patterns.shape[1:], k_step, (1, -2), strict=True)
        )
        return Batch(patterns, torch.linspace(0, 350, len(patterns), dtype=patterns.dtype), ky, kx, scan_shape)

    return make


@pytest.fixture
def make_blob(make_batch: Callable[..., Batch]) -> Callable[..., Batch]:
    """One pattern with a Gaussian spot at (down, right) from the beam, of a standard deviation in wave numbers, 500 electrons."""

    def make(down: float, right: float, width: float = 0.15, shape: tuple[int, int] = (45, 31)) -> Batch:
        batch = make_batch(torch.zeros((1, *shape), dtype=torch.float64))
        spot = torch.exp(-0.5 * ((batch.ky[:, None] - down) ** 2 + (batch.kx - right) ** 2) / width**2)
        return dataclasses.replace(batch, patterns=(500 * spot / spot.sum())[None])

    return make


@pytest.fixture
def apply() -> Callable[..., Batch]:
    def run(part: Perturbation, batch: Batch, seed: int = 0) -> Batch:
        return part(batch, generator=torch.Generator().manual_seed(seed))

    return run


@pytest.fixture
def moments() -> Callable[[Batch], tuple[torch.Tensor, torch.Tensor]]:
    """Centre of mass (n, 2) and covariance (n, 2, 2) in wave numbers, down and right."""

    def measure(batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        share = batch.patterns / batch.patterns.sum((1, 2), keepdim=True)
        k = torch.stack(torch.meshgrid(batch.ky, batch.kx, indexing="ij"), -1)
        mean = torch.einsum("nyx,yxi->ni", share, k)
        return mean, torch.einsum("nyx,yxi,yxj->nij", share, k, k) - mean[:, :, None] * mean[:, None, :]

    return measure
