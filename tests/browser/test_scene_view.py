"""The view of a scene in both hosts: it is drawn, turns, is sliced and coloured, and Python hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="browser tests need the extra 'test'")

import hosts
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

SCENE = """
import polwidgets as pw
(scene,) = pw.draw_scenes("nanoparticle_on_substrate", 1, seed=3, shape="mixed_defects", diameter_A=40.0, element="Au", orientation="011")
shown = pw.SceneView(scene)
"""
SUM = """(canvas) => {
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0;
  for (let i = 0; i < data.length; i += 1) sum = (sum * 31 + data[i]) % 1000000007;
  return sum;
}"""


@pytest.fixture(scope="module", params=["panel", "jupyter"])
def page(request: pytest.FixtureRequest, chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    if request.param == "panel":
        app = folder / "atoms.py"
        app.write_text("import panel as pn\npn.extension(inline=True)\n" + SCENE + "shown.__panel__().servable()\n")
        with hosts.panel(app) as address, hosts.new_page(chromium) as page:
            page.goto(address, timeout=120_000)
            yield page
    else:
        hosts.write_notebook(folder / "atoms.ipynb", [SCENE + "\nshown"])
        with hosts.jupyter(folder) as address, hosts.new_page(chromium) as page:
            hosts.run_notebook(page, address, "atoms.ipynb")
            yield page


def test_atoms_are_drawn_turned_sliced_and_coloured(page: Page) -> None:
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    canvas = page.get_by_label("Atoms of the scene")
    canvas.wait_for(timeout=120_000)
    canvas.scroll_into_view_if_needed()
    page.wait_for_timeout(1500)
    seen = {canvas.evaluate(SUM)}
    box = canvas.bounding_box()
    assert box is not None
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 90, middle[1] + 60, steps=6)
    page.mouse.up()
    page.wait_for_timeout(800)
    seen.add(canvas.evaluate(SUM))
    page.get_by_label("Colour by").select_option("object")
    page.wait_for_timeout(800)
    seen.add(canvas.evaluate(SUM))
    assert "substrate" in page.locator(".pw-scene .pw-legend").inner_text()
    page.get_by_label("Slice to, value").fill("45")
    page.get_by_label("Slice to, value").press("Tab")
    page.wait_for_timeout(800)
    seen.add(canvas.evaluate(SUM))
    assert " of " in page.locator(".pw-scene .pw-readout").inner_text()
    assert len(seen) == 4, "every step changes the picture"
    assert all("127.0.0.1" in url for url in requests if url.startswith("http")), "nothing comes from a network"
