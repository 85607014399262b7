"""The detector's point spread."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch

from polwidgets.perturb.base import Batch, perturbations
from polwidgets.perturb.kernels import along_both, blur_matrix
from polwidgets.perturb.pattern_part import PatternPart
from polwidgets.registry import parameter


@perturbations.register("detector_blur")
@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectorBlur(PatternPart):
    """Point spread of the detector, Gaussian, in wave numbers: the same whatever the pixels' size."""

    strengths: ClassVar[tuple[str, ...]] = ("sigma",)
    sigma: float = parameter(0.03, "standard deviation of the point spread", min=0.0, max=0.3, step=0.005, unit="1/angstrom")

    def apply(self, batch: Batch, strength: torch.Tensor, *, generator: torch.Generator) -> Batch:  # noqa: ARG002
        """Blur between reflecting borders: as much comes in over the detector's edge as is lost there."""
        sigma = strength.reshape(-1)
        rows, columns = (blur_matrix(size, sigma / step) for size, step in zip(batch.patterns.shape[1:], batch.k_step, strict=True))
        return dataclasses.replace(batch, patterns=along_both(batch.patterns, rows, columns))
