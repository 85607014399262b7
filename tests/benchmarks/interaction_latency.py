"""How long an interaction takes in JupyterLab, from the input event to the drawn answer: medians in ms.

    python tests/benchmarks/interaction_latency.py [--repeats 40] [--only tap matcher perturbation shown]

Starts a JupyterLab and a Chromium without a screen. Every interaction is an input event on the page; its answer is the
first animation frame in which the new result is drawn. Loopback, so a network adds its round trip. How long the explorer
takes to be shown is counted from the command that runs its cell, for a scan whose preview takes 64 MB: until scan and
pattern are drawn from what has arrived of it, and until all of it has; once with the imports in an earlier cell, once with
them in the cell itself.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

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
    """
state.perturbations = tuple(pw.perturbations.to_json(part) for part in pw.preset("low_dose"))
pw.PerturbationPanel(scan, state=state)""",
]
LARGE = """
import numpy as np
import polwidgets as pw
ky, kx = np.mgrid[:64, :64] - 32
mean = 40 * (np.hypot(ky, kx) < 16) + 2 * np.exp(-np.hypot(ky, kx) / 8)
counts = np.random.default_rng(1).poisson(mean, (128, 128, 64, 64)).astype(np.uint16)
scan = pw.make_cube(counts, scan_step_A=0.3, k_step=0.06, voltage_kV=200.0, semiangle_mrad=24.0)
"""
SHOWN = {
    "imports in an earlier cell": [LARGE + "pw.Explorer", "pw.Explorer(scan)"],
    "imports in the cell": [LARGE + "pw.save_cube(scan, 'scan.zarr')", "import polwidgets as pw\npw.Explorer('scan.zarr')"],
}
WATCH_SHOWN = """() => {
    const find = (node) => {
        const found = node.querySelector(".pw-browser");
        if (found) return found;
        for (const inner of node.querySelectorAll("*")) {
            const deeper = inner.shadowRoot && find(inner.shadowRoot);
            if (deeper) return deeper;
        }
        return null;
    };
    const [marks, start] = [{}, performance.now()];
    const mark = (name) => (marks[name] ??= performance.now() - start);
    const look = () => {
        const browser = find(document)?.browser;
        if (browser?.scanPanel.painted && browser.pattern.pixels) mark("coarse");
        if (browser?.preview.complete) mark("whole");
        if (!marks.whole) setTimeout(look, 5);
    };
    window.shownAfter = marks;
    window.jupyterapp.commands.execute("notebook:run-cell");
    look();
}"""
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


SLIDE_PERTURBATION = """async (repeats) => {
    const after = views().find((view) => view.frame && view.model.title?.text?.startsWith("after")).model;
    const { data_source: source } = after.renderers[0];
    const { model: slider } = views().find((view) => view.model.type.endsWith("Slider") && view.model.end > 0);
    const times = [];
    for (let i = 0; i < repeats; i++) {
        const before = source.data;
        const start = performance.now();
        slider.value = slider.start + (slider.end - slider.start) * (0.2 + 0.6 * ((i * 0.381) % 1));
        while (source.data === before) await new Promise(requestAnimationFrame);
        times.push(performance.now() - start);
        await new Promise((resolve) => setTimeout(resolve, 30));
    }
    return times;
}"""


def perturbation(page: Page, repeats: int) -> None:
    """Slider of a perturbation to the pattern after it."""
    drawn = "typeof Bokeh !== 'undefined' && views().some((view) => view.model.title?.text?.startsWith?.('after'))"
    page.wait_for_function(f"() => {{ {FIND} return {drawn} }}", timeout=60_000)
    page.wait_for_timeout(2000)
    report("perturbation slider to the pattern after it", page.evaluate(in_maps(SLIDE_PERTURBATION), repeats))


def shown(chromium: Browser) -> None:
    """Running the explorer's cell to its first view, and to the whole preview."""
    for what, cells in SHOWN.items():
        with tempfile.TemporaryDirectory() as name:
            hosts.write_notebook(Path(name) / "shown.ipynb", cells)
            with hosts.jupyter(Path(name)) as address, hosts.new_page(chromium) as page:
                page.goto(f"{address}/doc/tree/shown.ipynb", timeout=120_000)
                page.wait_for_function(hosts.KERNEL_IS_IDLE, timeout=120_000)
                page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')")
                if what == "imports in the cell":
                    page.evaluate("() => window.jupyterapp.shell.currentWidget.context.sessionContext.restartKernel()")
                    page.wait_for_function(hosts.KERNEL_IS_IDLE, timeout=120_000)
                page.wait_for_timeout(3000)
                page.evaluate(WATCH_SHOWN)
                page.wait_for_function("() => window.shownAfter.whole", timeout=180_000)
                marks = page.evaluate("() => window.shownAfter")
        print(f"explorer shown, {what}: {marks['coarse'] / 1e3:.1f} s, whole preview {marks['whole'] / 1e3:.1f} s")


def report(what: str, times_ms: list[float]) -> None:
    print(f"{what}: median {statistics.median(times_ms):.0f} ms, nine tenths within {statistics.quantiles(times_ms, n=10)[-1]:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--only", nargs="*", choices=("tap", "matcher", "perturbation", "shown"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        hosts.write_notebook(folder / "latency.ipynb", CELLS)
        chromium = playwright.chromium.launch(executable_path=hosts.chromium_path(), args=hosts.FLAGS)
        interactions = {"tap": tap, "matcher": matcher, "perturbation": perturbation}
        wanted = [measure for what, measure in interactions.items() if what in (options.only or interactions)]
        if wanted:
            with hosts.jupyter(folder) as address, hosts.new_page(chromium) as page:
                hosts.run_notebook(page, address, "latency.ipynb")
                for measure in wanted:
                    measure(page, options.repeats)
        if "shown" in (options.only or ["shown"]):
            shown(chromium)
        chromium.close()


if __name__ == "__main__":
    main()
