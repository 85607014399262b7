"""The app as its command serves it, on files."""

from __future__ import annotations

import hosts
import numpy as np
import pytest
from PIL import Image
from synthetic import make_map, make_scan

import polwidgets as pw

SHAPE = (20, 28)


@pytest.fixture(scope="module")
def served(chromium, scene_type, tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    scan = make_scan()
    pw.save_cube(scan, folder / "scan.zarr")
    make_map(scan).to_zarr(folder / "map.zarr", zarr_format=2)
    shade = np.full((40, 56), 200, np.uint8)
    shade[10:30, 8:24] = 60
    Image.fromarray(shade).save(folder / "image.png")
    with hosts.app(folder, "scan.zarr", "map.zarr") as address, hosts.new_page(chromium) as page:
        scene = scene_type(page, folder)
        page.goto(address, timeout=120_000)
        hosts.wait_for_cube_browser(page)
        page.wait_for_selector(".bk-Canvas")
        yield scene


def test_scan_and_map_are_shown_on_one_state(served):
    scan = served.canvas("Scan image")
    served.drag(served.at(scan, 3, 4, SHAPE), served.at(scan, 17, 6, SHAPE))
    served.page.locator("[role=status]", has_text="position (17, 6)").wait_for()
    assert served.page.title() == "scan.zarr · polwidgets"
    assert not served.complaints


@pytest.mark.parametrize(("size", "row", "column"), [("125 %", 4, 7), ("200 %", 15, 22), ("100 %", 9, 3)])
def test_places_are_hit_however_large_the_page_is_shown(served, size, row, column):
    served.page.locator("select", has_text="125 %").select_option(label=size)
    served.tap("Confidence", row, column, SHAPE)
    served.page.locator("[role=status]", has_text=f"position ({row}, {column})").wait_for()
    served.tap("synthetic", row + 2, column - 1, SHAPE)
    served.page.locator("[role=status]", has_text=f"position ({row + 2}, {column - 1})").wait_for()
    scan = served.canvas("Scan image")
    served.page.mouse.click(*served.at(scan, row - 3, column + 4, SHAPE))
    served.page.locator("[role=status]", has_text=f"position ({row - 3}, {column + 4})").wait_for()
    assert not served.complaints


def test_an_image_and_a_scene_are_opened_like_a_scan(served):
    path = served.page.get_by_placeholder("open a path")
    path.fill("image.png")
    path.press("Enter")
    served.frame("image, 40 x 56")
    served.page.locator("select", has_text="build a scene").select_option(label="build a scene of atoms")
    served.frame("projected potential")
    served.page.wait_for_selector(".pw-scene canvas")
    assert not served.complaints
