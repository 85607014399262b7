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

NOTEBOOK = """
import polwidgets as pw
scan = pw.sample("knn_wall")
pw.SpecimenMatcher(scan)
"""
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
        hosts.write_notebook(folder / "latency.ipynb", [NOTEBOOK])
        chromium = playwright.chromium.launch(executable_path=hosts.chromium_path(), args=hosts.FLAGS)
        with hosts.jupyter(folder) as address, hosts.new_page(chromium) as page:
            hosts.run_notebook(page, address, "latency.ipynb")
            matcher(page, options.repeats)
        chromium.close()


if __name__ == "__main__":
    main()
