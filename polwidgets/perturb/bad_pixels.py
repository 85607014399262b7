"""Pixels that always or never fire."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch

from polwidgets.perturb.base import Batch, perturbations
from polwidgets.perturb.pattern_part import PatternPart
from polwidgets.registry import parameter


@perturbations.register("bad_pixels")
@dataclasses.dataclass(frozen=True, kw_only=True)
class BadPixels(PatternPart):
    """Dead pixels, which read zero, and hot ones, which read far too much."""

    strengths: ClassVar[tuple[str, ...]] = ("dead", "hot")
    dead: float = parameter(0.001, "share of the pixels that are dead", min=0.0, max=0.2, step=0.0005)
    hot: float = parameter(0.0005, "share of the pixels that are hot", min=0.0, max=0.2, step=0.0005)
    hot_level: float = parameter(3.0, "what a hot pixel reads, in units of the pattern's brightest", min=0.0, max=100.0, step=0.1)
    once: bool = parameter(True, "one detector for all patterns, rather than one for each")

    def apply(self, batch: Batch, strength: torch.Tensor, *, generator: torch.Generator) -> Batch:
        """Replace bad pixels."""
        count, height, width = batch.patterns.shape
        dead, hot = strength
        chance = batch.uniform(1 if self.once else count, height, width, generator=generator)
        level = self.hot_level * batch.patterns.amax((1, 2), keepdim=True)
        patterns = torch.where(chance < dead, torch.zeros_like(level), batch.patterns)
        return dataclasses.replace(batch, patterns=torch.where(chance >= 1 - hot, level, patterns))
