"""A pattern that does not lie in the middle."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch

from polwidgets.perturb.base import Batch, perturbations
from polwidgets.perturb.kernels import along_both, shift_matrix
from polwidgets.perturb.pattern_part import PatternPart
from polwidgets.registry import parameter


@perturbations.register("center_shift")
@dataclasses.dataclass(frozen=True, kw_only=True)
class CenterShift(PatternPart):
    """The pattern moved on the detector, by whole pixels and parts of them."""

    strengths: ClassVar[tuple[str, ...]] = ("down_px", "right_px")
    down_px: float = parameter(1.0, "down on the detector", min=-20.0, max=20.0, step=0.1, unit="px")
    right_px: float = parameter(1.0, "to the right on the detector", min=-20.0, max=20.0, step=0.1, unit="px")

    def apply(self, batch: Batch, strength: torch.Tensor, *, generator: torch.Generator) -> Batch:  # noqa: ARG002
        """Cubic interpolation; what comes from beyond the detector is zero."""
        return dataclasses.replace(batch, patterns=shifted(batch.patterns, *strength))


def shifted(patterns: torch.Tensor, down_px: torch.Tensor, right_px: torch.Tensor) -> torch.Tensor:
    """Patterns (n, ky, kx) moved by as many pixels each, or by the same."""
    rows, columns = (shift_matrix(size, shift.reshape(-1)) for size, shift in zip(patterns.shape[1:], (down_px, right_px), strict=True))
    return along_both(patterns, rows, columns).clamp_(min=0)
