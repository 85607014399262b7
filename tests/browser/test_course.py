"""The course's notebooks in a JupyterLab, from the first cell to the last, with every interactive view touched once."""

from __future__ import annotations

import shutil
from pathlib import Path

import hosts
import pytest

COURSE = sorted((Path(__file__).parents[2] / "notebooks" / "course").glob("[0-9]*.ipynb"))
FINISHED = """() => {
    const cells = window.jupyterapp.shell.currentWidget.content.widgets.filter((cell) => cell.model.type === "code");
    return cells.length > 0 && cells.every((cell) => cell.model.executionCount !== null && cell.model.executionState === "idle");
}"""
WRONG = "[data-mime-type='application/vnd.jupyter.stderr'], [data-mime-type='application/vnd.jupyter.error']"
VIEWS = ".pw-browser canvas[tabindex='0'], .bk-Canvas"
SECONDS = 240


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    for notebook in COURSE:
        shutil.copy(notebook, folder)
    with hosts.jupyter(folder) as address:
        yield address, folder


@pytest.mark.slow
@pytest.mark.parametrize("notebook", COURSE, ids=lambda path: path.stem)
def test_every_cell_runs_and_every_view_reacts(chromium, scene_type, lab, notebook):
    address, folder = lab
    with hosts.new_page(chromium) as page:
        scene = scene_type(page, folder)
        hosts.run_notebook(page, address, notebook.name)
        page.wait_for_function(FINISHED, timeout=1000 * SECONDS)
        said = page.locator(WRONG).all_inner_texts()
        assert not [text for text in said if "%|" not in text], "something was said that is no progress bar"
        assert page.get_by_text("No answer yet").count() == 1
        views = page.locator(VIEWS)
        assert views.count() >= 1
        for number in range(views.count()):
            view = views.nth(number)
            view.scroll_into_view_if_needed(timeout=60_000)
            view.click(position={"x": 30, "y": 30}, timeout=60_000)
            page.keyboard.press("ArrowRight")
        for slider in page.locator("input[type='range'], .noUi-handle").all()[:6]:
            if slider.is_visible():
                slider.focus()
                page.keyboard.press("ArrowRight")
        page.wait_for_timeout(3000)
        assert not scene.complaints
        assert not page.locator("[role='alert']:visible").all_inner_texts()
