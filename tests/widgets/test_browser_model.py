from __future__ import annotations

import json
import re

import dask.array
import numpy as np
import pytest

import polwidgets as pw
from polwidgets.cube.detectors import Disk
from polwidgets.cube.reduce import virtual_image
from polwidgets.widgets.browser_model import CubeBrowserModel
from polwidgets.widgets.view_state import ViewState


def ask(model, kind, **body):
    number = ask.count = getattr(ask, "count", 0) + 1
    model.request = {"id": f"test:{number}", "kind": kind, **body}
    assert model.reply["id"] == f"test:{number}"
    return model.reply


def test_the_scene_is_json_and_says_what_the_browser_draws(scan):
    scene = json.loads(json.dumps(CubeBrowserModel(scan).scene))
    assert scene["scan"] == {"shape": [20, 28], "origin": [0.0, 0.0], "step": [0.5, 0.5], "unit": "Å"}
    assert scene["detector"]["shape"] == [32, 40]
    assert scene["detector"]["origin"] == pytest.approx([-15 * 0.12, -18.5 * 0.12])
    assert scene["mrad_per_unit"] == pytest.approx(25.07934, rel=1e-5)
    assert len(scene["colors"]["scan"]) == 768


def test_an_uncalibrated_cube_is_shown_in_pixels():
    scene = CubeBrowserModel(pw.make_cube(np.ones((2, 3, 4, 5)))).scene
    assert scene["scan"]["unit"] == scene["detector"]["unit"] == "px"
    assert scene["mrad_per_unit"] is None
    assert scene["semiangle_px"] is None
    assert scene["pattern_ranges"][0][0] < scene["pattern_ranges"][0][1]


def test_state_and_view_follow_each_other(scan):
    state = ViewState(probe=(2, 3))
    model = CubeBrowserModel(scan, state=state)
    assert model.view["probe"] == [2, 3]
    assert model.view["detector_outer"] == pytest.approx(state.detector_outer)
    model.view = {**model.view, "probe": [7, 9], "pattern_limits": [0, 5]}
    assert state.probe == (7, 9)
    assert state.pattern_limits == (0.0, 5.0)
    state.probe = (1, 1)
    assert model.view["probe"] == [1, 1]
    model.view = {**model.view, "region": [[0, 0], [0, 5], [5, 5.5]], "detector_shape": "segment", "detector_angles": [10, 50]}
    assert state.region == ((0.0, 0.0), (0.0, 5.0), (5.0, 5.5))
    assert (state.detector_shape, state.detector_angles) == ("segment", (10.0, 50.0))
    json.dumps(model.view)


def test_the_view_is_not_sent_back_to_where_it_came_from(scan):
    model = CubeBrowserModel(scan)
    sent = []
    view = {**model.view, "probe": [7, 9], "detector_inner": 2.0}
    model.observe(lambda change: sent.append(change["new"]), "view")
    model.view = view
    assert sent == [view]


def test_the_pattern_of_a_place_that_others_go_to_comes_ahead_of_the_place(scan):
    model = CubeBrowserModel(scan)
    sent = []
    model.observe(lambda change: sent.append((change["name"], change["new"])), ["view", "reply"])
    model.state.probe = (3, 17)
    (first, reply), (second, view) = sent
    assert (first, second) == ("reply", "view")
    assert (reply["id"], reply["probe"], view["probe"]) == ("", [3, 17], [3, 17])
    np.testing.assert_array_equal(np.frombuffer(reply["data"][0], "<f4").reshape(32, 40), scan.values[3, 17])
    sent.clear()
    model.view = {**model.view, "probe": [4, 4]}  # the browser went there: it asks
    model.state.pattern_scale = "log"
    model.state.probe = (99, 1)  # nothing is there, which the browser is told when it asks
    assert [name for name, _ in sent] == ["view"] * 3


def detector(center=(14.0, 20.5), inner=0.0, outer=4.0):
    return {"shape": "ring", "center": list(center), "inner": inner, "outer": outer, "angles": [-45, 45]}


def test_exact_patterns_and_images(scan):
    model = CubeBrowserModel(scan)
    reply = ask(model, "pattern", probe=[3, 17], region=[])
    np.testing.assert_array_equal(np.frombuffer(reply["data"][0], "<f4").reshape(32, 40), scan.values[3, 17])
    reply = ask(model, "image", detector=detector())
    truth = virtual_image(scan, Disk(0.48, -0.12, 0.24)).values
    np.testing.assert_allclose(np.frombuffer(reply["data"], "<f4").reshape(20, 28), truth, rtol=1e-6)


def test_a_region_has_a_mean_pattern(scan):
    reply = ask(CubeBrowserModel(scan), "pattern", probe=[0, 0], region=[[1.5, 3.5], [1.5, 6.5], [4.5, 6.5], [4.5, 3.5]])
    assert reply["count"] == 9
    np.testing.assert_allclose(np.frombuffer(reply["data"][0], "<f4").reshape(32, 40), scan.values[2:5, 4:7].mean((0, 1)), rtol=1e-5)


def test_a_second_cube_comes_along(scan):
    model = CubeBrowserModel(scan, compare=2 * scan)
    assert len(model.scene["cubes"]) == len(model.scene["pattern_ranges"]) == 2
    first, second = (np.frombuffer(data, "<f4") for data in ask(model, "pattern", probe=[3, 17], region=[])["data"])
    np.testing.assert_allclose(second, 2 * first)
    assert ask(model, "chunk", index=0, cube=1)["highest"] == pytest.approx(
        [2 * value for value in ask(model, "chunk", index=0, cube=0)["highest"]]
    )
    with pytest.raises(ValueError, match=r"has shape \(20, 28, 32, 39\), the cube \(20, 28, 32, 40\)"):
        CubeBrowserModel(scan, compare=scan.isel(kx=slice(39)))


def test_all_chunks_together_are_the_scan(scan):
    model = CubeBrowserModel(scan)
    rows = [row for index in range(model.plan.chunks) for row in ask(model, "chunk", index=index, cube=0)["rows"]]
    assert sorted(rows) == list(range(20))


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("pattern", {"probe": [20, 0], "region": []}, r"\(20, 0\) lies outside the scan of \(20, 28\)"),
        ("image", {"detector": detector((400.0, 0.0))}, "lies outside the detector"),
        ("pattern", {"probe": [0, 0], "region": [[0.6, 0.6], [0.6, 0.9], [0.9, 0.9]]}, "holds no probe position"),
        ("chunk", {"index": 99, "cube": 0}, "chunk 99 does not exist"),
        ("nonsense", {}, "nonsense"),
    ],
)
def test_what_fails_is_a_reply_too(scan, kind, body, message):
    assert re.search(message, ask(CubeBrowserModel(scan), kind, **body)["error"])


def test_a_file_that_goes_away_is_told_in_the_widget(scan):
    present = [True]

    def read(values):
        if not present:
            raise OSError("scan.zarr: the disk is gone")
        return values

    lazy = pw.make_cube(dask.array.from_array(scan.values).map_blocks(read, dtype=scan.dtype))
    model = CubeBrowserModel(lazy)
    assert "error" not in ask(model, "pattern", probe=[0, 0], region=[])
    present.clear()
    assert ask(model, "pattern", probe=[0, 1], region=[])["error"] == "OSError: scan.zarr: the disk is gone"


def test_a_large_cube_is_binned_and_says_so(scan):
    assert CubeBrowserModel(scan, preview_MB=0.2).scene["preview"]["binning"] == 2


def test_wrong_cubes_are_refused(scan):
    with pytest.raises(ValueError, match="a cube has dims"):
        CubeBrowserModel(scan.isel(scan_x=0))
