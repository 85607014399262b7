"""The true variant explains a scan best, however the beam current wanders."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr

from polwidgets.crystal.base import crystals
from polwidgets.directions import ANGLES_DEG
from polwidgets.match.conditions import Conditions
from polwidgets.match.evidence import variant_evidence
from polwidgets.match.fit import background_shapes
from polwidgets.match.library import Library, Variant
from polwidgets.match.measurement import Readings
from polwidgets.match.scan import mesh_for, readings_for

KNN = crystals.build("knn")
VARIANTS = [Variant(length, angle) for length in (0.15, 0.3) for angle in ANGLES_DEG]


class Scene(NamedTuple):
    """A scan whose specimen and places in the cell are known, not matched."""

    readings: Readings
    library: Library
    phase: np.ndarray
    conditions: Conditions

    def evidence(self, readings: Readings) -> np.ndarray:
        background = np.zeros(len(background_shapes(readings.k, (0.0, 0.0))))
        return variant_evidence(
            readings, self.phase, self.library, VARIANTS, self.conditions, dose=1000.0, background=background, order=5
        )  # fmt: skip


@pytest.fixture(scope="module")
def scene(known_scan: Callable[..., xr.DataArray]) -> Scene:
    cube = known_scan(direction_deg=135.0, thickness_A=119.1, scan_shape=(12, 13), cells=(1.0, 13 / 12), source_A=0.3, blur=0.05)
    readings = readings_for(cube, KNN)
    optics = {"voltage_kV": 200.0, "semiangle_mrad": 24.0, "k_outgoing": float(np.abs(readings.k).max())}
    library = Library(KNN, **optics, thicknesses_A=np.array([119.1]), mesh=mesh_for(readings, KNN), k_limit=2.7)
    y, x = np.meshgrid(cube.scan_y / 3.97, cube.scan_x / 3.97, indexing="ij")
    return Scene(readings, library, np.stack([y, x], -1).reshape(-1, 2), Conditions(thickness_A=119.1, source_A=0.3, blur=0.05))


def test_the_truth_wins(scene: Scene) -> None:
    found = scene.evidence(scene.readings)
    assert found.shape == (12, 13, 16)
    total = found.sum((0, 1))
    assert VARIANTS[int(total.argmax())] == Variant(0.15, 135.0)
    assert total.max() > 50, "and speaks against no displacement"
    assert total[VARIANTS.index(Variant(0.15, 315.0))] < 0


def test_beam_current_does_not_decide(scene: Scene) -> None:
    """Only the distribution within a pattern counts: with twice the counts it says the same twice as loudly."""
    current = np.random.default_rng(0).uniform(0.2, 5.0, len(scene.readings.counts))
    current[7] = 0.0
    wandering = dataclasses.replace(scene.readings, counts=(scene.readings.counts * current[:, None]).astype(np.float32))
    expected = scene.evidence(scene.readings) * current.reshape(12, 13, 1)
    found = scene.evidence(wandering)
    np.testing.assert_allclose(found, expected, atol=0.02)
    np.testing.assert_array_equal(found.reshape(-1, 16)[7], 0)
