"""A source that is no point."""

from __future__ import annotations

import dataclasses
import math

import torch

from polwidgets.perturb.base import Batch, perturbations
from polwidgets.perturb.kernels import blur_matrix
from polwidgets.perturb.scan_part import ScanPart
from polwidgets.registry import parameter


@perturbations.register("source_size")
@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceSize(ScanPart):
    """Finite source: patterns of neighbouring probe positions add up incoherently, with Gaussian weights.

    The size is in scan steps: divide angstrom by the step. Put this before the dose: counting noise would be averaged away.
    """

    sigma_px: float = parameter(1.0, "standard deviation of the source in scan steps", min=0.0, max=10.0, step=0.1, unit="scan px")

    @property
    def margin_rows(self) -> int:
        """Where the Gaussian has faded."""
        return math.ceil(5 * self.sigma_px + 2) if self.sigma_px else 0

    def apply(self, batch: Batch, place: tuple[torch.Tensor, torch.Tensor], *, generator: torch.Generator) -> Batch:  # noqa: ARG002
        """Blur over the scan, between reflecting edges."""
        if not self.sigma_px:
            return batch
        assert batch.scan_shape is not None
        height, width = batch.scan_shape
        sigma = batch.patterns.new_tensor([self.sigma_px])
        weights, columns = (blur_matrix(size, sigma)[0] for size in (height, width))
        scan = batch.patterns.reshape(-1, width, batch.patterns[0].numel())
        blurred = torch.empty_like(scan)
        # row by row, so that rounding, and with it every count drawn later, is the same whatever rows come together
        for row in range(len(scan)):
            near = slice(max(0, row - self.margin_rows), row + self.margin_rows + 1)
            weight = weights[batch.first_row + row, batch.first_row :][: len(scan)][near]
            blurred[row] = columns @ torch.tensordot(weight, scan[near], 1)
        return dataclasses.replace(batch, patterns=blurred.reshape(batch.patterns.shape))
