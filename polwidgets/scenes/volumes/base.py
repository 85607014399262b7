"""What a volume is, and how volumes combine: ``a & b``, ``a | b``, ``a - b``, ``~a``."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from polwidgets.scenes.matter import Array
from polwidgets.scenes.transforms import Affine

Mask = NDArray[np.bool_]


class Volume(ABC):
    """A region of space, in angstrom along (down, right, beam)."""

    @abstractmethod
    def contains(self, positions_A: Array) -> Mask:
        """Which of the positions (point, 3) are inside or on the surface, bool (point,)."""

    @property
    @abstractmethod
    def bounds_A(self) -> Array:
        """Lowest and highest corner (2, 3) of an upright box around it; infinite where it has no end."""

    def __and__(self, other: Volume) -> Volume:
        return Intersection(self, other)

    def __or__(self, other: Volume) -> Volume:
        return Union(self, other)

    def __sub__(self, other: Volume) -> Volume:
        return Intersection(self, ~other)

    def __invert__(self) -> Volume:
        return Complement(self)

    def moved(self, transform: Affine) -> Volume:
        """The volume after the transform."""
        return Moved(self, transform)


@dataclasses.dataclass(frozen=True, eq=False)
class Intersection(Volume):
    """What is in both."""

    first: Volume
    second: Volume

    def contains(self, positions_A: Array) -> Mask:
        """Which positions are in both."""
        inside = self.first.contains(positions_A)
        inside[inside] = self.second.contains(positions_A[inside])
        return inside

    @property
    def bounds_A(self) -> Array:
        """Where the boxes around both meet; without extent where they do not."""
        low, high = np.maximum(self.first.bounds_A[0], self.second.bounds_A[0]), np.minimum(self.first.bounds_A[1], self.second.bounds_A[1])
        return np.stack([low, np.maximum(low, high)])


@dataclasses.dataclass(frozen=True, eq=False)
class Union(Volume):
    """What is in either."""

    first: Volume
    second: Volume

    def contains(self, positions_A: Array) -> Mask:
        """Which positions are in either."""
        return self.first.contains(positions_A) | self.second.contains(positions_A)

    @property
    def bounds_A(self) -> Array:
        """Around both."""
        first, second = self.first.bounds_A, self.second.bounds_A
        return np.stack([np.minimum(first[0], second[0]), np.maximum(first[1], second[1])])


@dataclasses.dataclass(frozen=True, eq=False)
class Complement(Volume):
    """Everything else."""

    inner: Volume

    def contains(self, positions_A: Array) -> Mask:
        """Which positions are outside the inner volume."""
        return np.asarray(~self.inner.contains(positions_A))

    @property
    def bounds_A(self) -> Array:
        """All of space."""
        return np.array([[-np.inf] * 3, [np.inf] * 3])


@dataclasses.dataclass(frozen=True, eq=False)
class Moved(Volume):
    """A volume after an affine transform."""

    inner: Volume
    transform: Affine

    def contains(self, positions_A: Array) -> Mask:
        """Which positions come from inside."""
        return self.inner.contains(self.transform.inverse().apply(positions_A))

    @property
    def bounds_A(self) -> Array:
        """Around the moved corners; infinite where the inner box has an infinite edge that points there."""
        return self.transform.box(self.inner.bounds_A)
