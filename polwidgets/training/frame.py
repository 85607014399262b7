"""The one frame in which a network sees patterns: beam, crystal axes, sampling and size of what it was trained on."""

from __future__ import annotations

import dataclasses
from typing import Any, Final, Self

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation
from scipy.sparse import csr_array, diags_array

from polwidgets.match.specimen import SpecimenFit
from polwidgets.simulate.detector import pixel_grid

SAMPLES: Final = 8  # along a side of a pixel, to measure how far two pixels overlap
SAME_px: Final = 0.01  # pixels that lie no further apart are the same
REACH: Final = 2  # pixels over which a bad one is filled


@dataclasses.dataclass(frozen=True)
class Frame:
    """A detector as the crystal sees it.

    Attributes
    ----------
    shape : (int, int)
        Rows and columns.
    k_step : (float, float)
        True edges (down, right) of a pixel, 1/angstrom.
    center_px : (float, float)
        Row and column of the undiffracted beam.
    rotation_deg : float
        Angle of the crystal's axes on the detector, anticlockwise on screen.
    """

    shape: tuple[int, int]
    k_step: tuple[float, float]
    center_px: tuple[float, float]
    rotation_deg: float = 0.0

    @classmethod
    def of_patterns(cls, labelled: xr.Dataset) -> Self:
        """Of labelled patterns: their coords, and the attrs ``center_y``, ``center_x``, ``rotation_deg`` (zero without)."""
        center = (float(labelled.attrs.get("center_y", 0.0)), float(labelled.attrs.get("center_x", 0.0)))
        return cls._of(labelled["ky"].values, labelled["kx"].values, center, float(labelled.attrs.get("rotation_deg", 0.0)), 1.0)

    @classmethod
    def of_scan(cls, detector: xr.DataArray, specimen: SpecimenFit) -> Self:
        """Of a matched scan's detector (ky, kx)."""
        found = specimen.conditions
        center = (found.center_y, found.center_x)
        return cls._of(detector["ky"].values, detector["kx"].values, center, found.rotation_deg, found.k_scale)

    @classmethod
    def _of(
        cls, ky: NDArray[np.float64], kx: NDArray[np.float64], center: tuple[float, float], rotation_deg: float, k_scale: float
    ) -> Self:
        if min(ky.size, kx.size) < 2:
            raise ValueError(f"patterns of {ky.size} x {kx.size} pixels are no pictures; give at least 2 x 2")
        steps = [float((axis[-1] - axis[0]) / (axis.size - 1)) for axis in (ky, kx)]
        places = [float((middle - axis[0]) / step) for axis, middle, step in zip((ky, kx), center, steps, strict=True)]
        return cls((ky.size, kx.size), (steps[0] * k_scale, steps[1] * k_scale), (places[0], places[1]), rotation_deg)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The frame that `dataclasses.asdict` took apart, its pairs as lists where it was JSON."""
        own: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
        return cls(**own)

    @property
    def ky(self) -> NDArray[np.float64]:
        """Rows' wave numbers from the beam, downward on the detector, 1/angstrom."""
        return np.asarray((np.arange(self.shape[0]) - self.center_px[0]) * self.k_step[0])

    @property
    def kx(self) -> NDArray[np.float64]:
        """Columns' wave numbers from the beam, to the right on the detector, 1/angstrom."""
        return np.asarray((np.arange(self.shape[1]) - self.center_px[1]) * self.k_step[1])

    def places(self, k: NDArray[np.float64], rotation_deg: float) -> NDArray[np.float64]:
        """Row and column on this detector of wave vectors (..., 2) given on one whose crystal is turned by `rotation_deg`."""
        angle = np.deg2rad(self.rotation_deg - rotation_deg)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return np.asarray(k @ turn.T / np.array(self.k_step) + np.array(self.center_px))

    def same_as(self, other: Frame) -> bool:
        """Whether the pixels of both are the same, to a hundredth of one."""
        if self.shape != other.shape:
            return False
        corners = pixel_grid(self.ky[[0, -1]], self.kx[[0, -1]])
        own = pixel_grid(np.array([0, self.shape[0] - 1]), np.array([0, self.shape[1] - 1]))
        return bool(np.abs(other.places(corners, self.rotation_deg) - own).max() < SAME_px)


@dataclasses.dataclass(frozen=True)
class View:
    """How rows of a detector's good pixels become pictures in a frame.

    Attributes
    ----------
    matrix : sparse array (frame pixel, good pixel), or None
        None where the good pixels are the frame's pixels.
    seen : bool array (frame pixel,)
        Pixels of the frame that the detector covers.
    """

    matrix: csr_array | None
    seen: NDArray[np.bool_]

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Counts (pattern, good pixel) as counts (pattern, frame pixel); zero where nothing is seen."""
        if self.matrix is None:
            return rows
        return np.ascontiguousarray((self.matrix @ rows.T).T, dtype=np.float32)


def view_in(target: Frame, source: Frame, good: NDArray[np.integer[Any]]) -> View:
    """Bring a detector's patterns into a frame: moved, turned and resampled so that every count stays where it was.

    A pixel of the frame gets from every pixel of the detector the share that lies on it; bad pixels are filled with
    the mean of good ones beside them, and where there are none nothing is seen.

    Parameters
    ----------
    good : int array (rows, columns)
        The row of every good pixel of the source, -1 where there is none (see `polwidgets.match.measurement.Readings`).

    Raises
    ------
    ValueError
        The detector is too coarse for the frame.
    """
    if target.same_as(source) and np.array_equal(good.ravel(), np.arange(good.size)):
        return View(None, np.ones(good.size, bool))
    coarser = min(abs(theirs / ours) for theirs, ours in zip(source.k_step, target.k_step, strict=True))
    if coarser > 2:
        raise ValueError(
            f"the scan's detector pixel is {coarser:.1f} times the {abs(target.k_step[0]):.3f} 1/angstrom that the weights were trained "
            "for, and what is not resolved cannot be resampled; train for this detector, or bin the scan less"
        )
    fill, known = _fill(good)
    overlap = _identity(good.size) if target.same_as(source) else _overlap(target, source)
    covered = np.asarray(overlap @ known.astype(float))
    seen = covered > 0.5
    # what lies half on unknown pixels is scaled up from the known half
    scale = np.divide(np.asarray(overlap.sum(1)).ravel(), covered, out=np.zeros(len(covered)), where=seen)
    return View(csr_array((diags_array(scale) @ overlap @ fill).astype(np.float32)), seen)


def shares(patterns: torch.Tensor) -> torch.Tensor:
    """Every pattern (..., pixel) over its mean, so that exposure does not matter."""
    return patterns / patterns.mean(-1, keepdim=True).clamp_min(1e-30)


def _identity(size: int) -> csr_array:
    return csr_array(diags_array(np.ones(size)))


def _overlap(target: Frame, source: Frame) -> csr_array:
    """Share of every source pixel (columns) that lies on every target pixel (rows), sampled."""
    inside = (np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5
    row, column = (np.add.outer(np.arange(size), inside).ravel() for size in target.shape)
    fine = pixel_grid((row - target.center_px[0]) * target.k_step[0], (column - target.center_px[1]) * target.k_step[1])
    place = np.floor(source.places(fine, target.rotation_deg) + 0.5).astype(np.int64)
    onto = ((place >= 0) & (place < np.array(source.shape))).all(1)
    pixel = np.add.outer(np.arange(row.size) // SAMPLES * target.shape[1], np.arange(column.size) // SAMPLES).ravel()
    # counts, not densities: a pixel of the frame takes as much as its area in the detector's pixels
    area = abs(target.k_step[0] * target.k_step[1] / (source.k_step[0] * source.k_step[1])) / SAMPLES**2
    entries = (np.full(int(onto.sum()), area), (pixel[onto], place[onto, 0] * source.shape[1] + place[onto, 1]))
    shape = (target.shape[0] * target.shape[1], source.shape[0] * source.shape[1])
    return csr_array(entries, shape=shape)


def _fill(good: NDArray[np.integer[Any]]) -> tuple[csr_array, NDArray[np.bool_]]:
    """From good pixels (columns) to all of the detector's (rows), and which of these are then known."""
    sure = good >= 0
    known = sure.copy()
    rows, columns, weights = [np.flatnonzero(sure)], [good[sure]], [np.ones(int(sure.sum()))]
    for row, column in np.argwhere(binary_dilation(sure, np.ones((3, 3)), iterations=REACH) & ~sure):
        for reach in range(1, REACH + 1):
            around = good[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
            beside = around[around >= 0]
            if beside.size:
                rows.append(np.full(beside.size, row * good.shape[1] + column))
                columns.append(beside)
                weights.append(np.full(beside.size, 1 / beside.size))
                known[row, column] = True
                break
    entries = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    return csr_array(entries, shape=(good.size, int(good.max()) + 1)), known.ravel()
