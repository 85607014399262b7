"""What cannot go well, and is said on the page: a kernel that is shut down, one explorer shown twice, a scan too large to send."""

from __future__ import annotations

from pathlib import Path

import hosts
import pytest
from playwright.sync_api import expect

HERE = Path(__file__).parent
SHAPE = (20, 28)


@pytest.fixture(scope="module")
def shown(chromium, scene_type, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad_input")
    cells = [
        f"{(HERE / 'explorer_scene.py').read_text()}\npw.CubeBrowser(scan, state=state, preview_MB=0.2)",
        "pw.CubeBrowser(scan, state=state)",
    ]
    hosts.write_notebook(folder / "bad_input.ipynb", cells)
    with hosts.jupyter(folder) as address, hosts.new_page(chromium) as page:
        scene = scene_type(page, folder)
        hosts.run_notebook(page, address, "bad_input.ipynb")
        page.locator(".pw-browser .pw-note", has_text="exact").nth(3).wait_for(timeout=120_000)
        yield scene


def test_a_scan_beyond_the_budget_is_binned_and_says_so(shown):
    first, second = (shown.page.locator(".pw-browser .pw-status").nth(place) for place in (0, 1))
    expect(first).to_contain_text("the cube exceeds the preview's budget: binned 2")
    expect(second).not_to_contain_text("budget")


def test_two_views_of_one_state_move_together(shown):
    first, second = (shown.canvas("Scan image").nth(place) for place in (0, 1))
    shown.drag(shown.at(first, 3, 4, SHAPE), shown.at(first, 15, 9, SHAPE))
    expect(shown.page.locator('.pw-view[aria-label="Scan"] .pw-readout').nth(1)).to_contain_text("(15, 9)")
    shown.drag(shown.at(second, 3, 4, SHAPE), shown.at(second, 6, 20, SHAPE))
    expect(shown.page.locator('.pw-view[aria-label="Scan"] .pw-readout').nth(0)).to_contain_text("(6, 20)")


def test_a_kernel_that_is_shut_down_is_said_and_the_preview_stays(shown):
    expect(shown.page.locator(".pw-browser .pw-status").nth(1)).to_have_text("")  # all of the preview has arrived
    shown.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")
    scan, pattern = (shown.canvas(name).nth(1) for name in ("Scan image", "Diffraction pattern"))
    before = shown.pixels(pattern)
    shown.drag(shown.at(scan, 3, 4, SHAPE), shown.at(scan, 17, 2, SHAPE))
    expect(shown.page.locator(".pw-offline").nth(1)).to_be_visible(timeout=20_000)
    expect(shown.page.locator(".pw-offline").nth(1)).to_contain_text("Python does not answer")
    assert shown.pixels(pattern) != before
    expect(shown.page.locator('.pw-view[aria-label="Scan"] .pw-readout').nth(1)).to_contain_text("(17, 2)")
