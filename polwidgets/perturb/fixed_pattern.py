"""Pixels and columns that answer unequally."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch

from polwidgets.perturb.base import Batch, perturbations
from polwidgets.perturb.pattern_part import PatternPart
from polwidgets.registry import parameter


@perturbations.register("fixed_pattern")
@dataclasses.dataclass(frozen=True, kw_only=True)
class FixedPattern(PatternPart):
    """Fixed-pattern noise: every pixel and every readout column has its own gain, about one."""

    strengths: ClassVar[tuple[str, ...]] = ("pixels", "columns")
    pixels: float = parameter(0.03, "spread of the pixels' gain", min=0.0, max=0.5, step=0.005)
    columns: float = parameter(0.0, "spread of the columns' gain", min=0.0, max=0.5, step=0.005)
    once: bool = parameter(True, "one detector for all patterns, rather than one for each")

    def apply(self, batch: Batch, strength: torch.Tensor, *, generator: torch.Generator) -> Batch:
        """Multiply by gains that are never negative."""
        count, height, width = batch.patterns.shape
        draws = 1 if self.once else count
        gain = batch.normal(draws, height, width, generator=generator).mul_(strength[0]).add_(1)
        if self.columns:
            gain *= batch.normal(draws, 1, width, generator=generator).mul_(strength[1]).add_(1)
        return dataclasses.replace(batch, patterns=batch.patterns * gain.clamp_(min=0))
