"""What perturbations of a scan share: they need to know where its patterns lie."""

from __future__ import annotations

import abc
import dataclasses
from typing import ClassVar, Literal

import torch

from polwidgets.perturb.base import Batch, perturbations


@dataclasses.dataclass(frozen=True)
class ScanPart(abc.ABC):
    """A perturbation that needs the scan that the patterns come from."""

    acts_on: ClassVar[Literal["pattern", "scan"]] = "scan"

    @property
    def once(self) -> bool:
        """One draw for the scan."""
        return True

    @property
    def margin_rows(self) -> int:
        """How many scan rows above and below its own a pattern is made from."""
        return 0

    @abc.abstractmethod
    def apply(self, batch: Batch, place: tuple[torch.Tensor, torch.Tensor], *, generator: torch.Generator) -> Batch:
        """Perturb whole rows of a scan, given every pattern's scan row and column, (n,) each."""

    def __call__(self, batch: Batch, *, generator: torch.Generator) -> Batch:
        """The perturbed rows."""
        name, count = perturbations.name_of(self), len(batch.patterns)
        if batch.scan_shape is None:
            raise ValueError(
                f"{name} acts on a whole scan, got {count} patterns of which nobody knows where in a scan they were recorded; "
                "give a cube, or leave the part out"
            )
        if not count:
            return batch
        height, width = batch.scan_shape
        if count % width or batch.first_row + count // width > height:
            raise ValueError(
                f"{name} needs whole rows of a {height} x {width} scan, got {count} patterns from row {batch.first_row} on; "
                "give the shape of the scan that the patterns come from"
            )
        index = torch.arange(count, device=batch.patterns.device)
        return self.apply(batch, (batch.first_row + index // width, index % width), generator=generator)
