"""Contamination, or what the ion beam has left."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Final

import torch

from polwidgets.perturb.base import Batch, perturbations
from polwidgets.perturb.pattern_part import PatternPart
from polwidgets.registry import parameter

SCREENING: Final = 0.547  # 1/(2 pi R), R = a_H Z^(-1/3) of carbon: Wentzel's model, 1/angstrom
SECOND_RING: Final = 1.75  # amorphous carbon's rings lie near 1/2.1 and 1/1.2 angstrom


@perturbations.register("amorphous_layer")
@dataclasses.dataclass(frozen=True, kw_only=True)
class AmorphousLayer(PatternPart):
    """A thin amorphous layer that scatters a part of the pattern once more, into diffuse rings about every beam.

    The scattered share is convolved with Wentzel's scattering of carbon times two broad rings, and so becomes a blurred
    copy of the pattern with a halo; the rest passes. A layer on some of the positions only is a `probability` below one.
    """

    strengths: ClassVar[tuple[str, ...]] = ("fraction",)
    fraction: float = parameter(0.2, "share of the electrons that the layer scatters", min=0.0, max=1.0, step=0.01)
    ring: float = parameter(0.48, "radius of the first ring", min=0.1, max=1.5, step=0.01, unit="1/angstrom")
    ring_width: float = parameter(0.08, "standard deviation of the rings' profile", min=0.01, max=0.5, step=0.01, unit="1/angstrom")
    ring_contrast: float = parameter(
        1.0, "height of the first ring above the smooth halo, as a share of the halo", min=0.0, max=5.0, step=0.1
    )

    def apply(self, batch: Batch, strength: torch.Tensor, *, generator: torch.Generator) -> Batch:  # noqa: ARG002
        """Convolve over a field twice as wide, so that nothing wraps around."""
        height, width = batch.patterns.shape[1:]
        scattered = torch.fft.irfft2(
            torch.fft.rfft2(batch.patterns, s=(2 * height, 2 * width)) * self._transfer(batch), s=(2 * height, 2 * width)
        )[:, :height, :width]
        return dataclasses.replace(batch, patterns=torch.lerp(batch.patterns, scattered.clamp_(min=0), strength[0]))

    def _transfer(self, batch: Batch) -> torch.Tensor:
        """Fourier transform of what becomes of one electron that is scattered; of unit sum."""
        down, right = (
            step * size * 2 * torch.fft.fftfreq(2 * size, device=batch.patterns.device, dtype=batch.patterns.dtype)
            for step, size in zip(batch.k_step, batch.patterns.shape[1:], strict=True)
        )
        k = torch.hypot(down[:, None], right)
        rings = sum(
            height * torch.exp(-0.5 * ((k - radius) / self.ring_width) ** 2)
            for height, radius in ((self.ring_contrast, self.ring), (0.5 * self.ring_contrast, SECOND_RING * self.ring))
        )
        halo = (1 + rings) / (k**2 + SCREENING**2) ** 2
        transfer: torch.Tensor = torch.fft.rfft2(halo / halo.sum())
        return transfer
