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
        Where the patterns are a whole scan in row-major order; what moves the probe needs it.
    """

    patterns: torch.Tensor
    direction_deg: torch.Tensor
    ky: torch.Tensor
    kx: torch.Tensor
    scan_shape: tuple[int, int] | None = None


@runtime_checkable
class Perturbation(Protocol):
    """A part: a frozen dataclass whose fields are its strength, and the probability that a pattern meets it."""

    acts_on: ClassVar[Literal["pattern", "scan"]]
    """Whether it treats every pattern by itself, or needs the scan that they come from."""

    def __call__(self, batch: Batch, *, generator: torch.Generator) -> Batch:
        """The perturbed batch; the same generator state gives the same result, the input is left alone."""


perturbations: Final[Registry[Perturbation]] = Registry("perturbation", "polwidgets.perturb")
