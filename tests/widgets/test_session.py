from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import xarray as xr

import polwidgets as pw
from polwidgets.crystal.base import crystals
from polwidgets.cube.unit_cell import UnitCell
from polwidgets.match.conditions import Conditions
from polwidgets.match.specimen import SpecimenFit
from polwidgets.widgets.session import apply_session, reset_state, session_text


def test_a_state_survives_its_text():
    state = pw.ViewState(probe=(3, 7), detector_outer=4.5, context="pattern", seed=5, perturbations=('{"perturbation": "dose"}',))
    other = pw.ViewState()
    assert apply_session(other, session_text(state, tab="Models"))["tab"] == "Models"
    assert {name: getattr(other, name) for name in other.trait_names()} == {name: getattr(state, name) for name in state.trait_names()}


@pytest.mark.parametrize(
    "text", ["no json", "[]", "{}", '{"state": {"probe": [1, 2], "prob": 3}}', '{"state": {"context": "none", "probe": [1, 2]}}']
)
def test_what_is_no_session_changes_nothing(text):
    state = pw.ViewState(probe=(5, 5))
    with pytest.raises(ValueError, match="no saved session"):
        apply_session(state, text)
    assert state.probe == (5, 5)


def test_reset_goes_back_to_the_middle_and_the_bright_field(scan):
    state = pw.ViewState(probe=(1, 1), detector_outer=99.0, context="pattern")
    reset_state(state, scan)
    assert state.probe == (10, 14)
    assert state.context == "unit_cell"
    assert 1 < state.detector_outer < 20


def test_an_explorer_comes_back_with_its_map_and_tab(scan, prediction, tmp_path):
    explorer = pw.Explorer(scan, prediction=prediction)
    explorer.state.probe = (4, 9)
    explorer.tab = "Augment"
    explorer.save(tmp_path / "session.json")
    again = pw.Explorer.restore(tmp_path / "session.json", scan)
    assert (again.state.probe, again.tab) == ((4, 9), "Augment")
    xr.testing.assert_allclose(again.prediction, prediction)


def test_an_explorer_of_a_file_finds_its_scan_again(scan, tmp_path):
    pw.save_cube(scan, tmp_path / "scan.zarr")
    pw.Explorer(tmp_path / "scan.zarr").save(tmp_path / "session.json")
    again = pw.Explorer.restore(tmp_path / "session.json")
    np.testing.assert_array_equal(again.cube.values, scan.values)
    pw.Explorer(scan).save(tmp_path / "other.json")
    with pytest.raises(ValueError, match="give the cube"):
        pw.Explorer.restore(tmp_path / "other.json")


def test_a_session_opens_no_map_elsewhere(scan, prediction, tmp_path):
    pw.Explorer(scan, prediction=prediction).save(tmp_path / "session.json")
    text = json.loads((tmp_path / "session.json").read_text())
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "session.json").write_text(json.dumps({**text, "map": "../session.map.zarr"}))
    with pytest.raises(FileNotFoundError):
        pw.Explorer.restore(tmp_path / "inner" / "session.json", scan)


@pytest.fixture
def specimen():
    """A match whose every value is odd."""
    rng = np.random.default_rng(7)
    axes = {
        "ky": ("ky", np.linspace(-1.1, 1.3, 5), {"units": "1/angstrom"}),
        "kx": ("kx", np.linspace(-0.9, 1.7, 7), {"units": "1/angstrom"}),
    }
    return SpecimenFit(
        crystal=crystals.build("knn", displacement_A=0.07),
        voltage_kV=120.0,
        semiangle_mrad=21.3,
        conditions=Conditions(thickness_A=123.4, tilt_y_mrad=-1.7, tilt_x_mrad=0.1 + 0.2, source_A=0.41, rotation_deg=12.0, origin_x=-0.3),
        errors={"thickness_A": 1.5, "tilt_y_mrad": 0.2},
        score=0.93,
        misfit=1.07,
        gain=2.5,
        dose=2900.0,
        background=(0.1, 0.2, 0.3, 0.4),
        patterns=xr.Dataset({name: (("ky", "kx"), rng.random((5, 7), np.float32)) for name in ("measured", "model")}, coords=axes),
        unit_cell=UnitCell(rng.normal(size=(6, 2))),
        scan_rotation_deg=-8.0,
        good_pixels=rng.random((5, 7)) > 0.2,
    )


def _assert_same(found, expected):
    for field in dataclasses.fields(SpecimenFit):
        here, there = getattr(found, field.name), getattr(expected, field.name)
        if field.name == "patterns":
            xr.testing.assert_identical(here, there)
        elif field.name == "unit_cell" and there is not None:
            np.testing.assert_array_equal(here.coefficients, there.coefficients)
        else:
            np.testing.assert_equal(here, there)


def test_a_match_survives_its_text(specimen):
    lone = dataclasses.replace(specimen, unit_cell=None, good_pixels=None, gain=float("nan"))
    for match in (specimen, lone):
        _assert_same(apply_session(pw.ViewState(), session_text(pw.ViewState(), specimen=match))["specimen"], match)


@pytest.mark.parametrize(
    "damage",
    [
        lambda match: match.pop("score"),
        lambda match: match.update(crystal='{"crystal": "unobtainium"}'),
        lambda match: match["patterns"]["model"].update(base64="AAAA"),
        lambda match: match["patterns"]["model"].update(dtype="O"),
    ],
)
def test_a_damaged_match_changes_nothing(specimen, damage):
    content = json.loads(session_text(pw.ViewState(probe=(1, 2)), specimen=specimen))
    damage(content["specimen"])
    state = pw.ViewState(probe=(5, 5))
    with pytest.raises(ValueError, match="no saved session"):
        apply_session(state, json.dumps(content))
    assert state.probe == (5, 5)


def test_an_explorer_comes_back_with_its_match(scan, specimen, tmp_path):
    pw.Explorer(scan, specimen=specimen).save(tmp_path / "session.json")
    again = pw.Explorer.restore(tmp_path / "session.json", scan)
    _assert_same(again.specimen, specimen)
    matcher = again.part("Match")
    shown = {name: matcher.view[name] for name in ("thickness_A", "tilt_y_mrad", "tilt_x_mrad")}
    assert shown == {"thickness_A": 123.4, "tilt_y_mrad": -1.7, "tilt_x_mrad": 0.1 + 0.2}
    assert matcher.status["fit"]["score"] == 0.93
    # the page's own way, on an explorer that is there
    other = pw.Explorer(scan)
    other.take_session((tmp_path / "session.json").read_text())
    _assert_same(other.specimen, specimen)


def test_sessions_of_before_have_no_match(scan, tmp_path):
    text = json.dumps({"polwidgets": "0.1", "scan": None, "tab": "Augment", "map": None, "state": {"probe": [3, 4]}})
    (tmp_path / "old.json").write_text(text)
    again = pw.Explorer.restore(tmp_path / "old.json", scan)
    assert (again.state.probe, again.tab, again.specimen) == ((3, 4), "Augment", None)
