"""How well a segmentation agrees with the truth."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from polwidgets.segmentation.instances import separate, touching_border

Mask = NDArray[np.integer | np.floating | np.bool_]


@dataclasses.dataclass(frozen=True)
class PixelScore:
    """Counts of pixels; scores of several images add by adding their counts."""

    both: int
    predicted: int
    true: int

    def __add__(self, other: PixelScore) -> PixelScore:
        return PixelScore(self.both + other.both, self.predicted + other.predicted, self.true + other.true)

    @property
    def precision(self) -> float:
        """Part of the predicted that is true; 1 where nothing is predicted."""
        return self.both / self.predicted if self.predicted else 1.0

    @property
    def recall(self) -> float:
        """Part of the true that is predicted; 1 where there is none."""
        return self.both / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, the Dice overlap; 1 where both masks are empty."""
        return 2 * self.both / (self.predicted + self.true) if self.predicted + self.true else 1.0


def pixel_score(
    predicted: Mask, truth: Mask, *, border: bool = True, ignored: NDArray[np.bool_] | None = None
) -> PixelScore:
    """Compare two masks pixel by pixel.

    Parameters
    ----------
    predicted, truth : arrays (y, x)
        More than zero where there is a particle; signed integers number the particles; a mask of another type is separated here.
    border : bool
        Without it, particles cut by the image's edge, in either, are left out, and their pixels are not counted: neither
        for nor against.
    ignored : array (y, x) of bool, optional
        Further pixels that do not count.
    """
    if predicted.shape != truth.shape or predicted.ndim != 2:
        raise ValueError(f"the masks have shapes {predicted.shape} and {truth.shape}, expected the same (y, x)")
    left_out = np.zeros(truth.shape, bool) if ignored is None else ignored.copy()
    masks = [predicted > 0, truth > 0]
    if not border:
        cut = [_cut(array) for array in (predicted, truth)]
        # pixels of a cut prediction are no error where nothing is marked; where a whole particle is marked, it is missed
        left_out |= cut[1] | (cut[0] & ~masks[1])
        masks[0] &= ~cut[0]
    here, there = (mask & ~left_out for mask in masks)
    return PixelScore(int((here & there).sum()), int(here.sum()), int(there.sum()))


def _cut(particles: Mask) -> NDArray[np.bool_]:
    """Pixels of particles that touch the edge."""
    labels = particles.astype(np.int32) if np.issubdtype(particles.dtype, np.signedinteger) else separate(particles > 0, min_area=1)
    return np.asarray(touching_border(labels)[labels])
