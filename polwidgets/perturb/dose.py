"""Counting noise."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Literal

import torch

from polwidgets.perturb.base import Batch, perturbations
from polwidgets.perturb.pattern_part import PatternPart
from polwidgets.registry import parameter


@perturbations.register("dose")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Dose(PatternPart):
    """Electrons arrive by chance: Poisson counts at a dose, which is drawn evenly on a logarithmic scale."""

    strengths: ClassVar[tuple[str, ...]] = ("electrons",)
    electrons: float = parameter(1000.0, "electrons a pattern", min=1.0, max=1e5, step=10.0, unit="electrons")
    relative_to: Literal["pattern", "incident"] = parameter(
        "pattern",
        "pattern: every pattern is brought to this many on the detector; incident: intensities are shares of the incident beam, "
        "as simulated ones are, and the beam has this many",
        choices=("pattern", "incident"),
    )

    def share(self, uniform: torch.Tensor) -> torch.Tensor:
        """From `least` to 1, evenly in the logarithm."""
        return max(self.least, 1e-6) ** (1 - uniform)

    def apply(self, batch: Batch, strength: torch.Tensor, *, generator: torch.Generator) -> Batch:
        """Whole numbers, whose mean and variance are the expected counts."""
        expected = batch.patterns.clamp(min=0)
        if self.relative_to == "pattern":
            strength = strength / expected.sum((1, 2), keepdim=True).clamp(min=1e-30)
        return dataclasses.replace(batch, patterns=torch.poisson(expected.mul_(strength[0]), generator=generator))
