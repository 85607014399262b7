"""The beam that wanders over the detector while it is scanned."""

from __future__ import annotations

import dataclasses

import torch

from polwidgets.perturb.base import Batch, perturbations
from polwidgets.perturb.center_shift import shifted
from polwidgets.perturb.scan_part import ScanPart
from polwidgets.registry import parameter


@perturbations.register("descan")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Descan(ScanPart):
    """Imperfect descan: the pattern's centre follows a plane over the scan, and is right in the scan's middle."""

    down_along_y_px: float = parameter(
        1.0, "how far down the centre moves from the first scan row to the last", min=-20.0, max=20.0, step=0.1, unit="px"
    )
    right_along_y_px: float = parameter(
        0.0, "how far right it moves from the first scan row to the last", min=-20.0, max=20.0, step=0.1, unit="px"
    )
    down_along_x_px: float = parameter(
        0.0, "how far down it moves from the first scan column to the last", min=-20.0, max=20.0, step=0.1, unit="px"
    )
    right_along_x_px: float = parameter(
        1.0, "how far right it moves from the first scan column to the last", min=-20.0, max=20.0, step=0.1, unit="px"
    )

    def apply(self, batch: Batch, place: tuple[torch.Tensor, torch.Tensor], *, generator: torch.Generator) -> Batch:  # noqa: ARG002
        """Move every pattern by what its position says."""
        assert batch.scan_shape is not None
        y, x = (at.to(batch.patterns) / max(size - 1, 1) - 0.5 for at, size in zip(place, batch.scan_shape, strict=True))
        down = self.down_along_y_px * y + self.down_along_x_px * x
        right = self.right_along_y_px * y + self.right_along_x_px * x
        return dataclasses.replace(batch, patterns=shifted(batch.patterns, down, right))
