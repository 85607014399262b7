"""Blur and shift as small matrices along rows and columns: faster than Fourier transforms, and nothing wraps around."""

from __future__ import annotations

import functools

import torch


def along_both(patterns: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """Apply matrices (1 or n, size, size) along the rows' and the columns' axes of patterns (n, ky, kx)."""
    return rows @ patterns @ columns.mT


def blur_matrix(size: int, sigma_px: torch.Tensor) -> torch.Tensor:
    """Discrete Gaussian of variance sigma^2 between reflecting borders, (n, size, size).

    The heat kernel of the lattice (Lindeberg, doi:10.1109/34.49051): it never undershoots, loses no counts, adds exactly
    sigma^2 to the variance at any sigma, and is the identity at zero.

    Parameters
    ----------
    sigma_px : tensor (n,)
        Pixels.
    """
    cosines = _cosines(size, sigma_px.device, sigma_px.dtype)
    frequency = torch.pi * torch.arange(size, device=sigma_px.device, dtype=sigma_px.dtype) / size
    damping = torch.exp(sigma_px[:, None] ** 2 * (torch.cos(frequency) - 1))
    return ((cosines.T * damping[:, None, :]) @ cosines).clamp_(min=0)


def shift_matrix(size: int, shift_px: torch.Tensor) -> torch.Tensor:
    """Cubic interpolation that moves by `shift_px` (n,) pixels towards higher indices, (n, size, size).

    What comes from beyond the border is zero. Source: Keys, doi:10.1109/TASSP.1981.1163711.
    """
    apart = torch.arange(size - 1, -size, -1, device=shift_px.device, dtype=shift_px.dtype)
    distance = (apart - shift_px[:, None]).abs()
    near = 1 + distance**2 * (1.5 * distance - 2.5)
    far = 2 + distance * (-4 + distance * (2.5 - 0.5 * distance))
    weight = torch.where(distance < 1, near, torch.where(distance < 2, far, 0.0))
    # the same weights along every row, one further from one row to the next
    return weight.unfold(1, size, 1).flip(1)


@functools.lru_cache(maxsize=16)
def _cosines(size: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Orthonormal cosine transform of the second kind, (frequency, pixel)."""
    index = torch.arange(size, dtype=torch.float64)
    matrix: torch.Tensor = torch.cos(torch.pi * index[:, None] * (index + 0.5) / size) * (2 / size) ** 0.5
    matrix[0] /= 2**0.5
    return matrix.to(device, dtype)
