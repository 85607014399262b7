"""From a detector of any size to the grid of the disk network and back: disks of like size, noise of one, overlapping tiles."""

from __future__ import annotations

import dataclasses
import math
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import grid_sample

ANSCOMBE: Final = 0.375
MOST_ELECTRONS: Final = 3e6  # a pattern, that the network is trained to
GRID_PX: Final = 96  # edge of the square that the network sees
RADII_PX: Final = (2.6, 4.0)  # of disks on it; a detector of many disks is brought nearer to the lower
OVERLAP_PX: Final = 24  # of tiles, where one is too small


def noise_units(counts: torch.Tensor) -> torch.Tensor:
    """Electrons as twice their root, zero for none (Anscombe, doi:10.1093/biomet/35.3-4.246): noise is one everywhere."""
    units: torch.Tensor = 2 * (torch.sqrt(counts.clamp(min=0) + ANSCOMBE) - ANSCOMBE**0.5)
    return units


@dataclasses.dataclass(frozen=True)
class NetworkGrid:
    """How a detector lies on the network's pixels.

    Attributes
    ----------
    shape : (int, int)
        Of the detector.
    pixel : float
        Edge of the network's pixels in detector pixels: at least one, finer sampling would add nothing.
    """

    shape: tuple[int, int]
    pixel: float

    @classmethod
    def for_disks(cls, radius_px: float, shape: tuple[int, int]) -> NetworkGrid:
        """Disks of one size, smaller ones where the whole detector then fits, never larger than they are."""
        fitting = GRID_PX * radius_px / max(shape)
        return cls(shape, radius_px / min(radius_px, float(np.clip(fitting, *RADII_PX))))

    @property
    def canvas(self) -> tuple[int, int]:
        """Network pixels, at least one tile."""
        # a detector that was made to fit does, whatever the last digit says
        rows, columns = (max(GRID_PX, 2 * math.ceil(0.5 * n / self.pixel - 1e-6)) for n in self.shape)
        return rows, columns

    def binned(self, patterns: torch.Tensor) -> torch.Tensor:
        """Patterns (..., row, column) on the canvas, no electron lost; the detector's pixel ``n // 2`` falls on the canvas' own."""
        rows, columns = (_overlap(n, canvas, self.pixel).to(patterns) for n, canvas in zip(self.shape, self.canvas, strict=True))
        return rows @ patterns @ columns.T

    def tiles(self) -> list[tuple[slice, slice]]:
        """Squares of the canvas that cover it."""
        rows, columns = (_starts(n) for n in self.canvas)
        return [(slice(row, row + GRID_PX), slice(column, column + GRID_PX)) for row in rows for column in columns]

    def joined(self, maps: list[torch.Tensor]) -> torch.Tensor:
        """Maps of the canvas from maps of its tiles (..., row, column); each is believed up to the middle of its overlaps."""
        canvas = maps[0].new_zeros(*maps[0].shape[:-2], *self.canvas)
        for (rows, columns), part in zip(self.tiles(), maps, strict=True):
            top, left = (each.start + (OVERLAP_PX // 2 if each.start else 0) for each in (rows, columns))
            canvas[..., top : rows.stop, left : columns.stop] = part[..., top - rows.start :, left - columns.start :]
        return canvas

    def resampled(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps of the canvas (pattern, row, column) on the detector's pixels, to be looked at."""
        middle = (np.array(self.canvas) - 1) / 2
        down, right = (
            torch.from_numpy(((np.arange(n) - n // 2) / self.pixel + canvas // 2 - half) / half).to(maps)
            for n, canvas, half in zip(self.shape, self.canvas, middle, strict=True)
        )
        # places from -1 to 1, (right, down)
        points = torch.stack(torch.meshgrid(down, right, indexing="ij")[::-1], -1).expand(len(maps), -1, -1, -1)
        found: torch.Tensor = grid_sample(maps[:, None], points, align_corners=True)[:, 0]
        return found

    def on_detector(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Places (..., 2) on the detector from those on the canvas."""
        return np.asarray((places - np.array(self.canvas) // 2) * self.pixel + np.array(self.shape) // 2)


def _overlap(pixels: int, canvas: int, width: float) -> torch.Tensor:
    """Share of every detector pixel that falls into every network pixel, (network, detector)."""
    middle = (np.arange(canvas) - canvas // 2) * width + pixels // 2
    low, high = middle - 0.5 * width, middle + 0.5 * width
    detector = np.arange(pixels)
    shared = np.minimum(high[:, None], detector + 0.5) - np.maximum(low[:, None], detector - 0.5)
    return torch.from_numpy(np.clip(shared, 0, None))


def _starts(canvas: int) -> list[int]:
    """First pixels of tiles, evenly spread."""
    count = 1 if canvas <= GRID_PX else math.ceil((canvas - OVERLAP_PX) / (GRID_PX - OVERLAP_PX))
    return [round(start) for start in np.linspace(0, canvas - GRID_PX, count)]
