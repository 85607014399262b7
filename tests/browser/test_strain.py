"""Disk explorer and strain maps as their user drives them: in JupyterLab, under Panel, and in the app on files."""

from __future__ import annotations

from pathlib import Path

import hosts
import nanobeam_scan
import pytest
from playwright.sync_api import expect

import polwidgets as pw

SCENE = Path(__file__).with_name("strain_scene.py").read_text()


@pytest.fixture(scope="module", params=["jupyter", "panel"])
def shown(request, chromium, scene_type, tmp_path_factory):
    """The scene in either host."""
    folder = tmp_path_factory.mktemp(f"strain-{request.param}")
    if request.param == "jupyter":
        hosts.write_notebook(folder / "strain.ipynb", [SCENE + "\ndisks", "maps"])
        served = hosts.jupyter(folder)
    else:
        (folder / "strain.py").write_text(SCENE + "\nimport panel as pn\npn.Column(disks, maps).servable()\n")
        served = hosts.panel(folder / "strain.py")
    with served as address, hosts.new_page(chromium) as page:
        scene = scene_type(page, folder)
        if request.param == "jupyter":
            hosts.run_notebook(page, address, "strain.ipynb")
        else:
            page.goto(address, timeout=120_000)
        _wait_for_disks(page)
        yield scene


@pytest.fixture(autouse=True)
def no_complaints(request):
    yield
    if "shown" in request.fixturenames:
        scene = request.getfixturevalue("shown")
        found, scene.complaints[:] = list(scene.complaints), []
        assert not found, "\n".join(found)


def test_a_slider_changes_the_disks_and_the_detector(shown):
    page = shown.page
    canvas = _canvas(page, "Pattern with disks")
    before = shown.pixels(canvas)
    count, start = _count(page), shown.state()["certainty"]
    page.get_by_role("slider", name="Certainty", exact=True).focus()
    for _ in range(6):
        page.keyboard.press("PageUp")
    shown.wait_for(lambda state: state["certainty"] == start + 30)
    expect(page.locator(".pw-figure").first).to_contain_text("on the lattice")
    assert _count(page) < count
    assert shown.pixels(canvas) != before
    page.get_by_role("button", name="Reset").first.click()
    shown.wait_for(lambda state: state["certainty"] == start)
    _wait_for_disks(page)
    assert _count(page) == count


def test_the_lattice_is_fitted_where_it_is_let_go(shown):
    page = shown.page
    canvas = _canvas(page, "Pattern with disks")
    canvas.scroll_into_view_if_needed()
    middle = [size // 2 for size in nanobeam_scan.DETECTOR]
    first, second = nanobeam_scan.BASIS / nanobeam_scan.K_STEP
    lattice = page.locator(".pw-strain").first.evaluate("node => node.explorer.shownLattice()")
    tip = [lattice[0][axis] + lattice[1][axis] for axis in (0, 1)]
    target = [middle[axis] + first[axis] + second[axis] for axis in (0, 1)]
    shown.drag(shown.at(canvas, *tip, nanobeam_scan.DETECTOR), shown.at(canvas, *[value + 0.6 for value in target], nanobeam_scan.DETECTOR))
    state = shown.wait_for(lambda state: state["lattice"] is not None)
    assert abs(state["lattice"][1][0] + state["lattice"][0][0] - target[0]) < 2
    expect(page.locator(".pw-facts").first).to_contain_text("had a say")
    fitted = page.locator(".pw-strain").first.evaluate("node => node.explorer.fitted()")
    for axis in (0, 1):
        assert abs(fitted[0][axis] + fitted[1][axis] - target[axis]) < 0.4
    canvas.focus()
    page.keyboard.press("Escape")
    shown.wait_for(lambda state: state["lattice"] is None)


def test_the_background_can_be_the_correlation(shown):
    page = shown.page
    canvas = _canvas(page, "Pattern with disks")
    before = shown.pixels(canvas)
    page.get_by_label("Background").select_option("template")
    _wait_for_change(shown, canvas, before)
    page.get_by_label("Background").select_option("pattern")


def test_a_tap_on_a_map_moves_everything(shown):
    page = shown.page
    shear = _canvas(page, "e_xy")
    disks, cell = _canvas(page, "Pattern with disks"), _canvas(page, "Deformation of the unit cell")
    before = [shown.pixels(canvas) for canvas in (disks, cell)]
    shear.scroll_into_view_if_needed()
    page.mouse.click(*shown.at(shear, 2, 0, nanobeam_scan.SHAPE))
    shown.wait_for(lambda state: state["probe"] == [2, 0])
    for canvas, pixels in zip((disks, cell), before, strict=True):
        _wait_for_change(shown, canvas, pixels)
    expect(page.get_by_role("status", name="At the probe")).to_contain_text("position (2, 0)")
    expect(page.get_by_role("status", name="At the probe")).to_contain_text("εxx -1.200 ± 0.070 %")
    shear.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    shown.wait_for(lambda state: state["probe"] == [2, 3])
    expect(page.get_by_role("status", name="At the probe")).to_contain_text("another lattice than the reference")


def test_turning_the_axis_swaps_the_strains(shown):
    page = shown.page
    page.get_by_label("x axis, value").fill("90")
    page.keyboard.press("Enter")
    shown.wait_for(lambda state: state["axis_deg"] == 90)
    _canvas(page, "e_xx").scroll_into_view_if_needed()
    page.mouse.click(*shown.at(_canvas(page, "e_xx"), 2, 0, nanobeam_scan.SHAPE))
    expect(page.get_by_role("status", name="At the probe")).to_contain_text("εyy -1.200")


def test_the_table_can_be_taken_away(shown):
    page = shown.page
    page.get_by_label("Format", exact=True).select_option("map, CSV")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export", exact=True).click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert len(lines) == 13
    assert lines[0].startswith("row,column,scan_y_angstrom")


def test_the_scan_is_mapped_in_the_background(shown):
    page = shown.page
    page.get_by_role("button", name="Map strain").click()
    expect(page.locator(".pw-step").first).to_contain_text("strain at 12 of 12 positions", timeout=90_000)
    state = shown.wait_for(lambda state: state["mapped"] is not None)
    assert abs(state["mapped"] - nanobeam_scan.true_strain()[2, 3]) < 6e-3


def test_the_app_shows_scan_and_strain(chromium, scene_type, tmp_path):
    scan, _ = nanobeam_scan.make_scan()
    pw.save_cube(scan, tmp_path / "scan.zarr")
    nanobeam_scan.make_strain(scan).to_zarr(tmp_path / "strain.zarr", zarr_format=2)
    with hosts.app(tmp_path, "scan.zarr", "strain.zarr") as address, hosts.new_page(chromium) as page:
        scene = scene_type(page, tmp_path)
        page.goto(address, timeout=120_000)
        _wait_for_disks(page)
        maps = _canvas(page, "e_yy")
        before = scene.pixels(_canvas(page, "Pattern with disks"))
        maps.scroll_into_view_if_needed()
        page.mouse.click(*scene.at(maps, 1, 3, nanobeam_scan.SHAPE))
        expect(page.get_by_role("status", name="At the probe")).to_contain_text("position (1, 3)")
        _wait_for_change(scene, _canvas(page, "Pattern with disks"), before)
        assert not scene.complaints


def _canvas(page, label):
    return page.locator(f'.pw-strain canvas[aria-label^="{label}"]')


def _wait_for_disks(page):
    page.locator(".pw-figure", has_text="on the lattice").first.wait_for(timeout=120_000)
    page.wait_for_timeout(400)


def _count(page):
    return int(page.locator(".pw-figure").first.inner_text().split()[0])


def _wait_for_change(scene, canvas, before):
    for _ in range(100):
        if scene.pixels(canvas) != before:
            return
        scene.page.wait_for_timeout(50)
    raise AssertionError("the canvas stayed as it was")
