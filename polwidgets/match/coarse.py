"""Where to start the fit: thickness, mistilt and origin on a grid, blind to source size, dose and background."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final

import numpy as np

from polwidgets.match.conditions import Conditions
from polwidgets.match.library import PARAELECTRIC, Library
from polwidgets.match.measurement import Measurement
from polwidgets.simulate.patterns import frequencies

TILT_STEP_mrad: Final = 2.0
LARGEST_TILT_mrad: Final = 4.5
ORIGINS: Final = 16  # tried along an edge of the cell


def coarse_search(
    measurement: Measurement,
    library: Library,
    start: Conditions,
    *,
    count: int = 2,
    progress: Callable[[float], None] | None = None,
) -> list[Conditions]:
    """The best thickness, mistilt and origin on a grid, and the runners-up that are not their neighbours.

    Every star of frequencies is scaled on its own, which no source size can spoil, and the constant term, where
    background and gain sit, is left out.
    """
    reach = np.arange(-2, 3) * TILT_STEP_mrad
    tilts = sorted(((up, right) for up in reach for right in reach if np.hypot(up, right) <= LARGEST_TILT_mrad), key=lambda t: np.hypot(*t))
    wave = frequencies(measurement.order)[1:]
    radius = (wave**2).sum(1)
    stars = np.array([radius == value for value in np.unique(radius)], float)
    mesh = np.arange(ORIGINS) / ORIGINS
    origins = np.stack(np.meshgrid(mesh, mesh, indexing="ij"), -1).reshape(-1, 2)
    turn = 2 * np.pi * origins @ wave.T
    root_weight = np.sqrt(measurement.weight)
    data = measurement.coefficients * root_weight
    candidates = []
    for number, (up, right) in enumerate(tilts):
        for thickness in library.thicknesses_A:
            trial = dataclasses.replace(start, thickness_A=float(thickness), tilt_y_mrad=float(up), tilt_x_mrad=float(right))
            model = library.expected(PARAELECTRIC, trial, measurement.k, order=measurement.order) * root_weight
            # overlap of every frequency with the model's, for every origin: cosines and sines turn into each other
            along = (data[1::2] * model[1::2] + data[2::2] * model[2::2]).sum(1)
            across = (data[1::2] * model[2::2] - data[2::2] * model[1::2]).sum(1)
            overlap = (np.cos(turn) * along + np.sin(turn) * across) @ stars.T
            strength = stars @ (model[1::2] ** 2 + model[2::2] ** 2).sum(1)
            scores = (overlap.clip(min=0) ** 2 / np.maximum(strength, 1e-300)).sum(1)
            best = int(scores.argmax())
            origin = dict(zip(("origin_y", "origin_x"), origins[best].tolist(), strict=True))
            candidates.append((float(scores[best]), dataclasses.replace(trial, **origin)))
        if progress is not None:
            progress((number + 1) / len(tilts))
    candidates.sort(key=lambda candidate: -candidate[0])
    step = float(np.ptp(library.thicknesses_A)) / max(len(library.thicknesses_A) - 1, 1)
    chosen: list[Conditions] = []
    for _, trial in candidates:
        if all(_distance(trial, other, step) > 2.5 for other in chosen):
            chosen.append(trial)
        if len(chosen) == count:
            break
    return chosen


def _distance(first: Conditions, second: Conditions, thickness_step: float) -> float:
    """In grid steps."""
    return float(
        np.hypot(
            (first.thickness_A - second.thickness_A) / max(thickness_step, 1e-9),
            np.hypot(first.tilt_y_mrad - second.tilt_y_mrad, first.tilt_x_mrad - second.tilt_x_mrad) / TILT_STEP_mrad,
        )
    )
