"""Pixels that can hold no more."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch

from polwidgets.perturb.base import Batch, perturbations
from polwidgets.perturb.pattern_part import PatternPart
from polwidgets.registry import parameter


@perturbations.register("saturation")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Saturation(PatternPart):
    """Pixels that are clipped at a level."""

    strengths: ClassVar[tuple[str, ...]] = ("level",)
    level: float = parameter(
        0.7, "where they are clipped, as a share of the pattern's brightest pixel; 1 clips nothing", min=0.01, max=1.0, step=0.01
    )

    def apply(self, batch: Batch, strength: torch.Tensor, *, generator: torch.Generator) -> Batch:  # noqa: ARG002
        """Clip."""
        return dataclasses.replace(batch, patterns=torch.minimum(batch.patterns, strength[0] * batch.patterns.amax((1, 2), keepdim=True)))
