from __future__ import annotations

import json

import nanobeam_scan
import numpy as np
import pytest

import polwidgets as pw
from polwidgets.disks.template import TemplateDetector
from polwidgets.widgets.disk_explorer import ESM, DiskExplorerPane
from polwidgets.widgets.disk_explorer_model import DiskExplorerModel

MIDDLE = np.array(nanobeam_scan.DETECTOR) // 2
REFERENCE = nanobeam_scan.BASIS / nanobeam_scan.K_STEP


@pytest.fixture(scope="module")
def made():
    return nanobeam_scan.make_scan()


@pytest.fixture
def model(made):
    cube, probe = made
    found = DiskExplorerModel(cube, probe=probe, state=pw.ViewState(probe=(0, 1)))
    assert ask(found, "find", values=found.view, pattern=True)["waiting"]
    found.background.wait(60)
    assert found.status["phase"] == "ready", found.status
    return found


def ask(model, kind, **body):
    number = ask.count = getattr(ask, "count", 0) + 1
    model.request = {"id": f"test:{number}", "kind": kind, **body}
    assert model.reply["id"] == f"test:{number}"
    return model.reply


def test_the_scene_is_json_and_draws_its_controls_from_the_registry(made):
    model = DiskExplorerModel(made[0], probe=made[1])
    scene = json.loads(json.dumps(model.scene))
    json.dumps([model.view, model.status])
    template = next(each for each in scene["detectors"] if each["name"] == "template")
    kinds = {control["name"]: control["kind"] for control in template["controls"]}
    assert kinds == {"correlation": "choice", "certainty": "number", "spacing": "number", "most": "number"}
    assert scene["backgrounds"]["template"] == "correlation map"
    assert model.background is None, "nothing is computed before somebody looks"


def test_proposals_lie_on_the_true_disks(model, made):
    reply = ask(model, "find", values=model.view, pattern=True)
    np.testing.assert_array_equal(np.frombuffer(reply["pattern"], "<f4").reshape(90, 101), made[0].values[0, 1])
    off = (np.array(reply["places"]) - MIDDLE) @ np.linalg.inv(REFERENCE)
    assert len(off) >= 9
    assert np.abs(off - np.round(off)).max() < 0.1
    outline = np.array(reply["outline"])
    np.testing.assert_allclose(np.hypot(*outline.T), nanobeam_scan.RADIUS_PX, rtol=0.06)


def test_a_stricter_detector_finds_fewer_disks(model):
    parameters = {**model.view["parameters"], "template": {**model.view["parameters"]["template"], "certainty": 45}}
    strict = ask(model, "find", values={**model.view, "parameters": parameters}, pattern=False)
    usual = ask(model, "find", values=model.view, pattern=False)
    assert 0 < len(strict["places"]) < len(usual["places"])
    assert "pattern" not in usual


def test_the_map_behind_the_disks_peaks_where_they_are(model):
    reply = ask(model, "find", values={**model.view, "background": "template"}, pattern=False)
    image = np.frombuffer(reply["map"], "<f4").reshape(nanobeam_scan.DETECTOR)
    assert np.hypot(*(np.array(np.unravel_index(image.argmax(), image.shape)) - MIDDLE)) < 1.5


def test_measured_disks_are_indexed_and_their_lattice_is_true(model):
    reply = ask(model, "measure", values=model.view)
    json.dumps({name: value for name, value in reply.items() if name not in ("id", "kind")})
    lattice = reply["lattice"]
    error = np.abs(np.array(lattice["vectors"]) - _nearest(lattice["vectors"]))
    assert error.max() < 5 * np.max(lattice["vectors_error"]) < 0.2
    places, indices = np.array(reply["places"]), reply["indices"]
    for place, index in zip(places, indices, strict=True):
        if index is not None:
            np.testing.assert_allclose(lattice["origin"] + np.array(index) @ np.array(lattice["vectors"]), place, atol=0.8)
    assert sum(index is not None for index in indices) >= 9
    np.testing.assert_allclose(lattice["origin"], MIDDLE, atol=0.1)


def test_a_lattice_that_was_drawn_is_fitted_from_there(model):
    # other vectors of the same lattice, badly drawn, and another point for its centre
    drawn = [(MIDDLE + REFERENCE[0] + 0.8).tolist(), (REFERENCE[0] + REFERENCE[1] - 0.7).tolist(), (REFERENCE[1] + 0.6).tolist()]
    lattice = ask(model, "measure", values={**model.view, "lattice": drawn})["lattice"]
    assert not lattice["other"]
    np.testing.assert_allclose(lattice["vectors"], [REFERENCE[0] + REFERENCE[1], REFERENCE[1]], atol=0.15)
    np.testing.assert_allclose(lattice["origin"], MIDDLE + REFERENCE[0], atol=0.2)


def test_parallel_vectors_are_refused_in_words(model):
    drawn = [MIDDLE.tolist(), [10.0, 3.0], [20.0, 6.0]]
    assert "parallel" in ask(model, "measure", values={**model.view, "lattice": drawn})["error"]


def test_an_even_disk_may_be_taken_for_the_probe(model):
    values = {**model.view, "probe_source": "synthetic", "radius_px": 6.0}
    outline = np.array(ask(model, "find", values=values, pattern=False)["outline"])
    np.testing.assert_allclose(np.hypot(*outline.T), 6.0)


def test_state_and_view_move_each_other(model):
    model.state.probe = (2, 3)
    assert model.view["probe"] == [2, 3]
    model.view = {**model.view, "probe": [1, 0]}
    assert model.state.probe == (1, 0)
    model.state.probe = (40, 40)  # of a larger scan that shares the state
    assert model.view["probe"] == [2, 3]
    assert model.state.probe == (40, 40)


def test_the_whole_scan_is_mapped_with_the_chosen_parameters(model):
    told = []
    model.observe(lambda change: told.append(change["new"]), ["strain", "disks"])
    values = {**model.view, "reference": "here", "probe": [0, 1]}
    assert "error" not in ask(model, "apply", values=values, what="strain")
    model.background.wait(120)
    assert model.status["phase"] == "ready", model.status
    np.testing.assert_allclose(model.strain["e_xx"].values, nanobeam_scan.true_strain(), atol=6e-3)
    assert model.strain["reason"].values.tolist() == np.zeros(nanobeam_scan.SHAPE, int).tolist()
    assert model.status["result"] == "strain at 12 of 12 positions"
    assert ask(model, "image")["what"] == "disks on the lattice"
    ask(model, "apply", values=values, what="disks")
    model.background.wait(120)
    assert model.disks.sizes["disk"] >= 9 * 12
    assert told[0] is model.strain
    assert told[1] is model.disks


def test_a_region_that_is_not_there_is_said(model):
    assert "no region" in ask(model, "apply", values={**model.view, "reference": "region"}, what="strain")["error"]


def test_work_can_be_cancelled(model):
    ask(model, "apply", values=model.view, what="strain")
    ask(model, "cancel")
    model.background.wait(60)
    assert model.status["message"] == "cancelled"
    assert model.strain is None


def test_an_empty_scan_is_told_and_never_tried_again():
    model = DiskExplorerModel(pw.make_cube(np.zeros((2, 3, 31, 34), np.float32), scan_step_A=1.0, k_step=0.1))
    ask(model, "find", values=model.view, pattern=True)
    model.background.wait(60)
    assert "empty" in model.status["message"]
    before = model.background
    assert ask(model, "find", values=model.view, pattern=True)["waiting"]
    assert model.background is before


def test_without_a_probe_the_widget_says_so(made):
    model = DiskExplorerModel(made[0])
    ask(model, "find", values=model.view, pattern=True)
    model.background.wait(60)
    assert "no probe was given" in model.status["caution"]
    assert model.status["phase"] == "ready"


def test_the_widget_hands_on_its_detector_and_shares_its_model_with_panel(made):
    widget = pw.DiskExplorer(*made, detector=TemplateDetector(certainty=9.0))
    assert widget.detector == TemplateDetector(certainty=9.0)
    parameters = widget.view["parameters"]
    widget.view = {**widget.view, "parameters": {**parameters, "template": {**parameters["template"], "most": 20.0}}}
    assert widget.detector == TemplateDetector(certainty=9.0, most=20)
    assert isinstance(widget.__panel__(), DiskExplorerPane)
    strain = nanobeam_scan.make_strain(made[0])
    widget.model.strain = strain
    assert widget.strain is strain
    assert 'from "./' not in ESM


def _nearest(vectors):
    """The true vectors in the basis of the given ones."""
    return np.round(np.array(vectors) @ np.linalg.inv(REFERENCE)) @ REFERENCE
