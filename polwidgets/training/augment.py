"""Perturbations drawn for training patterns."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from polwidgets.perturb.base import Batch, Perturbation
from polwidgets.training.frame import Frame


def augmented(
    patterns: torch.Tensor, direction_deg: torch.Tensor, frame: Frame, parts: Sequence[Perturbation], generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Patterns (n, pixel) and directions (n,) with every part drawn anew; parts that need a scan are left out.

    The detector's coords that the parts see are centred on the beam.
    """
    parts = [part for part in parts if part.acts_on == "pattern"]
    if not parts:
        return patterns, direction_deg
    ky, kx = (torch.from_numpy(axis).to(patterns) for axis in (frame.ky, frame.kx))
    batch = Batch(patterns.reshape(-1, *frame.shape), direction_deg, ky, kx)
    for part in parts:
        batch = part(batch, generator=generator)
    return batch.patterns.flatten(1), batch.direction_deg
