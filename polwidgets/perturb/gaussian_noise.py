"""The study's noise."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch

from polwidgets.perturb.base import Batch, perturbations
from polwidgets.perturb.pattern_part import PatternPart
from polwidgets.registry import parameter


@perturbations.register("gaussian_noise")
@dataclasses.dataclass(frozen=True, kw_only=True)
class GaussianNoise(PatternPart):
    """The same Gaussian noise on every pixel, relative to the pattern's range and clipped to it (doi:10.48550/arXiv.2603.15582).

    No detector does this: counting noise is `dose`.
    """

    strengths: ClassVar[tuple[str, ...]] = ("sigma",)
    sigma: float = parameter(0.1, "standard deviation, as a share of the pattern's range", min=0.0, max=1.0, step=0.01)

    def apply(self, batch: Batch, strength: torch.Tensor, *, generator: torch.Generator) -> Batch:
        """Add, then clip."""
        low, high = batch.patterns.amin((1, 2), keepdim=True), batch.patterns.amax((1, 2), keepdim=True)
        noise = batch.normal(*batch.patterns.shape, generator=generator)
        patterns = noise.mul_(strength[0] * (high - low)).add_(batch.patterns)
        return dataclasses.replace(batch, patterns=torch.clamp(patterns, low, high))
