from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import polwidgets as pw
from polwidgets.perturb.base import perturbations
from polwidgets.widgets.perturbation_steps import PerturbationSteps


@pytest.fixture
def panel(scan):
    return pw.PerturbationPanel(scan, state=pw.ViewState(probe=(3, 5)))


def shown(picture):
    return picture._source.data["image"][0]


def test_a_chosen_preset_is_in_the_state_as_parts(panel):
    panel._preset.value = "low_dose"
    assert [perturbations.from_json(text) for text in panel.state.perturbations] == list(pw.preset("low_dose"))
    assert panel.parts == pw.preset("low_dose")


def test_the_preview_is_what_perturbing_the_pattern_gives(panel, scan):
    panel._add.value = "gaussian_blur"
    form = panel._forms[0]
    name = next(name for name in form.controls if name not in ("probability", "least"))
    form.controls[name].value = form.controls[name].end
    np.testing.assert_allclose(shown(panel._before), np.sqrt(scan.values[3, 5]), rtol=1e-6)
    assert not np.allclose(shown(panel._after), shown(panel._before))
    np.testing.assert_allclose(shown(panel._after) ** 2, pw.perturb(scan[3, 5], panel.parts, seed=0).values, rtol=1e-4, atol=1e-3)


def test_what_moves_the_probe_is_seen_at_its_own_place(panel, scan):
    panel._take((perturbations.build("drift", down_px=0.0, right_px=0.0, wander_px=0.0),))
    np.testing.assert_allclose(panel.perturbed(), scan.values[3, 5], rtol=1e-5)
    panel._take((perturbations.build("drift", down_px=4.0, right_px=0.0, wander_px=0.0),))
    # at row 3 of 20 the probe has not yet strayed half of the way: it is still above its place
    place = 3 + 4.0 * ((3 * 28 + 5) / (20 * 28 - 1) - 0.5)
    low = int(place)
    truth = (low + 1 - place) * scan.values[low, 5] + (place - low) * scan.values[low + 1, 5]
    np.testing.assert_allclose(panel.perturbed(), truth, rtol=1e-3)


def test_order_and_removal(panel):
    panel._take((*pw.preset("low_dose"), *pw.preset("study")))
    names = [type(part).__name__ for part in panel.parts]
    panel._swap(0, 1)
    assert [type(part).__name__ for part in panel.parts] == [names[1], names[0], *names[2:]]
    panel._reset.clicks += 1
    assert panel.parts == ()


def test_seed_draws_anew(panel):
    panel._preset.value = "low_dose"
    before = shown(panel._after).copy()
    panel._again.clicks += 1
    assert panel.state.seed == 1
    assert not np.array_equal(shown(panel._after), before)


def test_out_of_sight_nothing_is_drawn(panel):
    panel.awake = False
    before = shown(panel._before)
    panel.state.probe = (9, 9)
    assert shown(panel._before) is before
    panel.awake = True
    assert shown(panel._before) is not before


def test_an_unknown_part_is_said_not_raised(panel):
    panel.state.perturbations = ('{"perturbation": "nonsense"}',)
    assert "unknown perturbation" in panel._trouble.value


@pytest.mark.parametrize("changed", [0, 4, 9])
def test_what_is_kept_between_two_moves_of_a_slider_changes_nothing(scan, changed):
    parts = list(pw.preset("experiment_scan"))
    steps = PerturbationSteps(scan)
    steps.pattern(parts, (5, 7), seed=3)
    name = next(field.name for field in dataclasses.fields(parts[changed]) if isinstance(getattr(parts[changed], field.name), float))
    parts[changed] = dataclasses.replace(parts[changed], **{name: 0.9 * getattr(parts[changed], name)})
    afresh = PerturbationSteps(scan).pattern(parts, (5, 7), seed=3)
    np.testing.assert_array_equal(steps.pattern(parts, (5, 7), seed=3), afresh)
    np.testing.assert_array_equal(steps.pattern(parts[:-1], (5, 7), seed=3), PerturbationSteps(scan).pattern(parts[:-1], (5, 7), seed=3))
