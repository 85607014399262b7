"""How long an interaction takes in JupyterLab, from the input event to the drawn answer: medians in ms.

    python tests/benchmarks/interaction_latency.py [--repeats 40]

Starts a JupyterLab and a Chromium without a screen. Every interaction is an input event on the page; its answer is the
first animation frame in which the new result is drawn. Loopback, so a network adds its round trip.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "browser"))
import hosts

CELLS = [
    """
import polwidgets as pw
from synthetic import make_map
scan = pw.sample("knn_wall")
prediction = make_map(scan)
state = pw.ViewState()
pw.CubeBrowser(scan, state=state)""",
    "pw.LinkedMaps(prediction, scan, state=state)",
    "pw.SpecimenMatcher(scan, state=state)",
]
SLIDE = """async ([label, repeats]) => {
    const { matcher } = document.querySelector(".pw-matcher");
    const slider = document.querySelector(`.pw-matcher input[type=range][aria-label="${label}"]`);
    const [low, high] = [Number(slider.min), Number(slider.max)];
    const times = [];
    for (let i = 0; i < repeats; i++) {
        const before = matcher.drawn;
        slider.value = low + (high - low) * (0.2 + 0.6 * ((i * 0.381) % 1));
        const start = performance.now();
        slider.dispatchEvent(new Event("input"));
        while (matcher.drawn === before) await new Promise(requestAnimationFrame);
        times.push(performance.now() - start);
        await new Promise((resolve) => setTimeout(resolve, 30));
    }
    return times;
}"""

# Bokeh's views form a tree; a figure is found by its title. Everything that follows a tap: the cube browser's pattern,
# the maps' pattern and probabilities, and the readout
FIND = """
    const walk = (view) => [view, ...[...(view.child_views ?? [])].flatMap(walk)];
    const views = () => [...Bokeh.index].flatMap(walk);
    const find = (title) => views().find((view) => view.frame && view.model.title?.text === title);
"""
PLACE = """([row, column]) => {
    const figure = find("Polarization direction");
    const box = figure.canvas_view.el.getBoundingClientRect();
    const { x_range: x, y_range: y } = figure.model;
    // rows grow downward: the range of y is turned over
    const [left, top] = [Math.min(x.start, x.end), Math.min(y.start, y.end)];
    const [width, height] = [Math.abs(x.end - x.start) / 72, Math.abs(y.end - y.start) / 48];
    const { x_scale, y_scale } = figure.frame;
    return [box.left + x_scale.compute(left + (column + 0.5) * width), box.top + y_scale.compute(top + (row + 0.5) * height)];
}"""
WATCH = """([row, column]) => {
    const { browser } = document.querySelector(".pw-browser:not(.pw-matcher)");
    const behind = ["Pattern", "Probabilities"];
    const data = (title) => find(title).model.renderers.map((renderer) => renderer.data_source.data);
    const before = behind.map(data);
    const readout = views().find((view) => view.model.text?.startsWith?.("position")).model;
    const differs = (title, i) => data(title).some((one, j) => one !== before[i][j]);
    const all = () => String(browser.view.probe) === `${row},${column}` && browser.exactPattern
        && readout.text.includes(`(${row}, ${column})`) && behind.every(differs);
    window.answered = new Promise((resolve) => addEventListener("pointerup", async () => {
        const start = performance.now();
        while (!all()) await new Promise(requestAnimationFrame);
        resolve(performance.now() - start);
    }, { once: true, capture: true }));
}"""


def in_maps(function: str) -> str:
    """A function of the page that knows Bokeh's figures."""
    return f"(where) => {{ {FIND} return ({function})(where) }}"


def tap(page: Page, repeats: int) -> None:
    """Tap on a map to pattern, probabilities and readouts everywhere."""
    page.wait_for_selector(".bk-Canvas", timeout=60_000)
    hosts.wait_for_cube_browser(page)
    page.wait_for_timeout(2000)
    page.evaluate(f"() => {{ {FIND} find('Polarization direction').el.scrollIntoView({{ block: 'center' }}) }}")
    times = []
    for i in range(repeats):
        place = [7 + (11 * i) % 31, 9 + (17 * i) % 53]
        page.evaluate(in_maps(WATCH), place)
        page.mouse.click(*page.evaluate(in_maps(PLACE), place))
        times.append(page.evaluate("() => window.answered"))
        page.wait_for_timeout(400)
    report("tap on a map to everything that follows it", times)


def matcher(page: Page, repeats: int) -> None:
    """Slider to simulated pattern."""
    page.locator('.pw-matcher canvas[aria-label^="Simulated"]').wait_for(timeout=60_000)
    page.wait_for_function("() => document.querySelector('.pw-matcher').matcher.drawn > 0")
    page.wait_for_timeout(5000)  # until its plots are drawn, too
    for label in ("Thickness", "Tilt up", "Detector blur"):
        report(f"{label} slider to new simulated pattern", page.evaluate(SLIDE, [label, repeats]))


def report(what: str, times_ms: list[float]) -> None:
    print(f"{what}: median {statistics.median(times_ms):.0f} ms, nine tenths within {statistics.quantiles(times_ms, n=10)[-1]:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        hosts.write_notebook(folder / "latency.ipynb", CELLS)
        chromium = playwright.chromium.launch(executable_path=hosts.chromium_path(), args=hosts.FLAGS)
        with hosts.jupyter(folder) as address, hosts.new_page(chromium) as page:
            hosts.run_notebook(page, address, "latency.ipynb")
            tap(page, options.repeats)
            matcher(page, options.repeats)
        chromium.close()


if __name__ == "__main__":
    main()
