"""How long the disk explorer takes in JupyterLab, from a slider's event to the drawn disks: medians in ms.

    python tests/benchmarks/strain_latency.py [--repeats 40] [--pixels 160]

Starts a JupyterLab and a Chromium without a screen. The answer is the first animation frame in which the new proposals are
drawn; the measured disks and the lattice follow once the slider rests. Loopback, so a network adds its round trip.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from interaction_latency import report
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "browser"))
import hosts

SCAN = """
import sys; sys.path.insert(0, {folder!r})
import strain_cubes
strain_cubes.PIXELS = {pixels}
curves = strain_cubes.specimens(*strain_cubes.crystals()["Si"], count=3, tilt_mrad=4.0, seed=0)
drawn = strain_cubes.drawn_scan(curves, columns=1, seed=0)
import polwidgets as pw
pw.DiskExplorer(drawn.cube, drawn.probe)"""
SLIDE = """async (node, [label, repeats, rest]) => {
    const { explorer } = node;
    // every detector has a form of its own, one of them in sight
    const slider = [...node.querySelectorAll(`input[type=range][aria-label="${label}"]`)].find((one) => one.offsetParent);
    const [low, high] = [Number(slider.min), Number(slider.max)];
    const times = { drawn: [], measured: [] };
    for (let i = 0; i < repeats; i++) {
        const before = { drawn: explorer.drawn, measured: explorer.measured };
        slider.value = low + (high - low) * (0.05 + 0.3 * ((i * 0.381) % 1));
        const start = performance.now();
        slider.dispatchEvent(new Event("input"));
        for (const name of rest ? ["drawn", "measured"] : ["drawn"]) {
            while (explorer[name] === before[name]) await new Promise(requestAnimationFrame);
            times[name].push(performance.now() - start);
        }
        await new Promise((resolve) => setTimeout(resolve, 30));
    }
    return times;
}"""


def slide(page: Page, repeats: int) -> None:
    """Slider to disks while it moves; then to the measured disks and their lattice, a rest of 180 ms included."""
    explorer = page.locator(".pw-strain")
    page.locator(".pw-figure", has_text="on the lattice").wait_for(timeout=300_000)
    page.wait_for_timeout(2000)
    moving = explorer.evaluate(SLIDE, ["Certainty", repeats, False])
    report("slider to the proposed disks, while it moves", moving["drawn"])
    page.wait_for_timeout(3000)
    resting = explorer.evaluate(SLIDE, ["Certainty", max(4, repeats // 4), True])
    report("slider to the measured disks and their lattice, its rest included", resting["measured"])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--pixels", type=int, default=160, help="of the patterns' edge")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        cell = SCAN.format(folder=str(Path(__file__).parent), pixels=options.pixels)
        hosts.write_notebook(folder / "latency.ipynb", [cell])
        chromium = playwright.chromium.launch(executable_path=hosts.chromium_path(), args=hosts.FLAGS)
        with hosts.jupyter(folder) as address, hosts.new_page(chromium) as page:
            hosts.run_notebook(page, address, "latency.ipynb")
            slide(page, options.repeats)
        chromium.close()


if __name__ == "__main__":
    main()
