"""The study's brightness and contrast."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch

from polwidgets.perturb.base import Batch, perturbations
from polwidgets.perturb.pattern_part import PatternPart
from polwidgets.registry import parameter


@perturbations.register("brightness_contrast")
@dataclasses.dataclass(frozen=True, kw_only=True)
class BrightnessContrast(PatternPart):
    """Brightness and contrast as pictures have them (doi:10.48550/arXiv.2603.15582), relative to the pattern's own range.

    Between its darkest (0) and brightest pixel (1) a value u becomes (1 + contrast) u + brightness, clipped to that range.
    """

    strengths: ClassVar[tuple[str, ...]] = ("brightness", "contrast")
    brightness: float = parameter(0.15, "added, as a share of the pattern's range", min=-1.0, max=1.0, step=0.01)
    contrast: float = parameter(0.15, "by how much the range is widened, as a share", min=-1.0, max=1.0, step=0.01)

    def apply(self, batch: Batch, strength: torch.Tensor, *, generator: torch.Generator) -> Batch:  # noqa: ARG002
        """Stretch and lift within the pattern's range."""
        brightness, contrast = strength
        low, high = batch.patterns.amin((1, 2), keepdim=True), batch.patterns.amax((1, 2), keepdim=True)
        factor = 1 + contrast
        patterns = batch.patterns * factor + (low * (1 - factor) + brightness * (high - low))
        return dataclasses.replace(batch, patterns=torch.clamp(patterns, low, high))
