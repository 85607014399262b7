"""A specimen that moves while it is scanned."""

from __future__ import annotations

import dataclasses
import math

import torch

from polwidgets.perturb.base import Batch, perturbations
from polwidgets.perturb.probe_positions import moved_probe
from polwidgets.perturb.scan_part import ScanPart
from polwidgets.registry import parameter


@perturbations.register("drift")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Drift(ScanPart):
    """Scan drift: the probe strays from its grid steadily, and by a random walk from row to row.

    Lengths are in scan steps. Patterns between positions are interpolated, so put this before the dose: counting noise
    would be averaged away.
    """

    down_px: float = parameter(
        1.0, "how far down the probe has strayed from the first position to the last", min=-20.0, max=20.0, step=0.1, unit="scan px"
    )
    right_px: float = parameter(
        1.0, "how far right it has strayed from the first position to the last", min=-20.0, max=20.0, step=0.1, unit="scan px"
    )
    wander_px: float = parameter(0.0, "largest excursion of a random walk from row to row", min=0.0, max=10.0, step=0.1, unit="scan px")

    @property
    def margin_rows(self) -> int:
        """As far as the probe strays up or down."""
        return math.ceil(abs(self.down_px) / 2 + self.wander_px) + 1

    def apply(self, batch: Batch, place: tuple[torch.Tensor, torch.Tensor], *, generator: torch.Generator) -> Batch:
        """Read the scan where the probe really was."""
        assert batch.scan_shape is not None
        height, width = batch.scan_shape
        y, x = place
        time = (y * width + x).to(batch.patterns) / max(height * width - 1, 1) - 0.5
        down, right = self._wander(batch, height, generator)[:, y]
        return moved_probe(batch, (y + self.down_px * time + down).clamp(0, height - 1), x + self.right_px * time + right)

    def _wander(self, batch: Batch, height: int, generator: torch.Generator) -> torch.Tensor:
        """Excursion (down and right, row): a random walk that comes back to where it began."""
        steps = batch.normal(2, height, generator=generator)
        walk = (steps - steps.mean(1, keepdim=True)).cumsum(1)
        largest = walk.square().sum(0).amax().sqrt()
        return walk * (self.wander_px / largest.clamp(min=1e-12))
