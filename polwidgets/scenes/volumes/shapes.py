"""Simple volumes: sphere, ellipsoid, half-space, slab, box, cylinder, everything."""

from __future__ import annotations

import dataclasses

import numpy as np

from polwidgets.scenes.matter import Array
from polwidgets.scenes.transforms import unit
from polwidgets.scenes.volumes.base import Mask, Volume

Vector = tuple[float, float, float]


@dataclasses.dataclass(frozen=True)
class Everywhere(Volume):
    """All of space."""

    def contains(self, positions_A: Array) -> Mask:
        """All."""
        return np.ones(len(positions_A), bool)

    @property
    def bounds_A(self) -> Array:
        """Infinite."""
        return np.array([[-np.inf] * 3, [np.inf] * 3])


@dataclasses.dataclass(frozen=True)
class Ellipsoid(Volume):
    """An ellipsoid with its half-axes along (down, right, beam); a sphere where they are equal."""

    half_axes_A: Vector
    center_A: Vector = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        _positive(self.half_axes_A, "half-axes")

    def contains(self, positions_A: Array) -> Mask:
        """Which positions are inside."""
        return np.asarray((((positions_A - self.center_A) / self.half_axes_A) ** 2).sum(1) <= 1)

    @property
    def bounds_A(self) -> Array:
        """Half-axes about the centre."""
        return np.asarray(np.array(self.center_A) + np.outer([-1, 1], self.half_axes_A))


def sphere(radius_A: float, center_A: Vector = (0.0, 0.0, 0.0)) -> Ellipsoid:
    """A ball."""
    return Ellipsoid((radius_A,) * 3, center_A)


@dataclasses.dataclass(frozen=True)
class HalfSpace(Volume):
    """Everything behind a plane: up to `distance_A` from the origin along its outward normal."""

    normal: Vector
    distance_A: float = 0.0

    def __post_init__(self) -> None:
        unit(self.normal)

    def contains(self, positions_A: Array) -> Mask:
        """Which positions are behind the plane."""
        return np.asarray(positions_A @ unit(self.normal) <= self.distance_A)

    @property
    def bounds_A(self) -> Array:
        """Finite only where the normal points along an axis."""
        bounds = np.array([[-np.inf] * 3, [np.inf] * 3])
        outward = unit(self.normal)
        axis = int(np.argmax(np.abs(outward)))
        if abs(outward[axis]) > 1 - 1e-12:
            bounds[1 if outward[axis] > 0 else 0, axis] = self.distance_A * np.sign(outward[axis])
        return bounds


@dataclasses.dataclass(frozen=True)
class Box(Volume):
    """An upright box between two corners; a corner may be infinite, so that it is a slab or a column."""

    low_A: Vector
    high_A: Vector

    def __post_init__(self) -> None:
        if not (np.array(self.high_A) > np.array(self.low_A)).all():
            raise ValueError(f"a box from {self.low_A} to {self.high_A} is empty; expected high above low along (down, right, beam)")

    def contains(self, positions_A: Array) -> Mask:
        """Which positions are between the corners."""
        return np.asarray(((positions_A >= self.low_A) & (positions_A <= self.high_A)).all(1))

    @property
    def bounds_A(self) -> Array:
        """The corners."""
        return np.array([self.low_A, self.high_A], float)


@dataclasses.dataclass(frozen=True)
class Cylinder(Volume):
    """A cylinder about an axis through its centre; endless unless it has a length."""

    radius_A: float
    length_A: float = np.inf
    axis: Vector = (0.0, 0.0, 1.0)
    center_A: Vector = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        _positive((self.radius_A, self.length_A), "radius and length")
        unit(self.axis)

    def contains(self, positions_A: Array) -> Mask:
        """Which positions are near enough to the axis and to its middle."""
        away = positions_A - self.center_A
        along = away @ unit(self.axis)
        across = (away**2).sum(1) - along**2
        return np.asarray((across <= self.radius_A**2) & (np.abs(along) <= self.length_A / 2))

    @property
    def bounds_A(self) -> Array:
        """Around both end faces."""
        axis = unit(self.axis)
        along = np.where(axis == 0, 0.0, self.length_A) * np.abs(axis) / 2 if np.isinf(self.length_A) else self.length_A / 2 * np.abs(axis)
        reach = np.nan_to_num(along, nan=0.0, posinf=np.inf) + self.radius_A * np.sqrt(np.clip(1 - axis**2, 0, 1))
        return np.asarray(np.array(self.center_A) + np.outer([-1, 1], reach))


def _positive(values: tuple[float, ...], what: str) -> None:
    if not min(values) > 0:
        raise ValueError(f"{what} are {values} angstrom, expected more than 0: the volume would be empty")
