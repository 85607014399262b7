"""Projector lenses that stretch the pattern."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import torch

from polwidgets.directions import direction_to_vector
from polwidgets.perturb.base import Batch, perturbations
from polwidgets.perturb.pattern_part import PatternPart
from polwidgets.perturb.warp import warp
from polwidgets.registry import parameter


@perturbations.register("ellipticity")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Ellipticity(PatternPart):
    """Elliptic distortion: longer along one axis, shorter across it, of the same area.

    Both fields are drawn: `least` of -1 with an angle of 90 degrees draws every axis.
    """

    strengths: ClassVar[tuple[str, ...]] = ("ellipticity", "angle_deg")
    ellipticity: float = parameter(0.02, "long axis over short axis, less one", min=0.0, max=0.3, step=0.005)
    angle_deg: float = parameter(
        45.0, "of the long axis, anticlockwise on screen from the right", min=-180.0, max=180.0, step=1.0, unit="degree"
    )

    def apply(self, batch: Batch, strength: torch.Tensor, *, generator: torch.Generator) -> Batch:  # noqa: ARG002
        """Stretch about the undiffracted beam."""
        ellipticity, angle_deg = strength.reshape(2, -1).cpu().double().numpy()
        along, across = direction_to_vector(angle_deg), direction_to_vector(angle_deg + 90)
        long = np.sqrt(1 + ellipticity)[:, None, None]
        shrunk = along[:, :, None] * along[:, None, :] / long + across[:, :, None] * across[:, None, :] * long
        return dataclasses.replace(batch, patterns=warp(batch, shrunk))
