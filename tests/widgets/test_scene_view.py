"""What the view of a scene sends to the browser."""

from __future__ import annotations

import numpy as np
import pytest

import polwidgets as pw
from polwidgets.scenes.scene import Scene
from polwidgets.widgets.scene_view import LARGEST, SceneView


@pytest.fixture(scope="module")
def scene() -> Scene:
    return pw.prefabs.build("core_shell", diameter_A=12.0, box_A=40.0).build(seed=1)


def test_atoms_and_labels_arrive_as_they_are(scene: Scene) -> None:
    sent = SceneView(scene, color_by="phase").scene
    np.testing.assert_allclose(np.frombuffer(sent["positions"], "<f4").reshape(-1, 3), scene.positions_A, atol=1e-4)
    phase = sent["labels"]["phase"]
    np.testing.assert_array_equal(np.frombuffer(phase["values"], "<u2"), scene.phases)
    assert phase["names"] == ["core Au", "shell Ag"]
    assert sent["labels"]["element"]["names"] == ["Ag", "Au"]
    for label in sent["labels"].values():
        assert len(label["colors"]) == len(label["names"])
        assert np.frombuffer(label["values"], "<u2").max() < len(label["names"])
    assert sent["title"] == "particle"


def test_the_view_goes_both_ways(scene: Scene) -> None:
    shown = SceneView(scene)
    pane = shown.__panel__()
    pane.view = {**pane.view, "low": 3.0}
    assert shown.view["low"] == 3.0
    shown.view = {**shown.view, "color_by": "grain"}
    assert pane.view["color_by"] == "grain"


def test_what_cannot_be_shown(scene: Scene) -> None:
    with pytest.raises(ValueError, match="expected one of element, object, phase, grain"):
        SceneView(scene, color_by="mood")
    with pytest.raises(ValueError, match="take a part"):
        SceneView(scene.select(np.arange(LARGEST + 1) % len(scene)))
