"""Diffuse intensity under the pattern."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch

from polwidgets.perturb.base import Batch, perturbations
from polwidgets.perturb.pattern_part import PatternPart
from polwidgets.registry import parameter


@perturbations.register("background")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Background(PatternPart):
    """A flat floor and a diffuse halo about the undiffracted beam, added to the pattern."""

    strengths: ClassVar[tuple[str, ...]] = ("flat", "halo")
    flat: float = parameter(0.05, "flat part over the whole detector, as a share of the pattern's counts", min=0.0, max=2.0, step=0.01)
    halo: float = parameter(0.1, "halo over the whole detector, as a share of the pattern's counts", min=0.0, max=2.0, step=0.01)
    width: float = parameter(0.9, "standard deviation of the Gaussian halo", min=0.05, max=3.0, step=0.05, unit="1/angstrom")

    def apply(self, batch: Batch, strength: torch.Tensor, *, generator: torch.Generator) -> Batch:  # noqa: ARG002
        """Add shares of each pattern's own sum."""
        flat, halo = strength
        shape = torch.exp(-0.5 * (batch.ky[:, None] ** 2 + batch.kx**2) / self.width**2).to(batch.patterns)
        total = batch.patterns.sum((1, 2), keepdim=True)
        diffuse = total * flat / shape.numel() + total * halo * (shape / shape.sum())
        return dataclasses.replace(batch, patterns=batch.patterns + diffuse)
