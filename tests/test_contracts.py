"""What every part keeps to, whoever wrote it: run over whatever is registered."""

from __future__ import annotations

import dataclasses
import itertools
import json
import typing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

import polwidgets as pw
from polwidgets.crystal.base import Crystal, crystals
from polwidgets.cube.readers.base import readers
from polwidgets.disks.base import disk_detectors
from polwidgets.disks.probe import synthetic_probe
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.base import Model, models
from polwidgets.perturb.base import Batch, Perturbation, perturbations
from polwidgets.progress import reporter
from polwidgets.registry import Registry
from polwidgets.scenes.base import prefabs
from polwidgets.simulate.base import Simulator, simulators
from polwidgets.simulate.probe import Probe

REGISTRIES: tuple[Registry[typing.Any], ...] = (crystals, simulators, perturbations, readers, models, disk_detectors, prefabs)
silent = reporter(False)
EVERY_PART = [(registry, name) for registry in REGISTRIES for name in registry]


def ids(value: object) -> str | None:
    return value.kind if isinstance(value, Registry) else None


every_part = pytest.mark.parametrize(("registry", "name"), EVERY_PART, ids=ids)


def parameters(part: typing.Any) -> list[dataclasses.Field[typing.Any]]:
    return [field for field in dataclasses.fields(part) if field.init]


@every_part
def test_builds_from_defaults_and_survives_json(registry: Registry[typing.Any], name: str) -> None:
    part = registry.build(name)
    text = registry.to_json(part)
    assert json.loads(text)[registry.kind] == name
    again = registry.from_json(text)
    assert type(again) is type(part)
    assert all(getattr(again, field.name) == getattr(part, field.name) for field in parameters(part))


@every_part
def test_changed_parameters_survive_json(registry: Registry[typing.Any], name: str) -> None:
    ranged = [field for field in parameters(registry[name]) if field.metadata.get("max") is not None]
    changed = {field.name: type(field.default)(field.metadata["max"]) for field in ranged}
    again = registry.from_json(registry.to_json(registry.build(name, **changed)))
    assert {key: getattr(again, key) for key in changed} == changed


@every_part
def test_a_misspelt_parameter_names_the_good_ones(registry: Registry[typing.Any], name: str) -> None:
    with pytest.raises(TypeError, match="check the spelling") as complaint:
        registry.build(name, thicknes=3)
    assert all(field.name in str(complaint.value) for field in parameters(registry[name]))


@every_part
def test_says_what_it_is(registry: Registry[typing.Any], name: str) -> None:
    part = registry[name]
    assert part.__doc__
    assert not part.__doc__.startswith(f"{part.__name__}("), "the docstring is the dataclass's own signature"


@every_part
def test_parameters_have_help_and_a_default_within_their_range(registry: Registry[typing.Any], name: str) -> None:
    for field in parameters(registry[name]):
        assert field.default is not dataclasses.MISSING, f"{field.name} has no default"
        assert field.metadata.get("help"), f"{field.name}: use polwidgets.registry.parameter, which carries the help"
        low, high = field.metadata["min"], field.metadata["max"]
        assert low is None or low <= field.default, f"{field.name} starts below its minimum"
        assert high is None or field.default <= high, f"{field.name} starts above its maximum"


@pytest.mark.parametrize(("registry", "name"), [pair for pair in EVERY_PART if pair[0] is not models], ids=ids)
def test_parts_are_frozen(registry: Registry[typing.Any], name: str) -> None:
    part = registry.build(name)
    with pytest.raises(dataclasses.FrozenInstanceError):
        part.anything = 1


@pytest.mark.parametrize("name", crystals.names())
def test_crystals_are_whole(name: str) -> None:
    crystal = crystals.build(name)
    assert isinstance(crystal, Crystal)
    assert len(crystal.cell_A) == 3
    assert min(crystal.cell_A) > 1
    for site in crystal.sites:
        assert all(0 <= fraction < 1 for fraction in (site.down, site.right, site.beam))
        assert 0 < site.occupancy <= 1
        assert site.debye_waller_A2 >= 0
    distinct = {site[1:4]: 0.0 for site in crystal.sites}
    for site in crystal.sites:
        distinct[site[1:4]] += site.occupancy
    assert max(distinct.values()) <= 1 + 1e-9
    middles = np.array(list(distinct))
    for first, second in itertools.combinations(middles, 2):
        apart = ((first - second + 0.5) % 1 - 0.5) * crystal.cell_A
        assert np.linalg.norm(apart) > 1.0, "two atoms are nearer than an angstrom"


@pytest.mark.parametrize("name", simulators.names())
def test_simulators_make_the_same_patterns_again_and_leave_their_inputs_alone(name: str) -> None:
    if name in {"multislice", "prism"}:
        pytest.importorskip("abtem", reason="the extra 'sim' is not installed")
    supercell = {"cells": 2, "sampling_A": 0.13}
    coarse = {"multislice": supercell, "prism": supercell, "scattering_matrix": {"mesh": 3, "k_limit": 2.0}}
    simulator = simulators.build(name, **coarse.get(name, {}))
    assert isinstance(simulator, Simulator)
    positions = np.array([[0.3, 1.1], [1.9, 0.2], [1.0, 3.0]])
    ky, kx = 0.15 * (np.arange(9) - 4), 0.15 * (np.arange(7) - 3)
    before = [array.copy() for array in (positions, ky, kx)]
    settings = {"thickness_A": 16.0, "voltage_kV": 200.0, "probe": Probe(semiangle_mrad=12.0)}
    first, again = (simulator.patterns(crystals.build("knn"), positions, ky=ky, kx=kx, **settings) for _ in range(2))
    assert first.shape == (3, 9, 7)
    assert first.dtype == np.float32
    assert (first >= 0).all()
    np.testing.assert_array_less(first.sum((1, 2)), 1.1)  # fractions of the incident intensity
    np.testing.assert_array_less(0.3, first.sum((1, 2)))
    np.testing.assert_array_equal(first, again)
    for array, was in zip((positions, ky, kx), before, strict=True):
        np.testing.assert_array_equal(array, was)


@pytest.mark.parametrize("name", disk_detectors.names())
def test_disk_detectors_propose_disks_and_leave_patterns_alone(name: str) -> None:
    probe = synthetic_probe(5.0, (70, 81))
    middles = np.array([[35.3, 40.2], [16.0, 22.6], [50.8, 61.0], [35.9, 62.4]])
    down, right = np.indices((70, 81))
    disks = [np.interp(np.hypot(down - y, right - x), [4.4, 5.6], [1.0, 0.0]) for y, x in middles]
    counts = np.random.default_rng(2).poisson(40.0 * np.sum(disks, 0) + 1.0).astype(np.float32)
    patterns = torch.from_numpy(np.stack([counts, np.zeros_like(counts)]))
    before, good = patterns.clone(), torch.ones_like(patterns, dtype=torch.bool)
    detector = disk_detectors.build(name)
    try:
        first, again = (detector.propose(patterns, probe, good=good, gain=1.0) for _ in range(2))
    except FileNotFoundError as error:
        pytest.skip(f"{name} has no weights: {error}")
    assert torch.equal(patterns, before)
    np.testing.assert_array_equal(first.places, again.places)
    assert first.places.shape == (*first.certainty.shape, 2) == (*first.strength.shape, 2)
    present = np.isfinite(first.places[..., 0])
    assert not present[1].any(), "disks were proposed where there is nothing"
    assert (first.certainty[~present] == 0).all()
    assert (np.diff(first.certainty, axis=1) <= 0).all(), "the most certain come first"
    distance = np.linalg.norm(first.places[0][present[0]][:, None] - middles, axis=-1)
    assert (distance.min(0) < 1.0).all(), "a disk was missed"
    assert (distance.min(1)[: len(middles)] < 2.5).all(), "something is surer than a disk"


# strengths at which a part shows on a few small patterns, and those at which it does nothing (none: it always draws)
VISIBLE = {"bad_pixels": {"dead": 0.1}, "gain": {"counts_per_electron": 2.0}}
NEUTRAL: dict[str, dict[str, float] | None] = {"gain": {"counts_per_electron": 1.0}, "saturation": {"level": 1.0}, "dose": None}
LENGTHS = {"settling_px", "width", "ring", "ring_width"}  # that scale a strength and cannot be zero


@pytest.fixture
def batch() -> Batch:
    """A scan of 4 x 3 positions, counts on a detector of 9 x 7 pixels."""
    counts = np.random.default_rng(8).poisson(6.0, (12, 9, 7)).astype(np.float32)
    ky, kx = (0.1 * torch.arange(-size // 2 + 1, size // 2 + 1, dtype=torch.float32) for size in (9, 7))
    return Batch(torch.from_numpy(counts), torch.linspace(0, 350, 12), ky, kx, scan_shape=(4, 3))


def perturbed(part: Perturbation, batch: Batch) -> Batch:
    return part(batch, generator=torch.Generator().manual_seed(6))


def drawn(name: str, **parameters: float) -> Perturbation:
    """The part as an augmentation where it can be one."""
    ranged = {"least": 0.5, "probability": 0.5} if perturbations[name].acts_on == "pattern" else {}
    return perturbations.build(name, **ranged | parameters)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", perturbations.names())
def test_perturbations_keep_what_a_batch_is_and_draw_the_same_again(name: str, dtype: torch.dtype, batch: Batch) -> None:
    batch = dataclasses.replace(batch, patterns=batch.patterns.to(dtype))
    for part in (perturbations.build(name), drawn(name)):
        assert isinstance(part, Perturbation)
        patterns, labels = batch.patterns.clone(), batch.direction_deg.clone()
        first, again = perturbed(part, batch), perturbed(part, batch)
        assert torch.equal(batch.patterns, patterns)
        assert torch.equal(batch.direction_deg, labels)
        assert torch.equal(first.patterns, again.patterns)
        assert torch.equal(first.direction_deg, again.direction_deg)
        assert (first.patterns.shape, first.patterns.dtype) == (patterns.shape, dtype)
        assert (first.direction_deg.shape, first.direction_deg.dtype) == (labels.shape, labels.dtype)
        assert (first.patterns >= 0).all()
        assert ((first.direction_deg >= 0) & (first.direction_deg < 360)).all()
        assert (first.scan_shape, first.first_row) == ((4, 3), 0)
    assert not torch.equal(perturbed(perturbations.build(name, **VISIBLE.get(name, {})), batch).patterns, patterns)


@pytest.mark.parametrize("name", perturbations.names())
def test_perturbations_without_strength_or_chance_leave_patterns_alone(name: str, batch: Batch) -> None:
    ranged = {field.name for field in parameters(perturbations[name]) if field.metadata["min"] is not None}
    zero = {key: 0.0 for key in ranged - {"probability", "least"} if key not in LENGTHS}
    neutral = NEUTRAL.get(name, zero)
    parts = [] if neutral is None else [perturbations.build(name, **neutral)]
    if "probability" in ranged:
        parts.append(perturbations.build(name, probability=0.0))
    for part in parts:
        after = perturbed(part, batch)
        assert torch.equal(after.patterns, batch.patterns)
        assert torch.equal(after.direction_deg, batch.direction_deg)


@pytest.mark.parametrize("name", perturbations.names())
def test_perturbations_take_an_empty_batch(name: str, batch: Batch) -> None:
    none = dataclasses.replace(batch, patterns=batch.patterns[:0], direction_deg=batch.direction_deg[:0])
    assert len(perturbed(drawn(name), none).patterns) == 0


@pytest.fixture(scope="module")
def matched() -> tuple[xr.DataArray, SpecimenFit]:
    """A small scan, twelve positions a cell, and its specimen."""
    scan = pw.simulate_scan(
        "knn", direction_deg=45.0, thickness_A=119.1, scan_shape=(24, 26), cells=(2.0, 2.17), detector_shape=(40, 40), dose=2e4, k_limit=2.7
    )
    return scan, pw.match(scan, thickness_range_A=(80.0, 160.0))


@pytest.fixture(scope="module")
def learnt(matched: tuple[xr.DataArray, SpecimenFit]) -> dict[str, Any]:
    """What models learn from, by what they say they train on."""
    from polwidgets.training.cell_recipes import matched_cells
    from polwidgets.training.matched import matched_patterns

    scan, specimen = matched
    return {
        "specimen": specimen,
        "cells": matched_cells(specimen, scan, conditions=3, seed=5, progress=silent),
        "patterns": matched_patterns(specimen, scan, positions=4, seed=5, progress=silent),
    }


@pytest.fixture(scope="module", params=models.names())
def twins(request: pytest.FixtureRequest, learnt: dict[str, Any]) -> tuple[Model, Model]:
    """Two models that were trained alike; hastily, for what is learnt does not matter here."""
    name = request.param
    hasty = {"epochs": 1} if "epochs" in {field.name for field in parameters(models[name])} else {}
    model = models.build(name, **hasty)
    first, second = (model.fit(learnt[model.trains_on], seed=5, progress=silent) for _ in range(2))
    return first, second


@pytest.fixture(scope="module")
def part(matched: tuple[xr.DataArray, SpecimenFit]) -> xr.DataArray:
    """A little more than a unit cell of it."""
    return matched[0].isel(scan_y=slice(2, 15), scan_x=slice(5, 19))


@pytest.mark.slow
def test_models_predict_the_same_again_and_leave_the_scan_alone(
    twins: tuple[Model, Model], matched: tuple[xr.DataArray, SpecimenFit], part: xr.DataArray
) -> None:
    _, specimen = matched
    before = part.copy(deep=True)
    for context in twins[0].contexts:
        first, again = (model.predict(part, specimen, context=context, progress=silent) for model in twins)
        xr.testing.assert_identical(first, again)
        xr.testing.assert_identical(part, before)
        assert dict(first.sizes) == {"scan_y": 13, "scan_x": 14, "direction_class": 8}
        np.testing.assert_allclose(first["probability"].sum("direction_class"), 1, rtol=1e-5)
        assert ((first["direction_deg"] >= 0) & (first["direction_deg"] < 360)).all()
        assert first["direction"].dtype == np.int8
        assert {"model", "context", "thickness_A", "tilt_y_mrad", "tilt_x_mrad"} <= set(first.attrs)


@pytest.mark.slow
def test_a_loaded_model_predicts_what_the_saved_one_did(
    twins: tuple[Model, Model], matched: tuple[xr.DataArray, SpecimenFit], part: xr.DataArray, tmp_path: Path
) -> None:
    _, specimen = matched
    model = twins[0]
    model.save(tmp_path / "model")
    loaded = type(model).load(tmp_path / "model")
    saved, read = (each.predict(part, specimen, context="unit_cell", progress=silent) for each in (model, loaded))
    xr.testing.assert_identical(saved, read)
