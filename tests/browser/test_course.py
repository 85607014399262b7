"""The course's notebooks in a JupyterLab, from the first cell to the last, with every interactive view touched."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import hosts
import nbformat
import pytest

COURSE = sorted((Path(__file__).parents[2] / "notebooks" / "course").glob("[0-9]*.ipynb"))
SHOWN = re.compile(r"^pw\.[A-Z]\w+\(", re.MULTILINE)  # a cell that shows a widget
SECONDS = 300

# what the kernel says of errors, of the cells and of the widgets' own calls, and how often it was busy
RUN = """() => {
    const panel = window.jupyterapp.shell.currentWidget;
    const heard = window.heard = { cells: "", calls: "", errors: [], busy: 0, ran: null };
    panel.sessionContext.session.kernel.iopubMessage.connect((_, { header, parent_header, content }) => {
        const from = parent_header.msg_type === "execute_request" ? "cells" : "calls";
        if (header.msg_type === "stream" && content.name === "stderr") heard[from] += content.text;
        if (header.msg_type === "error") heard.errors.push(`${content.ename}: ${content.evalue}`);
        if (header.msg_type === "status" && content.execution_state === "busy") heard.busy += 1;
    });
    window.jupyterapp.commands.execute("notebook:run-all-cells").then((good) => { heard.ran = good; });
}"""
# the kernel takes requests in turn: when it answers this one, it has answered all before
SETTLED = """() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
    .requestExecute({ code: "", silent: true, store_history: false }).done.then(() => true)"""
SHUT_DOWN = "() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()"
# all that an output shows, behind its shadow roots too
LOOK = """(node) => {
    const seen = [];
    const walk = (parent) => {
        for (const child of parent.childNodes) {
            if (child.nodeType === Node.TEXT_NODE) seen.push(child.data);
            if (child.nodeType !== Node.ELEMENT_NODE || child.tagName === "STYLE") continue;
            if (child.tagName === "CANVAS") seen.push(child.toDataURL());
            if (child.tagName === "INPUT") seen.push(child.value);
            if (child.shadowRoot) walk(child.shadowRoot);
            walk(child);
        }
    };
    walk(node);
    return seen.join("|");
}"""


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
    sources = [cell.source for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    with hosts.new_page(chromium) as page:
        scene = scene_type(page, folder)
        page.goto(f"{address}/doc/tree/{notebook.name}")
        page.wait_for_function(hosts.KERNEL_IS_IDLE)
        page.evaluate(RUN)
        page.wait_for_function("window.heard.ran !== null", timeout=1000 * SECONDS, polling=200)
        assert page.evaluate("window.heard.errors") == []
        assert page.evaluate("window.heard.ran"), "a cell failed, so that those below it did not run"
        assert page.get_by_text("No answer yet").count() == 1
        cells = page.locator(".jp-CodeCell")
        assert cells.count() == len(sources)
        shown = [cells.nth(number).locator(".jp-OutputArea") for number, source in enumerate(sources) if SHOWN.search(source)]
        assert shown
        for output in shown:
            drive(scene, output)
        page.evaluate(SETTLED)
        assert page.evaluate("window.heard.errors") == []
        assert not [line for line in lines(page.evaluate("window.heard.cells")) if not re.search(r"\d+%\|", line)], "no progress bar"
        # what a call writes is seen in JupyterLab's log only, where Bokeh and Panel's comms leave warnings of their own
        assert not [line for line in lines(page.evaluate("window.heard.calls")) if re.search(r"Error|Traceback", line)]
        assert not scene.complaints
        assert not page.locator("[role='alert']:visible").all_inner_texts()
        page.evaluate(SHUT_DOWN)


def lines(text):
    return [line for line in re.split(r"[\r\n]+", text) if line.strip()]


def drive(scene, output):
    """Press its button, open its tabs, touch what is seen there."""
    page = scene.page
    look = lambda: output.evaluate(LOOK)  # noqa: E731
    output.locator("canvas, button").first.wait_for()
    busy = page.evaluate("window.heard.busy")
    analyse = output.get_by_role("button", name="Analyse", exact=True)
    if analyse.count():
        analyse.click()
        output.get_by_text("Cancel").locator("visible=true").wait_for(state="hidden", timeout=1000 * SECONDS)
        output.locator(".bk-Canvas").locator("visible=true").first.wait_for(timeout=1000 * SECONDS)
    tabs = output.locator(".bk-tab").all()
    for tab in tabs or [None]:
        if tab is not None:
            before = look()
            tab.click()
            scene.wait_for_change(look, before)
        touch(scene, output, look)
    page.evaluate(SETTLED)
    assert page.evaluate("window.heard.busy") > busy + 1, "the kernel was told nothing"


def touch(scene, output, look):
    """All that is visible: a canvas that can be dragged must react by itself, sliders and other figures between them."""
    page = scene.page
    canvases, sliders = (
        [each for each in output.locator(selector).all() if each.is_visible() and each.is_enabled()]
        for selector in ("canvas[tabindex='0'], .bk-Canvas", "input[type='range'], .noUi-handle")
    )
    still = look()
    for number, canvas in enumerate(canvases):
        before = look()
        click(page, canvas, 0.4 + 0.2 * (number % 2))
        page.keyboard.press("ArrowRight")
        if "drag" in (canvas.get_attribute("aria-label") or ""):
            scene.wait_for_change(look, before)
    for slider in sliders[:2]:
        slider.press("ArrowRight")
    scene.wait_for_change(look, still)


def click(page, canvas, share):
    """Without waiting until it stands still, as Playwright's own click would: a page with many canvases draws slowly."""
    canvas.evaluate("(canvas) => canvas.scrollIntoView({ block: 'center' })")
    box = canvas.bounding_box()
    page.mouse.click(box["x"] + share * box["width"], box["y"] + share * box["height"])
