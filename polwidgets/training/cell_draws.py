"""What is drawn anew for every batch of labelled cells: symmetry, walls, lost polarization, origin, source, background and noise."""

from __future__ import annotations

import dataclasses
import math
from typing import Final, NamedTuple, Self

import numpy as np
import torch
import xarray as xr

from polwidgets.directions import ANGLES_DEG
from polwidgets.match.measurement import FLOOR
from polwidgets.simulate.patterns import frequencies
from polwidgets.training.cells import K_STEP, ORDER, REACH, symmetries, wave_squares

REFERENCE_SOURCE_A: Final = 0.3  # series are brought to this source
LARGEST_FACTOR: Final = 3.0  # by which that may amplify a term and its noise
PHASE_ERROR: Final = 0.006  # of a match, in cells
SOURCE_ERROR_A: Final = 0.015
THICKNESS_ERROR_A: Final = 3.0
TILT_ERROR_mrad: Final = 0.05
WALLS: Final = 0.15  # share of the cells that reach over a wall
UNPOLAR: Final = 0.04  # share of the cells that point nowhere
DIRECTIONS: Final = len(ANGLES_DEG)


class DrawnCells(NamedTuple):
    """A batch: series (n, term, pixel) in units of the pixels' noise, probabilities (n, 8), and what a match would know."""

    series: torch.Tensor
    target: torch.Tensor
    thickness_A: torch.Tensor
    tilt_mrad: torch.Tensor
    electrons: torch.Tensor


@dataclasses.dataclass(frozen=True)
class CellDraws:
    """Labelled cells in memory, from which batches are drawn.

    Attributes
    ----------
    series : float16 tensor (cell, direction, term, pixel)
    thickness_A : tensor (cell,)
    tilt_mrad : tensor (cell, 2)
        Up, right.
    cell_A : float
        Edge of the square cell.
    source_A, dose, patterns : (low, high)
        Angstrom, electrons a pattern, patterns a cell.
    background : float
        Largest share of the beam.
    """

    series: torch.Tensor
    thickness_A: torch.Tensor
    tilt_mrad: torch.Tensor
    cell_A: float
    source_A: tuple[float, float]
    dose: tuple[float, float]
    patterns: tuple[float, float]
    background: float

    @classmethod
    def of(cls, labelled: xr.Dataset) -> Self:
        """Take a Dataset of `polwidgets.training.cell_recipes`."""
        attrs = labelled.attrs
        tilt = np.stack([labelled["tilt_y_mrad"].values, labelled["tilt_x_mrad"].values], -1)
        return cls(
            torch.from_numpy(labelled["series"].values),
            torch.from_numpy(labelled["thickness_A"].values.astype(np.float32)),
            torch.from_numpy(tilt.astype(np.float32)),
            attrs["cell_A"],
            (attrs["source_low_A"], attrs["source_high_A"]),
            (attrs["dose_low"], attrs["dose_high"]),
            (attrs["patterns_low"], attrs["patterns_high"]),
            attrs["background"],
        )

    def __call__(self, index: torch.Tensor, generator: torch.Generator) -> DrawnCells:
        """Draw a batch of the cells (n,) in all eight directions."""
        count = len(index)

        def uniform(*shape: int) -> torch.Tensor:
            return torch.rand(*shape, generator=generator)

        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=generator)

        cells = self.series[index].float()
        mean = cells[:, :, 0].mean(1)
        series, mean, tilt = self._transformed(cells[:, :, 1:], mean, self.tilt_mrad[index], uniform(count))
        background = self.background * uniform(count, 1) * uniform(count, 1) / (math.pi * REACH**2)
        weight = _weight(mean + background)
        # beyond a wall, less than half of the cell belongs to another direction
        beyond = 0.45 * uniform(count, DIRECTIONS) * (uniform(count, DIRECTIONS) < WALLS)
        other = (uniform(count, DIRECTIONS) * DIRECTIONS).long()[..., None, None].expand_as(series)
        mixed = series + beyond[..., None, None] * (torch.gather(series, 1, other) - series)
        # the mean of all directions is, but for its square, a cell without displacement
        unpolar = uniform(count, DIRECTIONS) < UNPOLAR
        series = torch.where(unpolar[..., None, None], series.mean(1, keepdim=True), mixed)
        target = torch.where(unpolar[..., None], 1 / DIRECTIONS, torch.eye(DIRECTIONS))
        series = series.flatten(0, 1)
        source = _between(self.source_A, uniform(count))
        series = self._moved(series, PHASE_ERROR * normal(len(series), 2)) * _per_direction(self._damping(source))[..., None]
        patterns = _between(self.patterns, uniform(count))
        dose = torch.exp(math.log(self.dose[0]) + math.log(self.dose[1] / self.dose[0]) * uniform(count))
        # every coefficient of a wave has twice the variance of the mean
        noise = torch.sqrt(2 / (patterns * dose * K_STEP**2))
        series = series * _per_direction(weight)[:, None] + _per_direction(noise)[:, None, None] * normal(*series.shape)
        fitted = source_factor(source + SOURCE_ERROR_A * normal(count), self.cell_A)
        return DrawnCells(
            series * _per_direction(fitted)[..., None],
            target.flatten(0, 1),
            _per_direction(self.thickness_A[index] + THICKNESS_ERROR_A * normal(count)),
            _per_direction(tilt + TILT_ERROR_mrad * normal(count, 2)),
            _per_direction(patterns * dose),
        )

    def _transformed(
        self, series: torch.Tensor, mean: torch.Tensor, tilt: torch.Tensor, draw: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Every cell, its mean pattern and its mistilt under a symmetry of its own."""
        chosen = [symmetries()[int(number)] for number in draw * len(symmetries())]
        turned = torch.stack([each.series(cell[each.directions]) for each, cell in zip(chosen, series, strict=True)])
        turned_mean = torch.stack([pattern[each.pixels] for each, pattern in zip(chosen, mean, strict=True)])
        return turned, turned_mean, torch.stack([each.tilt(one) for each, one in zip(chosen, tilt, strict=True)])

    def _moved(self, series: torch.Tensor, phase: torch.Tensor) -> torch.Tensor:
        """Cells whose origin is moved by phases (n, 2)."""
        angle = 2 * torch.pi * phase @ torch.from_numpy(frequencies(ORDER)[1:].T.astype(np.float32))
        cosine, sine = torch.cos(angle)[..., None], torch.sin(angle)[..., None]
        even, odd = series[:, 0::2], series[:, 1::2]
        return torch.stack([even * cosine + odd * sine, odd * cosine - even * sine], 2).flatten(1, 2)

    def _damping(self, source_A: torch.Tensor) -> torch.Tensor:
        """What a source leaves of every term, (n, term)."""
        return torch.exp(-2 * torch.pi**2 * (source_A[:, None] / self.cell_A) ** 2 * torch.from_numpy(wave_squares().astype(np.float32)))


def source_factor(source_A: torch.Tensor, cell_A: float) -> torch.Tensor:
    """Factors (n, term) that bring cells from the fitted sources (n,) to the one that the network knows."""
    excess = (source_A[:, None].float() ** 2 - REFERENCE_SOURCE_A**2) / cell_A**2
    return torch.exp(2 * torch.pi**2 * excess * torch.from_numpy(wave_squares().astype(np.float32))).clamp(max=LARGEST_FACTOR)


def _weight(mean: torch.Tensor) -> torch.Tensor:
    """One over the counting noise of every pixel (n, pixel), as a scan's mean pattern tells it."""
    return torch.rsqrt(mean.clamp_min(0) + FLOOR * mean.amax(-1, keepdim=True))


def _between(limits: tuple[float, float], share: torch.Tensor) -> torch.Tensor:
    return limits[0] + (limits[1] - limits[0]) * share


def _per_direction(values: torch.Tensor) -> torch.Tensor:
    return values.repeat_interleave(DIRECTIONS, 0)
