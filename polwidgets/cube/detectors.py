"""Virtual detectors: shapes in the detector plane, described in 1/angstrom (or in pixels where uncalibrated).

A detector is a small frozen dataclass; its `mask` is drawn with soft edges: a pixel that the edge crosses counts as the
part of it that lies inside, so that signals vary smoothly with every parameter.
"""

from __future__ import annotations

import dataclasses
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.cube.schema import require, require_calibrated, step_of
from polwidgets.electron import wave_number

Mask = NDArray[np.float32]


@runtime_checkable
class Detector(Protocol):
    """Anything that draws a weight for every detector pixel."""

    def mask(self, cube: xr.DataArray) -> Mask:
        """Weights (ky, kx) on the detector of a cube or pattern."""


@dataclasses.dataclass(frozen=True)
class Point:
    """One pixel: the one nearest to (ky, kx)."""

    ky: float
    kx: float

    def mask(self, cube: xr.DataArray) -> Mask:
        """Weights (ky, kx): one for the pixel, zero elsewhere."""
        distance = np.abs(cube["ky"].values - self.ky)[:, None] ** 2 + np.abs(cube["kx"].values - self.kx)[None, :] ** 2
        weights = np.zeros(distance.shape, np.float32)
        weights.flat[distance.argmin()] = 1.0
        return weights


@dataclasses.dataclass(frozen=True)
class Disk:
    """A disk of `radius` about (center_ky, center_kx): bright field, or one Bragg disk."""

    radius: float
    center_ky: float = 0.0
    center_kx: float = 0.0

    def mask(self, cube: xr.DataArray) -> Mask:
        """Weights (ky, kx) in [0, 1]."""
        return _inside(_polar(cube, self.center_ky, self.center_kx)[0], self.radius, cube)


@dataclasses.dataclass(frozen=True)
class Annulus:
    """A ring between `inner` and `outer`: annular bright or dark field. An infinite `outer` reaches the edge."""

    inner: float
    outer: float = np.inf
    center_ky: float = 0.0
    center_kx: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.inner < self.outer:
            raise ValueError(f"an annulus needs 0 <= inner < outer, got inner={self.inner}, outer={self.outer}")

    def mask(self, cube: xr.DataArray) -> Mask:
        """Weights (ky, kx) in [0, 1]."""
        radius = _polar(cube, self.center_ky, self.center_kx)[0]
        return _inside(radius, self.outer, cube) - _inside(radius, self.inner, cube)


@dataclasses.dataclass(frozen=True)
class Segment:
    """The part of a ring between two angles, in degrees anticlockwise on screen from +kx."""

    inner: float
    outer: float
    start_deg: float
    stop_deg: float
    center_ky: float = 0.0
    center_kx: float = 0.0

    def mask(self, cube: xr.DataArray) -> Mask:
        """Weights (ky, kx) in [0, 1]; the straight sides are soft, too."""
        width = self.stop_deg - self.start_deg
        if not 0 < width <= 360:
            raise ValueError(f"a segment needs 0 < stop_deg - start_deg <= 360, got {self.start_deg} to {self.stop_deg}")
        ring = Annulus(self.inner, self.outer, self.center_ky, self.center_kx).mask(cube)
        if width == 360:
            return ring
        radius, angle_deg = _polar(cube, self.center_ky, self.center_kx)
        from_middle = np.abs((angle_deg - self.start_deg - width / 2 + 180) % 360 - 180)
        # the pixel's distance from the side that it is nearest to, as if the side were a line
        distance = radius * np.sin(np.deg2rad(np.clip(width / 2 - from_middle, -90, 90)))
        return (ring * np.clip(distance / _pixel(cube) + 0.5, 0, 1)).astype(np.float32)


def quadrants(inner: float, outer: float, *, first_deg: float = 0.0) -> dict[str, Segment]:
    """Four segments of 90 degrees around a ring, named by where they lie: right, up, left, down (at ``first_deg=0``)."""
    return {
        name: Segment(inner, outer, first_deg + 90 * index - 45, first_deg + 90 * index + 45)
        for index, name in enumerate(("right", "up", "left", "down"))
    }


DetectorShape = TypeVar("DetectorShape", Disk, Annulus, Segment)


def in_mrad(detector: DetectorShape, cube: xr.DataArray) -> DetectorShape:
    """The detector whose lengths were given in mrad, in the 1/angstrom of a calibrated cube that knows its voltage."""
    require_calibrated(cube.isel({dim: 0 for dim in cube.dims if dim not in ("ky", "kx")}, drop=True))
    (voltage_kV,) = require(cube, "voltage_kV")
    lengths = {
        field.name: wave_number(getattr(detector, field.name), voltage_kV)
        for field in dataclasses.fields(detector)
        if not field.name.endswith("_deg")
    }
    return dataclasses.replace(detector, **lengths)


def _polar(cube: xr.DataArray, center_ky: float, center_kx: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance from the centre and angle anticlockwise on screen, degrees."""
    down, right = np.meshgrid(cube["ky"].values - center_ky, cube["kx"].values - center_kx, indexing="ij")
    return np.hypot(down, right), np.rad2deg(np.arctan2(-down, right))


def _inside(radius: NDArray[np.float64], edge: float, cube: xr.DataArray) -> Mask:
    if edge <= 0:
        return np.zeros(radius.shape, np.float32)
    return np.clip((edge - radius) / _pixel(cube) + 0.5, 0, 1).astype(np.float32)


def _pixel(cube: xr.DataArray) -> float:
    return float(np.sqrt(abs(step_of(cube, "ky") * step_of(cube, "kx"))))
