"""Patterns of a scan as they would be had the probe stood elsewhere."""

from __future__ import annotations

import dataclasses

import torch

from polwidgets.perturb.base import Batch


def moved_probe(batch: Batch, y: torch.Tensor, x: torch.Tensor) -> Batch:
    """Rows of a scan read at other scan rows `y` and columns `x`, (n,) each.

    Bilinear between neighbouring patterns, constant beyond the scan's edge; labels are those of the nearest position.
    """
    assert batch.scan_shape is not None
    width = batch.scan_shape[1]
    height = len(batch.patterns) // width
    y, x = (y - batch.first_row).clamp(0, height - 1), x.clamp(0, width - 1)
    top, left = y.floor().long().clamp(max=max(height - 2, 0)), x.floor().long().clamp(max=max(width - 2, 0))
    down, right = (y - top)[:, None, None], (x - left)[:, None, None]
    below, beside = (top + 1).clamp(max=height - 1), (left + 1).clamp(max=width - 1)
    patterns = batch.patterns[top * width + left].mul_((1 - down) * (1 - right))
    for row, column, weight in ((top, beside, (1 - down) * right), (below, left, down * (1 - right)), (below, beside, down * right)):
        if weight.any():
            patterns.addcmul_(batch.patterns[row * width + column], weight)
    nearest = y.round().long() * width + x.round().long()
    return dataclasses.replace(batch, patterns=patterns, direction_deg=batch.direction_deg[nearest])
