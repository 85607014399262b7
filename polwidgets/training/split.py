"""Training and validation sets that share no specimen."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

VALIDATION: Final = 0.15


class Split(NamedTuple):
    """Indices of samples, and what the two sets do not share: ``"specimen"``, or ``"position"`` where there is one specimen."""

    training: NDArray[np.int64]
    validation: NDArray[np.int64]
    by: str


def split_specimens(specimen: NDArray[np.generic], *, share: float = VALIDATION, seed: int) -> Split:
    """Set whole specimens aside for validation, so that no near-copy of a training pattern is in it.

    Of a single specimen, positions drawn independently are set aside; `Split.by` says so.

    Parameters
    ----------
    specimen : array (sample,)
        Which specimen every sample comes from.
    share : float
        Of the specimens, or of the positions, for validation.
    """
    if len(specimen) < 2:
        raise ValueError(f"{len(specimen)} labelled patterns cannot be split into training and validation; give at least two")
    rng = np.random.default_rng(seed)
    names, owner = np.unique(specimen, return_inverse=True)
    by = "specimen" if len(names) > 1 else "position"
    if by == "position":
        owner = np.arange(len(specimen))
    count = int(owner.max()) + 1
    aside = int(np.clip(round(share * count), 1, count - 1))
    held_out = np.isin(owner, rng.permutation(count)[:aside])
    return Split(np.flatnonzero(~held_out), np.flatnonzero(held_out), by)
