"""Data recipes: labels by symmetry, seeds, ranges, and what the study's scans are."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from polwidgets.crystal.base import crystals
from polwidgets.directions import ANGLES_DEG
from polwidgets.simulate.base import simulators
from polwidgets.simulate.probe import Probe
from polwidgets.training.labelled import labelled_patterns, with_symmetries
from polwidgets.training.randomised import randomised_patterns
from polwidgets.training.specimens import Ranges, draw_specimens
from polwidgets.training.study import study_patterns

SMALL = {"pixels": 21, "k_max": 1.7}
FEW = {"specimens": 1, "conditions": 3, "positions": 2, "ranges": Ranges(thickness_A=(40.0, 60.0)), **SMALL}


@pytest.fixture(scope="module")
def study() -> xr.Dataset:
    return study_patterns(positions=6, cells=2, thickness_A=60.0, specimens=2, seed=4, **SMALL)


@pytest.fixture(scope="module")
def drawn() -> xr.Dataset:
    return randomised_patterns(seed=4, **FEW)


def test_patterns_are_those_of_their_direction_and_place(study: xr.Dataset) -> None:
    """Against a scan of the simulator, whose probe positions and direction are given from outside."""
    pattern = study.isel(sample=2 * 36 * 7 + 8)
    assert pattern["direction_deg"] == 315.0
    position = np.array([[float(pattern["cell_y"]), float(pattern["cell_x"])]]) * 3.97
    fine = np.linspace(-1.7, 1.7, 21 * 3 + 1)[:-1] + 1.7 / 63
    simulator = simulators.build("scattering_matrix", mesh=4, k_limit=2.7)

    def at(direction_deg: float) -> np.ndarray:
        crystal = crystals.build("knn", direction_deg=direction_deg)
        probe = Probe(semiangle_mrad=24.0)
        patterns = simulator.patterns(crystal, position, thickness_A=60.0, voltage_kV=200.0, probe=probe, ky=fine, kx=fine)[0]
        return patterns.reshape(21, 3, 21, 3).sum((1, 3))

    own, opposite = (np.linalg.norm(at(angle) - pattern["intensity"]) / np.linalg.norm(pattern["intensity"]) for angle in (315.0, 135.0))
    assert own < 0.05
    assert own < 0.3 * opposite


def test_equivalent_places_of_the_study_s_scan_are_copies(study: xr.Dataset) -> None:
    """The leak: in a scan of two by two cells every pattern occurs four times."""
    one = study.isel(sample=slice(36, 72))["intensity"].values.reshape(2, 3, 2, 3, -1)
    np.testing.assert_allclose(one, np.broadcast_to(one[:1, :, :1], one.shape), atol=1e-6 * one.max())
    other = study.isel(sample=slice(36))["intensity"].values
    assert np.abs(other - one.reshape(36, *other.shape[1:])).max() > 0.05 * one.max()


def test_the_seed_decides(drawn: xr.Dataset) -> None:
    xr.testing.assert_identical(randomised_patterns(seed=4, **FEW), drawn)
    assert not np.array_equal(randomised_patterns(seed=5, **FEW)["intensity"], drawn["intensity"])


def test_every_drawn_specimen_holds_every_direction_equally(drawn: xr.Dataset) -> None:
    for _, patterns in drawn.groupby("specimen"):
        angles, counts = np.unique(patterns["direction_deg"], return_counts=True)
        np.testing.assert_array_equal(angles, ANGLES_DEG)
        assert (counts == 6).all()
    assert np.isfinite(drawn["intensity"]).all()
    total = drawn["intensity"].sum(("ky", "kx"))
    assert 0.5 * Ranges().dose[0] < total.min()
    assert total.max() < Ranges().dose[1]


def test_symmetries_keep_pattern_place_and_label_together(study: xr.Dataset) -> None:
    """A pattern of the study, turned or mirrored, is one that the study's own direction has at the transformed place."""
    simulator = simulators.build("scattering_matrix", mesh=5, k_limit=2.2)
    axis = np.linspace(-1.2, 1.2, 13)
    probe = Probe(semiangle_mrad=24.0)

    def pattern(direction_deg: float, place: np.ndarray) -> np.ndarray:
        crystal = crystals.build("knn", direction_deg=direction_deg)
        return simulator.patterns(crystal, place[None] * 3.97, thickness_A=40.0, voltage_kV=200.0, probe=probe, ky=axis, kx=axis)[0]

    place, direction = np.array([0.21, 0.37]), 45.0
    one = labelled_patterns(
        pattern(direction, place)[None], ky=axis, kx=axis, direction_deg=np.array([direction]), thickness_A=np.array([40.0]),
        specimen=np.array([0]), phase=place[None], attrs=study.attrs,
    )  # fmt: skip
    eight = with_symmetries(one)
    np.testing.assert_allclose(eight["direction_deg"], [45, 135, 225, 315, 135, 225, 315, 45], atol=1e-9)
    for number in (1, 4, 7):
        each = eight.isel(sample=number)
        there = np.array([float(each["cell_y"]), float(each["cell_x"])])
        expected = pattern(float(each["direction_deg"]), there)
        np.testing.assert_allclose(each["intensity"], expected, atol=1e-4 * expected.max())
    with pytest.raises(ValueError, match="square detector"):
        with_symmetries(study.isel(ky=slice(3, None)))


def test_specimens_are_drawn_within_their_ranges() -> None:
    ranges = Ranges(thickness_A=(100.0, 400.0), tilt_mrad=3.0)
    settings = {"conditions": 50, "voltage_kV": 200.0, "semiangle_mrad": 24.0, "k_outgoing": 1.9, "seed": 3}
    drawn = list(draw_specimens(crystals.build("knn"), ranges, specimens=20, **settings))
    conditions = [each for specimen in drawn for each in specimen.conditions]
    for name in ("source_A", "blur"):
        low, high = getattr(ranges, name)
        values = np.array([getattr(each, name) for each in conditions])
        assert low <= values.min() < low + 0.05 * (high - low)
        assert high - 0.05 * (high - low) < values.max() <= high
    thickness = np.array([each.thickness_A for each in conditions])
    assert 98 <= thickness.min() < thickness.max() <= 402
    np.testing.assert_allclose(thickness / 3.97, np.round(thickness / 3.97), atol=1e-9)
    tilt = np.array([(each.tilt_y_mrad, each.tilt_x_mrad) for each in conditions])
    assert np.hypot(*tilt.T).max() <= 3.0
    np.testing.assert_allclose(tilt.mean(0), 0, atol=0.2)
    assert {specimen.library.crystal.displacement_A == specimen.displacement_A for specimen in drawn} == {True}
    assert len({specimen.displacement_A for specimen in drawn}) == 20
    # a specimen is the same however many are drawn
    assert list(draw_specimens(crystals.build("knn"), ranges, specimens=3, **settings))[2].conditions == drawn[2].conditions


def test_drawing_can_be_cancelled() -> None:
    def stop(step: str, fraction: float) -> None:  # noqa: ARG001
        if fraction > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        randomised_patterns(seed=4, progress=stop, **{**FEW, "specimens": 400, "conditions": 1})
