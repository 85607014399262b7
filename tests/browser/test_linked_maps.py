"""A tap on a map, in both hosts, with the cube browser on the same state."""

from __future__ import annotations

import hosts
import pytest
from playwright.sync_api import expect

SHAPE = (20, 28)
COMPARED = """
import json
from pathlib import Path

import panel as pn
from synthetic import make_map, make_scan

import polwidgets as pw

scan = make_scan()
state = pw.ViewState(probe=(0, 0))
browser = pw.CubeBrowser(scan, compare=scan.copy(data=scan.values[:, :, ::-1]).assign_attrs(name="upside down"), state=state)
maps = pw.LinkedMaps(make_map(scan), cube=scan, state=state)


def write(_=None):
    Path("state.tmp").write_text(json.dumps({"probe": state.probe, "pattern_of": state.pattern_of, "region": state.region}))
    Path("state.tmp").rename("state.json")


state.observe(write)
write()
pn.Column(maps, browser).servable()
"""


def test_tap_shows_the_pattern_and_the_probabilities(scene):
    behind = ("Pattern", "Probabilities")
    before = {title: scene.figure(title) for title in behind}
    browser_before = scene.pixels(scene.canvas("Diffraction pattern"))
    for row, column in ((3, 5), (17, 6)):
        scene.tap("Polarization direction", row, column, SHAPE)
        scene.wait_for(lambda state, where=[row, column]: state["probe"] == where)
    readout = scene.page.locator("[role=status]", has_text="confidence")
    expect(readout).to_contain_text("position (17, 6)")
    expect(readout).to_contain_text("LM, 180°")
    for title in behind:
        scene.wait_for_change(lambda title=title: scene.figure(title), before[title])
    scene.wait_for_change(lambda: scene.pixels(scene.canvas("Diffraction pattern")), browser_before)


def test_maps_zoom_together(scene):
    find = """
        const walk = (view) => [view, ...[...(view.child_views ?? [])].flatMap(walk)];
        const find = (title) => [...Bokeh.index].flatMap(walk).find((view) => view.frame && view.model.title?.text === title);"""
    scene.page.evaluate(f"() => {{ {find} find('Confidence').model.x_range.setv({{start: 0.2, end: 0.6}}); }}")
    assert scene.page.evaluate(f"() => {{ {find} return find('Polarization direction').model.x_range.end; }}") == 0.6


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """An app of two cubes and their maps: its address and its folder."""
    folder = tmp_path_factory.mktemp("compared")
    (folder / "compared.py").write_text(COMPARED)
    with hosts.panel(folder / "compared.py") as address:
        yield address, folder


@pytest.fixture
def page_of(compared, chromium, scene_type):
    """Opens the app on a screen with so many pixels a point."""
    address, folder = compared
    pages = []

    def opened(density=1.0):
        pages.append(chromium.new_page(viewport={"width": 1280, "height": 800}, device_scale_factor=density))
        pages[-1].set_default_timeout(hosts.TIMEOUT_ms)
        scene = scene_type(pages[-1], folder)
        scene.page.goto(address, timeout=hosts.TIMEOUT_ms)
        hosts.wait_for_cube_browser(scene.page)
        scene.page.wait_for_selector(".bk-Canvas")
        return scene

    yield opened
    for page in pages:
        page.close()


@pytest.mark.parametrize("density", [1.25, 2.0])
def test_taps_hit_on_every_screen(page_of, density):
    scene = page_of(density)
    for row, column in ((3, 5), (17, 22)):
        scene.tap("Confidence", row, column, SHAPE)
        scene.wait_for(lambda state, where=[row, column]: state["probe"] == where)
    assert not scene.complaints, "\n".join(scene.complaints)


def test_compared_cubes_follow_a_tap_together(page_of):
    scene = page_of()
    patterns = [scene.canvas(label) for label in ("Diffraction pattern", "Pattern of the compared cube")]
    before = [scene.pixels(pattern) for pattern in patterns]
    scene.tap("Confidence", 15, 20, SHAPE)
    scene.wait_for(lambda state: state["probe"] == [15, 20])
    first, second = (
        scene.wait_for_change(lambda pattern=pattern: scene.pixels(pattern), was) for pattern, was in zip(patterns, before, strict=True)
    )
    assert first != second
    assert not scene.complaints, "\n".join(scene.complaints)
