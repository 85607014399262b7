"""The explorer's story, driven in both hosts: what thickness does, why single patterns fail, and what a perturbation changes."""

from __future__ import annotations

from pathlib import Path

import hosts
import numpy as np
import pytest
from playwright.sync_api import expect

import polwidgets as pw

HERE = Path(__file__).parent
SHAPE = (24, 28)
SET_SLIDER = "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')) }"


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A folder with a simulated scan, and a session in which it is matched and single patterns are looked at."""
    folder = tmp_path_factory.mktemp("session")
    scan = pw.simulate_scan(
        "knn", direction_deg=90.0, thickness_A=200.0, scan_shape=SHAPE, cells=(2.0, 2.4), detector_shape=(48, 48), dose=1500.0, seed=1
    )
    pw.save_cube(scan, folder / "scan.zarr")
    state = pw.ViewState(probe=(2, 2), model='{"model": "pca_knn"}', context="pattern")
    pw.Explorer(folder / "scan.zarr", specimen=pw.match(scan, thickness_range_A=(150.0, 260.0)), state=state).save(folder / "session.json")
    return folder


@pytest.fixture(scope="module", params=["jupyter", "panel"])
def shown(request, chromium, scene_type, session, tmp_path_factory):
    folder = tmp_path_factory.mktemp(f"explorer_{request.param}")
    (folder / "session.json").symlink_to(session / "session.json")
    text = (HERE / "story_scene.py").read_text()
    if request.param == "jupyter":
        hosts.write_notebook(folder / "explorer.ipynb", [f"{text}\nexplorer"])
        server = hosts.jupyter(folder)
    else:
        (folder / "explorer.py").write_text(f"{text}\nimport panel as pn\npn.panel(explorer).servable()\n")
        server = hosts.panel(folder / "explorer.py")
    with server as address, hosts.new_page(chromium) as page:
        scene = scene_type(page, folder)
        if request.param == "jupyter":
            hosts.run_notebook(page, address, "explorer.ipynb")
        else:
            page.goto(address)
        hosts.wait_for_cube_browser(page)
        yield scene
        assert not scene.complaints, "\n".join(scene.complaints)


def open_tab(scene, name):
    scene.page.locator(".bk-tab", has_text=name).click()


def test_the_misfit_falls_where_the_simulated_thickness_is_that_of_the_scan(shown):
    open_tab(shown, "Match")
    matcher = shown.page.locator(".pw-matcher")
    figure = matcher.locator(".pw-figure")
    expect(figure).to_contain_text("misfit", timeout=hosts.TIMEOUT_ms)
    slider = matcher.get_by_label("Thickness", exact=True)
    slider.scroll_into_view_if_needed()
    matched = float(slider.input_value())
    assert abs(matched - 200) < 10
    simulated = matcher.locator('canvas[aria-label^="Simulated"]')
    misfits, patterns = [], []
    for thickness in (matched + 80, matched + 30, matched):
        before = figure.inner_text()
        slider.evaluate(SET_SLIDER, thickness)
        text = shown.wait_for_change(figure.inner_text, before)
        patterns.append(shown.wait_for_change(lambda: shown.pixels(simulated), patterns[-1] if patterns else ""))
        misfits.append(float(text.split()[1]))
    assert misfits == sorted(misfits, reverse=True)
    assert misfits[0] > 1.5 * misfits[-1]  # counting noise stays


def test_a_unit_cell_knows_what_single_patterns_do_not(shown):
    open_tab(shown, "Models")
    shown.page.get_by_text("Train and map", exact=True).click()
    single = shown.wait_for(lambda state: state.get("mapped") == ["pca_knn", "pattern"], 300)
    picture = shown.figure("pca knn, pattern")
    shown.page.get_by_text("unit cell", exact=True).click()
    pooled = shown.wait_for(lambda state: state["mapped"] == ["pca_knn", "unit_cell"], 300)
    shown.wait_for_change(lambda: shown.figure("pca knn, unit cell"), picture)
    assert np.mean(pooled["wrong"]) < 0.02 < np.mean(single["wrong"])


def test_a_wrong_position_has_its_place_in_the_cell(shown):
    open_tab(shown, "Models")
    shown.page.get_by_text("single pattern", exact=True).click()
    state = shown.wait_for(lambda state: state["mapped"] == ["pca_knn", "pattern"])
    open_tab(shown, "Why it fails")
    shown.page.get_by_text("Analyse", exact=True).click()
    shown.page.get_by_text("correlation with the information map").wait_for(timeout=hosts.TIMEOUT_ms)
    cell, bars = shown.figure("error rate"), shown.figure("probability")
    pattern = shown.pixels(shown.canvas("Diffraction pattern"))
    row, column = (int(place) for place in np.argwhere(state["wrong"])[-1])
    shown.tap("errors", row, column, SHAPE)
    there = shown.wait_for(lambda state: state["probe"] == [row, column])
    shown.wait_for_change(lambda: shown.figure("error rate"), cell)
    shown.wait_for_change(lambda: shown.figure("probability"), bars)
    shown.wait_for_change(lambda: shown.pixels(shown.canvas("Diffraction pattern")), pattern)
    shown.page.get_by_text(f"position ({row}, {column})").first.wait_for()
    np.testing.assert_allclose(shown.column("probability", "probability"), there["probability"], rtol=1e-5)
    assert len(there["probability"]) == 8


def test_perturbations_are_previewed_and_all_is_reset(shown):
    open_tab(shown, "Augment")
    after = shown.figure("after")
    shown.page.get_by_label("preset").select_option("low_dose")
    shown.wait_for(lambda state: len(state["perturbations"]) == 1)
    after = shown.wait_for_change(lambda: shown.figure("after"), after)
    shown.page.get_by_text("Draw anew", exact=True).click()
    shown.wait_for(lambda state: state["seed"] == 1)
    shown.wait_for_change(lambda: shown.figure("after"), after)
    shown.page.locator(".bk-btn", has_text="Reset").first.click()
    shown.wait_for(lambda state: state["probe"] == [SHAPE[0] // 2, SHAPE[1] // 2] and state["seed"] == 0)
