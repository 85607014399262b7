"""Patterns turned or stretched about the undiffracted beam."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from polwidgets.perturb.base import Batch


def warp(batch: Batch, source: NDArray[np.float64]) -> torch.Tensor:
    """Patterns whose value at k is the old one's at source @ k; bicubic, zero beyond the detector, never negative.

    Parameters
    ----------
    source : array (1 or n, 2, 2)
        Takes (down, right) wave vectors to those where the old patterns are read.
    """
    count, height, width = batch.patterns.shape
    axes, steps = (batch.ky, batch.kx), np.array(batch.k_step)
    center = [float(-k[0] / step) for k, step in zip(axes, steps, strict=True)]
    pixels = torch.from_numpy(source * steps / steps[:, None]).to(batch.patterns)[:, :, :, None, None]
    down = torch.arange(height).to(batch.patterns)[:, None] - center[0]
    right = torch.arange(width).to(batch.patterns) - center[1]
    # torch wants (column, row), counted from -1 to 1 between the detector's outer edges
    grid = torch.stack(
        [
            (2 * (pixels[:, axis, 0] * down + pixels[:, axis, 1] * right + center[axis]) + 1) / size - 1
            for axis, size in ((1, width), (0, height))
        ],
        -1,
    )
    moved = torch.nn.functional.grid_sample(
        batch.patterns[:, None], grid.expand(count, -1, -1, -1), mode="bicubic", padding_mode="zeros", align_corners=False
    )
    return moved[:, 0].clamp_(min=0)
