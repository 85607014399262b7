"""What a perturbation is: it does to a batch of patterns what a detector, a microscope or a specimen does."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Final, Literal, Protocol, runtime_checkable

import torch

from polwidgets.registry import Registry


@dataclasses.dataclass(frozen=True)
class Batch:
    """Patterns and what is known of them, on one device.

    Attributes
    ----------
    patterns : float tensor (n, ky, kx)
        Expected or recorded electrons a pixel.
    direction_deg : float tensor (n,)
        Polarization in the scan frame; a perturbation that turns the patterns turns it too. NaN where unknown.
    ky, kx : float tensors
        Detector coords (down, right), 1/angstrom.
    scan_shape : (int, int), optional
        Where the patterns are whole rows of a scan in row-major order, the shape of that scan; what moves the probe needs it.
    first_row : int
        Scan row of the first pattern, where they are not all of the scan's rows.
    """

    patterns: torch.Tensor
    direction_deg: torch.Tensor
    ky: torch.Tensor
    kx: torch.Tensor
    scan_shape: tuple[int, int] | None = None
    first_row: int = 0

    @property
    def k_step(self) -> tuple[float, float]:
        """Detector pixel (down, right), 1/angstrom."""
        down, right = (float(k[-1] - k[0]) / max(len(k) - 1, 1) or 1.0 for k in (self.ky, self.kx))
        return down, right

    def uniform(self, *shape: int, generator: torch.Generator) -> torch.Tensor:
        """Numbers drawn evenly from 0 to 1, of the patterns' dtype and on their device."""
        return torch.rand(shape, generator=generator, dtype=self.patterns.dtype, device=self.patterns.device)

    def normal(self, *shape: int, generator: torch.Generator) -> torch.Tensor:
        """Numbers drawn from the standard normal distribution, of the patterns' dtype and on their device."""
        return torch.randn(shape, generator=generator, dtype=self.patterns.dtype, device=self.patterns.device)


@runtime_checkable
class Perturbation(Protocol):
    """A part: a frozen dataclass whose fields are its strength, and the probability that a pattern meets it."""

    acts_on: ClassVar[Literal["pattern", "scan"]]
    """Whether it treats every pattern by itself, or needs the scan that they come from."""

    @property
    def once(self) -> bool:
        """Whether one draw holds for all the patterns of a scan, as a detector's faults do."""

    @property
    def margin_rows(self) -> int:
        """How many scan rows above and below its own a pattern is made from."""

    def __call__(self, batch: Batch, *, generator: torch.Generator) -> Batch:
        """The perturbed batch; the same generator state gives the same result, the input is left alone."""


perturbations: Final[Registry[Perturbation]] = Registry("perturbation", "polwidgets.perturb")
