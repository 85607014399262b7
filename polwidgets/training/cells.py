"""Unit cells as a network sees them: the series of a cell's patterns in the phase, on one small detector along the crystal's axes.

Over a unit cell the patterns are a short trigonometric series in the probe's phase. Its coefficients are the phase-folded
patterns without bins: positions may lie anywhere, and a shifted origin or a source size is a factor on each. The
constant term, where background, gain and exposure sit, weighs the pixels and is not shown to the network.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Final

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from polwidgets.cube.unit_cell import UnitCell
from polwidgets.match.sliding_cell import pool_over_cell
from polwidgets.simulate.detector import pixel_grid
from polwidgets.simulate.patterns import basis, frequencies
from polwidgets.training.frame import Frame

ORDER: Final = 3
SIDE: Final = 24
K_STEP: Final = 0.16  # 1/angstrom
REACH: Final = 1.93  # 1/angstrom: pixels further out are left out
FRAME: Final = Frame((SIDE, SIDE), (K_STEP, K_STEP), ((SIDE - 1) / 2, (SIDE - 1) / 2))
RIDGE: Final = 0.02  # of a cell's positions, in favour of the whole scan's series


@functools.cache
def in_reach() -> NDArray[np.bool_]:
    """Pixels of the frame that are used, (SIDE * SIDE,)."""
    return np.asarray(np.hypot(*pixel_grid(FRAME.ky, FRAME.kx).T) <= REACH)


def cell_pixels() -> NDArray[np.float64]:
    """Wave vectors (pixel, 2) of the pixels that are used, down and right along the crystal's axes, 1/angstrom."""
    return pixel_grid(FRAME.ky, FRAME.kx)[in_reach()]


@dataclasses.dataclass(frozen=True)
class Symmetry:
    """One of the eight symmetries of the square, acting on a cell: a mirror or none, then quarter turns.

    Attributes
    ----------
    mirrored : bool
        Left and right were exchanged.
    quarters : int
        Anticlockwise quarter turns after that.
    terms : int tensor (term,)
        Which term, constant left out, each new one was.
    signs : float tensor (term,)
    pixels : int tensor (pixel,)
        Which pixel each new one was.
    directions : int tensor (8,)
        Which of the eight directions each new one was.
    """

    mirrored: bool
    quarters: int
    terms: torch.Tensor
    signs: torch.Tensor
    pixels: torch.Tensor
    directions: torch.Tensor

    def series(self, series: torch.Tensor) -> torch.Tensor:
        """The cell (..., term, pixel) of the transformed specimen."""
        return (series[..., self.terms, :] * self.signs[:, None])[..., self.pixels]

    def tilt(self, tilt: torch.Tensor) -> torch.Tensor:
        """The mistilt (..., 2), up and right, of the transformed specimen."""
        up, right = tilt[..., 0], tilt[..., 1]
        if self.mirrored:
            right = -right
        for _ in range(self.quarters):
            up, right = right, -up
        return torch.stack([up, right], -1)


@functools.cache
def symmetries() -> tuple[Symmetry, ...]:
    """The eight symmetries, the identity first."""
    place = np.full(SIDE * SIDE, -1)
    place[in_reach()] = np.arange(in_reach().sum())
    picture = place.reshape(SIDE, SIDE)
    found = []
    for mirrored in (False, True):
        for quarters in range(4):
            terms, signs = _terms(mirrored, quarters)
            turned = np.rot90(picture[:, ::-1] if mirrored else picture, quarters).ravel()[in_reach()]
            directions = np.empty(8, np.int64)
            before = np.arange(8)
            directions[((4 - before if mirrored else before) + 2 * quarters) % 8] = before
            parts = (torch.from_numpy(array.copy()) for array in (terms, signs, turned, directions))
            found.append(Symmetry(mirrored, quarters, *parts))
    return tuple(found)


def _terms(mirrored: bool, quarters: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Where the cosines and sines of the transformed cell come from; a sine whose frequency changes sign does too."""
    waves = [tuple(wave) for wave in frequencies(ORDER)[1:].tolist()]
    terms, signs = np.empty(2 * len(waves), np.int64), np.ones(2 * len(waves), np.float32)
    for index, wave in enumerate(waves):
        turned = (wave[0], -wave[1] if mirrored else wave[1])
        for _ in range(quarters):
            turned = (-turned[1], turned[0])
        known = turned in waves
        target = waves.index(turned if known else (-turned[0], -turned[1]))
        terms[2 * target : 2 * target + 2] = 2 * index, 2 * index + 1
        signs[2 * target + 1] = 1.0 if known else -1.0
    return terms, signs


def wave_squares() -> NDArray[np.float64]:
    """Square of every term's frequency in cycles a cell, constant left out, (term,)."""
    return np.repeat((frequencies(ORDER)[1:] ** 2).sum(1).astype(float), 2)


class SlidingCells:
    """Fits the series in the phase to the cell around every probe position of a scan.

    Least squares; what a cell's own positions do not tell is taken from the whole scan's series.

    Parameters
    ----------
    cube : DataArray
        For its scan coords.
    unit_cell : UnitCell
    lit : bool array (position,)
        Positions that got a pattern; the others are left out.
    """

    def __init__(self, cube: xr.DataArray, unit_cell: UnitCell, lit: NDArray[np.bool_]) -> None:
        self._cube, self._unit_cell = cube, unit_cell
        terms = basis(unit_cell.phase_of(cube), ORDER)
        *shape, count = terms.shape
        self._terms = (terms * lit.reshape(*shape, 1)).astype(np.float32)
        self._whole = np.linalg.pinv(self._terms.reshape(-1, count)).astype(np.float32)
        products: NDArray[np.float32] = (self._terms[..., :, None] * self._terms[..., None, :]).reshape(*shape, count**2)
        normal = pool_over_cell(products, cube, unit_cell).reshape(*shape, count, count)
        self.patterns = normal[..., 0, 0]
        """Patterns in the cell around every position, (scan_y, scan_x)."""
        ridge = RIDGE * np.maximum(self.patterns, 1.0)[..., None, None] * np.eye(count)
        self._inverse = np.linalg.inv(normal + ridge).astype(np.float32)

    def mean(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The whole scan's series (term, n) of values (scan_y, scan_x, n)."""
        return np.asarray(self._whole @ values.reshape(self._whole.shape[1], -1))

    def series(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The cells' series (scan_y, scan_x, term, n) of patterns, or of anything linear in them, (scan_y, scan_x, n)."""
        whole = self.mean(values)
        rest = values - self._terms @ whole
        products = (self._terms[..., :, None] * rest[..., None, :]).reshape(*values.shape[:2], -1)
        right = pool_over_cell(products, self._cube, self._unit_cell)
        return np.asarray(self._inverse @ right.reshape(*self._terms.shape, -1) + whole)
