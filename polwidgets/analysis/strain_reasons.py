"""Why a probe position has no strain: nothing is said of a pattern that does not say it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

REASONS: Final = (
    "good", "no electrons", "no disks", "no lattice", "another lattice than the reference", "disks of a second lattice", "saturated",
    "poor fit",
)  # fmt: skip
FEWEST_DISKS: Final = 4
LEAST_EXPLAINED: Final = 0.6
LARGEST_DEVIATION: Final = 12.0
MOST_SATURATED: Final = 0.02


def position_reasons(maps: dict[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Index into `REASONS` of every position; the first that applies."""
    finite = np.isfinite(maps["parameters"]).all(-1) & np.isfinite(maps["covariance"]).all((-1, -2))
    spread = np.sqrt(np.abs(np.diagonal(maps["covariance"], axis1=-2, axis2=-1)).max(-1))
    tests = {
        "no electrons": maps["total"] <= 0,
        "no disks": maps["proposed"] < FEWEST_DISKS,
        "saturated": (maps["saturated"] > MOST_SATURATED) & ((maps["count"] < FEWEST_DISKS) | ~finite),
        "no lattice": maps["count"] < FEWEST_DISKS,
        "disks of a second lattice": maps["explained"] < LEAST_EXPLAINED,
        "poor fit": ~finite | (maps["deviation"] > LARGEST_DEVIATION) | (spread > 1.0),
    }
    return np.select(list(tests.values()), [REASONS.index(name) for name in tests], 0)


def in_words(reason: NDArray[np.int64]) -> str:
    """The reasons of some positions, each with how many have it."""
    return ", ".join(f"{REASONS[index]} ({int((reason == index).sum())})" for index in np.unique(reason))
