"""What a disk detector is: it proposes where the Bragg disks of a pattern are; the disk fit then measures them."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Final, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from polwidgets.disks.probe import DiskProbe
from polwidgets.registry import Registry


@dataclasses.dataclass(frozen=True)
class Proposals:
    """Proposed disks of a batch of patterns, the most certain first.

    Attributes
    ----------
    places : array (pattern, disk, 2)
        Middle of the disk (row, column), sub-pixel; NaN where a pattern has fewer disks.
    certainty : array (pattern, disk)
        Standard deviations by which a disk stands out of the counting noise, 0 where there is none.
    strength : array (pattern, disk)
        Intensity of the disk, in the units of the pattern's sum.
    """

    places: NDArray[np.float64]
    certainty: NDArray[np.float64]
    strength: NDArray[np.float64]


class DiskDetector(Protocol):
    """A detector part: a frozen dataclass whose fields are its parameters."""

    def propose(self, patterns: torch.Tensor, probe: DiskProbe, *, good: torch.Tensor, gain: float) -> Proposals:
        """Propose disks.

        Parameters
        ----------
        patterns : float tensor (pattern, ky, kx)
            Intensities; bad pixels are zero, saturated ones at their ceiling.
        probe : DiskProbe
            What every disk is a copy of.
        good : bool tensor (pattern, ky, kx)
            False where a pixel says nothing.
        gain : float
            What one electron adds to a pattern.
        """


@runtime_checkable
class MapDetector(Protocol):
    """A detector that can show what it looks for disks in."""

    map_name: ClassVar[str]
    """What the map is called on screen."""

    def disk_map(self, patterns: torch.Tensor, probe: DiskProbe, *, good: torch.Tensor, gain: float) -> torch.Tensor:
        """The map (pattern, ky, kx) whose peaks are proposed; arguments as of `DiskDetector.propose`."""


disk_detectors: Final[Registry[DiskDetector]] = Registry("disk_detector", "polwidgets.disks")
AUTO: Final = "template"
"""The detector that is taken where none is named."""
