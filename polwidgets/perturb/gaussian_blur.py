"""The study's blur."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch

from polwidgets.perturb.base import Batch, perturbations
from polwidgets.perturb.kernels import along_both, blur_matrix
from polwidgets.perturb.pattern_part import PatternPart
from polwidgets.registry import parameter


@perturbations.register("gaussian_blur")
@dataclasses.dataclass(frozen=True, kw_only=True)
class GaussianBlur(PatternPart):
    """Gaussian blur in pixels of the pattern as it is given.

    The study (doi:10.48550/arXiv.2603.15582) draws 2 to 5 pixels of 64 x 64 cut unbinned out of a 256 x 256 detector.
    """

    strengths: ClassVar[tuple[str, ...]] = ("sigma_px",)
    sigma_px: float = parameter(2.0, "standard deviation, in pixels of the pattern", min=0.0, max=10.0, step=0.1, unit="px")

    def apply(self, batch: Batch, strength: torch.Tensor, *, generator: torch.Generator) -> Batch:  # noqa: ARG002
        """Blur between reflecting borders: no counts are lost."""
        sigma = strength.reshape(-1)
        rows, columns = (blur_matrix(size, sigma) for size in batch.patterns.shape[1:])
        return dataclasses.replace(batch, patterns=along_both(batch.patterns, rows, columns))
