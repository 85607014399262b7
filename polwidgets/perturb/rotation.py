"""A crystal, or a detector, that lies turned."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import torch

from polwidgets.directions import rotate_vector
from polwidgets.perturb.base import Batch, perturbations
from polwidgets.perturb.pattern_part import PatternPart
from polwidgets.perturb.warp import warp
from polwidgets.registry import parameter


@perturbations.register("rotation")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Rotation(PatternPart):
    """The pattern turned about the undiffracted beam, and the polarization with it, as with a turned crystal.

    In a cube, whose scan stays as it is, this is a detector turned against the scan: its truth is then
    ``scan_rotation_deg`` and this angle together.
    """

    strengths: ClassVar[tuple[str, ...]] = ("angle_deg",)
    angle_deg: float = parameter(2.0, "anticlockwise on screen", min=-180.0, max=180.0, step=0.5, unit="degree")

    def apply(self, batch: Batch, strength: torch.Tensor, *, generator: torch.Generator) -> Batch:  # noqa: ARG002
        """Turn patterns and labels."""
        angle = strength.reshape(-1)
        turned_back = rotate_vector(np.eye(2), -angle.cpu().double().numpy()[:, None]).swapaxes(1, 2)
        return dataclasses.replace(
            batch, patterns=warp(batch, turned_back), direction_deg=(batch.direction_deg + angle.to(batch.direction_deg)) % 360
        )
