from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import polwidgets as pw
from polwidgets.widgets.tabs import OF_SEPARATE_DISKS, TABS


def test_tabs_are_built_when_they_are_opened(scan):
    explorer = pw.Explorer(scan)
    assert not explorer.parts
    explorer.tab = "Augment"
    assert list(explorer.parts) == ["Augment"]
    explorer.tab = "Models"
    assert not explorer.parts["Augment"].awake
    with pytest.raises(ValueError, match="there is no tab 'Nonsense'; there are: Match, Augment"):
        explorer.tab = "Nonsense"


@pytest.mark.parametrize("name", [name for name in TABS if name not in ("Match", *OF_SEPARATE_DISKS)])
def test_every_tab_shows_something_before_there_is_a_map(scan, name):
    explorer = pw.Explorer(scan)
    explorer.tab = name
    assert name in explorer.parts


def test_a_map_from_the_models_is_shown_and_handed_on(scan, prediction):
    explorer = pw.Explorer(scan)
    explorer.tab = "Why it fails"
    explorer.tab = "Models"
    explorer.parts["Models"].prediction = prediction
    assert explorer.prediction is prediction
    assert explorer.parts["Why it fails"].prediction is prediction
    pixels = explorer.map._image.data["image"][0].view(np.uint8).reshape(20, 28, 4)
    assert len(np.unique(pixels[:, :2].reshape(-1, 4), axis=0)) == 2  # the two domains
    assert (pixels[..., 3] == 255).all()


def test_a_map_of_another_scan_is_said_not_raised(scan, prediction):
    explorer = pw.Explorer(scan)
    explorer.prediction = prediction.isel(scan_x=slice(10))
    assert "covers (20, 10) scan positions, the scan (20, 28)" in explorer._message.value
    explorer.prediction = prediction
    assert explorer._message.value == ""


def test_a_tap_shows_the_probabilities_there(scan, prediction):
    explorer = pw.Explorer(scan, prediction=prediction)
    explorer.map._tapped(type("Tap", (), {"x": 5.2, "y": 16.8}))
    assert explorer.state.probe == (17, 5)
    np.testing.assert_allclose(explorer.map._probabilities.source.data["probability"], prediction["probability"].values[17, 5])
    assert explorer.map._marker.data == {"x": [5], "y": [17]}
    explorer.map._tapped(type("Tap", (), {"x": -3.0, "y": 2.0}))
    assert explorer.state.probe == (17, 5)


@pytest.mark.parametrize("name", ["Why it fails", "Domain gap", "Defects"])
def test_analyses_say_what_they_miss(scan, prediction, name):
    explorer = pw.Explorer(scan, prediction=prediction.isel(scan_x=slice(9)))
    view = explorer.part(name)
    view.analyse()
    view.worker.wait()
    assert view.worker._trouble.value


def test_reset_takes_the_state_back(scan):
    explorer = pw.Explorer(scan, state=pw.ViewState(probe=(0, 0), context="pattern"))
    explorer.reset()
    assert (explorer.state.probe, explorer.state.context) == ((10, 14), "unit_cell")


def test_a_wrong_session_text_is_said_not_raised(scan):
    explorer = pw.Explorer(scan)
    explorer.take_session("nonsense")
    assert "no saved session" in explorer._message.value


def test_what_computes_is_not_loaded_before_it_is_needed():
    script = "import sys, polwidgets.widgets.explorer; print(*[m for m in ('torch', 'sklearn', 'distributed') if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
