from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

import polwidgets as pw
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
