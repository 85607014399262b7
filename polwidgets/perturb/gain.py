"""What the detector makes of an electron."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch

from polwidgets.perturb.base import Batch, perturbations
from polwidgets.perturb.pattern_part import PatternPart
from polwidgets.registry import parameter


@perturbations.register("gain")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Gain(PatternPart):
    """Counts for every electron, the same on all pixels."""

    strengths: ClassVar[tuple[str, ...]] = ("counts_per_electron",)
    counts_per_electron: float = parameter(1.0, "counts that one electron makes", min=0.01, max=1000.0, step=0.01, unit="counts/electron")

    def apply(self, batch: Batch, strength: torch.Tensor, *, generator: torch.Generator) -> Batch:  # noqa: ARG002
        """Multiply."""
        return dataclasses.replace(batch, patterns=batch.patterns * strength[0])
