from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

import polwidgets as pw
from polwidgets.match.conditions import Conditions
from polwidgets.widgets import specimen_model
from polwidgets.widgets.specimen_matcher import ESM, SpecimenMatcherPane
from polwidgets.widgets.specimen_model import SpecimenMatcherModel

FOUND = Conditions(thickness_A=123.0, tilt_y_mrad=0.7, source_A=0.2)


@pytest.fixture
def small():
    """A scan of a few coarse patterns: quick to simulate."""
    ky, kx = np.mgrid[:15, :17]
    disk = np.clip(5 - np.hypot(ky - 7, kx - 8), 0, 1)
    patterns = disk * (1 + 0.1 * np.arange(12).reshape(3, 4, 1, 1))
    return pw.make_cube(patterns, scan_step_A=1.0, k_step=0.12, center_px=(7, 8), voltage_kV=200.0, semiangle_mrad=14.0)


@pytest.fixture
def model(small):
    return SpecimenMatcherModel(small, crystal="srtio3", thickness_range_A=(40.0, 90.0))


def ask(model, kind, **body):
    number = ask.count = getattr(ask, "count", 0) + 1
    model.request = {"id": f"test:{number}", "kind": kind, **body}
    assert model.reply["id"] == f"test:{number}"
    return model.reply


def ready(model):
    assert ask(model, "simulate", values=model.view, measured=True) == {"id": model.reply["id"], "kind": "simulate", "waiting": True}
    model.background.wait(60)
    assert model.status["phase"] == "ready", model.status
    return model


def specimen(crystal, **values):
    """What the widget needs of a match."""
    known = {"crystal": crystal, "conditions": FOUND, "errors": {"thickness_A": 2.0}, "score": 0.95, "poor": False, "unit_cell": None}
    return SimpleNamespace(**{**known, **values})


def test_the_scene_is_json_and_names_what_can_be_moved(model):
    scene = json.loads(json.dumps(model.scene))
    names = [control["name"] for control in scene["controls"]]
    assert names == ["thickness_A", "tilt_y_mrad", "tilt_x_mrad", "blur", "rotation_deg", "source_A", "defocus_A"]
    assert not scene["polar"]  # strontium titanate has no displacement
    json.dumps([model.view, model.status])


def test_nothing_is_simulated_before_somebody_looks(model):
    assert model.background is None
    assert model.status["phase"] == "waiting"


def test_a_simulated_pattern_comes_with_the_measured_one_and_their_difference(model, small):
    ready(model)
    reply = ask(model, "simulate", values=model.view, measured=True)
    shape = model.status["frame"]["shape"]
    measured, simulated, difference = (np.frombuffer(reply[name], "<f4").reshape(shape) for name in ("measured", "simulated", "difference"))
    np.testing.assert_allclose(measured.sum(), small.values.mean((0, 1)).sum(), rtol=1e-5)
    np.testing.assert_allclose(measured - simulated, difference, atol=1e-5)
    again = ask(model, "simulate", values={**model.view, "thickness_A": 80.0}, measured=False)
    assert "measured" not in again
    assert again["simulated"] != reply["simulated"]
    landscape = ask(model, "landscape", values=model.view)["misfits"]
    assert len(landscape) == len(model.status["thicknesses_A"])
    tilts = ask(model, "tilts", values=model.view, tilts=[[0.0, 0.0], [4.0, -4.0]])["misfits"]
    assert tilts[0] == pytest.approx(ask(model, "simulate", values=model.view, measured=False)["misfit"], rel=0.3)


def test_the_state_says_which_probe_position(model):
    model.state.probe = (2, 1)
    assert model.view["probe"] == [2, 1]


def test_a_fit_is_put_into_the_sliders(model, monkeypatch):
    ready(model)
    seen = []
    model.observe(lambda change: seen.append(change["new"]), "specimen")
    monkeypatch.setattr(specimen_model, "match", lambda *_, **__: specimen(model.crystal))
    ask(model, "fit")
    model.background.wait(60)
    assert [found.conditions for found in seen] == [FOUND]
    assert {name: model.view[name] for name in dataclasses.asdict(FOUND)} == dataclasses.asdict(FOUND)
    assert model.status["fit"]["score"] == 0.95
    assert not model.status["fit"]["lattice"]


def test_a_fit_that_fails_says_so_and_the_sliders_go_on(model, monkeypatch):
    ready(model)

    def fail(*_, **__):
        raise ValueError("the scan is smaller than a unit cell")

    monkeypatch.setattr(specimen_model, "match", fail)
    ask(model, "fit")
    model.background.wait(60)
    assert model.status["phase"] == "ready"
    assert "smaller than a unit cell" in model.status["message"]
    assert "simulated" in ask(model, "simulate", values=model.view, measured=False)


def test_a_fit_can_be_cancelled(model, monkeypatch):
    ready(model)

    def slow(*_, progress, **__):
        model.background.cancel()
        progress("search", 0.5)

    monkeypatch.setattr(specimen_model, "match", slow)
    ask(model, "fit")
    model.background.wait(60)
    assert model.status["message"] == "cancelled"
    assert model.specimen is None


def test_a_match_made_before_is_where_it_starts(small):
    crystal = pw.crystals.build("srtio3")
    matcher = pw.SpecimenMatcher(small, None, specimen(crystal))
    assert matcher.model.view["thickness_A"] == 123.0
    assert matcher.specimen.conditions == FOUND
    other = specimen(crystal, conditions=dataclasses.replace(FOUND, thickness_A=77.0))
    matcher.specimen = other
    assert matcher.view["thickness_A"] == 77.0


def test_what_cannot_be_simulated_is_told_in_the_widget(small):
    bare = small.copy()
    del bare.attrs["semiangle_mrad"]
    model = SpecimenMatcherModel(bare, crystal="srtio3")
    ask(model, "simulate", values=model.view, measured=True)
    model.background.wait(60)
    assert model.status["phase"] == "failed"
    assert re.search("semiangle_mrad", model.status["message"])


def test_the_module_needs_nothing_else_and_both_hosts_share_the_model(small, tmp_path):
    assert "import {" not in ESM
    pane = pw.SpecimenMatcher(small, crystal="srtio3").__panel__()
    assert isinstance(pane, SpecimenMatcherPane)
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs `node`")
    (tmp_path / "matcher.mjs").write_text(ESM)
    code = f"import widget from '{tmp_path / 'matcher.mjs'}'; if (typeof widget.render !== 'function') throw 1"
    subprocess.run([node, "--input-type=module", "-e", code], check=True, timeout=60)
