"""A probe that is still on its way when a line begins."""

from __future__ import annotations

import dataclasses

import torch

from polwidgets.perturb.base import Batch, perturbations
from polwidgets.perturb.probe_positions import moved_probe
from polwidgets.perturb.scan_part import ScanPart
from polwidgets.registry import parameter


@perturbations.register("flyback")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Flyback(ScanPart):
    """Flyback distortion: at the start of every line the probe lies off its place, and settles exponentially.

    Lengths are in scan steps. Patterns between positions are interpolated, so put this before the dose.
    """

    right_px: float = parameter(
        2.0, "how far to the right the probe is at the start of a line", min=-20.0, max=20.0, step=0.1, unit="scan px"
    )
    settling_px: float = parameter(4.0, "after how many positions a share 1/e of it is left", min=0.1, max=100.0, step=0.1, unit="scan px")

    def apply(self, batch: Batch, place: tuple[torch.Tensor, torch.Tensor], *, generator: torch.Generator) -> Batch:  # noqa: ARG002
        """Read the scan where the probe really was."""
        y, x = place
        return moved_probe(batch, y.to(batch.patterns), x + self.right_px * torch.exp(-x.to(batch.patterns) / self.settling_px))
