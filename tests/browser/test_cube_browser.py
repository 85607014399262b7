"""The cube browser as its user drives it, in both hosts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect
from synthetic import make_scan

from polwidgets.widgets.geometry import DetectorPixels, detector_image

SCAN = (20, 28)
DETECTOR = (32, 40)


def test_pointer_moves_the_probe(scene):
    scan, pattern = scene.canvas("Scan image"), scene.canvas("Diffraction pattern")
    before = scene.pixels(pattern)
    scene.drag(scene.at(scan, 3, 4, SCAN), scene.at(scan, 15, 22, SCAN))
    scene.wait_for(lambda state: state["probe"] == [15, 22])
    assert scene.pixels(pattern) != before
    assert "(15, 22)" in scene.page.locator(".pw-readout").first.inner_text()


def test_the_value_at_rest_is_exact(scene):
    scan = scene.canvas("Scan image")
    scene.drag(scene.at(scan, 1, 1, SCAN), scene.at(scan, 7, 11, SCAN))
    state = scene.wait_for(lambda state: state["probe"] == [7, 11])
    readout = scene.page.locator(".pw-readout").first
    expect(readout).to_contain_text("(7, 11)")
    expect(readout).not_to_contain_text("≈")
    cube = make_scan()
    chosen = DetectorPixels(*(state[f"detector_{name}"] for name in DetectorPixels._fields))
    truth = float(detector_image(cube, chosen)[7, 11])
    assert float(readout.inner_text().split("·")[-1]) == pytest.approx(truth, rel=1e-3)


def test_keys_move_the_probe_and_stay_in_the_widget(scene):
    scan = scene.canvas("Scan image")
    scan.focus()
    row, column = scene.state()["probe"]
    for key in ("ArrowUp", "ArrowLeft", "ArrowLeft"):
        scene.page.keyboard.press(key)
    scene.wait_for(lambda state: state["probe"] == [row - 1, column - 2])
    assert scan.evaluate("canvas => canvas.getRootNode().activeElement === canvas")


def test_dragged_detector_changes_the_scan_image(scene):
    scan, pattern = scene.canvas("Scan image"), scene.canvas("Diffraction pattern")
    before, state = scene.pixels(scan), scene.state()
    center = state["detector_center"]
    scene.drag(scene.at(pattern, *center, DETECTOR), scene.at(pattern, center[0] - 6, center[1] + 3, DETECTOR))
    moved = scene.wait_for(lambda now: now["detector_center"] == pytest.approx([center[0] - 6, center[1] + 3], abs=0.1))
    assert moved["detector_outer"] == state["detector_outer"]
    assert scene.pixels(scan) != before


def test_dragged_edge_resizes_the_detector(scene):
    scene.page.get_by_label("Virtual detector", exact=True).select_option("annular bright field")
    state = scene.wait_for(lambda now: now["detector_inner"] > 0)
    center, outer = state["detector_center"], state["detector_outer"]
    pattern = scene.canvas("Diffraction pattern")
    scene.drag(scene.at(pattern, center[0], center[1] + outer, DETECTOR), scene.at(pattern, center[0], center[1] + outer + 3, DETECTOR))
    larger = scene.wait_for(lambda now: now["detector_outer"] == pytest.approx(outer + 3, abs=0.1))
    assert larger["detector_center"] == center
    assert larger["detector_inner"] == state["detector_inner"]


def test_keys_move_and_resize_the_detector(scene):
    scene.page.get_by_label("Virtual detector", exact=True).select_option("bright field")
    state = scene.wait_for(lambda now: now["detector_inner"] == 0)
    scene.canvas("Diffraction pattern").focus()
    for key in ("ArrowDown", "ArrowDown", "-", "]"):
        scene.page.keyboard.press(key)
    center, outer = state["detector_center"], state["detector_outer"]
    moved = scene.wait_for(lambda now: now["detector_inner"] == 0.5)
    assert moved["detector_center"] == [center[0] + 2, center[1]]
    assert moved["detector_outer"] == pytest.approx(outer - 0.5)


def test_scale_and_limits_change_the_colours(scene):
    pattern = scene.canvas("Diffraction pattern")
    before = scene.pixels(pattern)
    scene.page.get_by_label("Intensity scale").first.select_option("log")
    scene.wait_for(lambda now: now["pattern_scale"] == "log")
    logarithmic = scene.pixels(pattern)
    assert logarithmic != before
    slider = scene.page.get_by_label("Pattern: upper colour limit")
    slider.focus()
    scene.page.keyboard.press("PageDown")
    limits = scene.wait_for(lambda now: now["pattern_limits"] is not None)["pattern_limits"]
    assert limits[0] < limits[1]
    assert scene.pixels(pattern) != logarithmic
    scene.page.locator('.pw-view[aria-label="Pattern"]').get_by_text("auto").click()
    scene.wait_for(lambda now: now["pattern_limits"] is None)


def test_a_segment_is_turned_by_its_side(scene):
    scene.page.get_by_label("Virtual detector", exact=True).select_option("bright field")
    scene.page.get_by_label("Virtual detector", exact=True).select_option("segment")
    state = scene.wait_for(lambda now: now["detector_shape"] == "segment")
    scan, pattern = scene.canvas("Scan image"), scene.canvas("Diffraction pattern")
    before = scene.pixels(scan)
    (row, column), half = state["detector_center"], state["detector_outer"] / 2
    stop = scene.at(pattern, row - half * 0.7071, column + half * 0.7071, DETECTOR)
    scene.drag(stop, scene.at(pattern, row - half, column, DETECTOR))
    scene.wait_for(lambda now: now["detector_angles"] == pytest.approx([-45, 90], abs=2))
    assert scene.pixels(scan) != before
    scene.page.get_by_label("Virtual detector", exact=True).select_option("bright field")
    scene.wait_for(lambda now: now["detector_shape"] == "ring")


def test_a_rectangle_shows_its_mean_pattern_until_escape(scene):
    scan, pattern = scene.canvas("Scan image"), scene.canvas("Diffraction pattern")
    before = scene.pixels(pattern)
    scene.page.get_by_role("button", name="rectangle").click()
    scene.drag(scene.at(scan, 4, 5, SCAN), scene.at(scan, 9, 16, SCAN))
    scene.wait_for(lambda now: now["region"] == [[3.5, 4.5], [3.5, 16.5], [9.5, 16.5], [9.5, 4.5]] and now["pattern_of"] == "region")
    expect(scene.page.locator(".pw-readout").nth(1)).to_contain_text("mean of 72 positions")
    assert scene.pixels(pattern) != before
    scene.page.get_by_role("button", name="probe", exact=True).click()
    scan.focus()
    scene.page.keyboard.press("Escape")
    scene.wait_for(lambda now: now["region"] == [] and now["pattern_of"] == "probe")


def test_reset_goes_back(scene):
    scene.page.get_by_role("button", name="CoM").click()
    scene.wait_for(lambda now: now["center_of_mass"])
    scene.page.locator(".pw-foot").get_by_text("Reset").click()
    scene.wait_for(lambda now: not now["center_of_mass"] and now["probe"] == [10, 14])
