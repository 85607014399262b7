"""How long the scene builder's and the segmentation explorer's sliders take in JupyterLab, medians in ms.

    python tests/benchmarks/scene_latency.py [--repeats 40]

From the input of a slider to the first animation frame in which the new picture of 256 x 256 pixels is there. Loopback, so a
network adds its round trip. Beside it, what Python alone needs for the image.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "browser"))
import hosts

CELLS = [
    """
import polwidgets as pw
builder = pw.SceneBuilder("nanoparticle_on_substrate", seed=1)
builder""",
    """
image = pw.bright_field_images(1, seed=1)["image"].values[0]
pw.SegmentationExplorer(image, views=1)""",
]
# Bokeh's views form a tree; a figure is found by its title, a slider by its ends
SLIDE = """async ([title, renderer, low, high, repeats]) => {
    const walk = (view) => [view, ...[...(view.child_views ?? [])].flatMap(walk)];
    const views = [...Bokeh.index].flatMap(walk);
    const { data_source: source } = views.find((view) => view.frame && view.model.title?.text?.startsWith(title)).model.renderers[renderer];
    const isIt = ({ type, start, end }) => type.endsWith("Slider") && start === low && end === high;
    const { model: slider } = views.find((view) => isIt(view.model));
    const times = [];
    for (let i = 0; i < repeats; i++) {
        const before = source.data;
        const part = 0.35 + 0.3 * ((i * 0.381) % 1);
        const start = performance.now();
        slider.value = slider.start + (slider.end - slider.start) * part;
        while (source.data === before) {
            if (performance.now() - start > 30_000) throw new Error(`no answer to ${slider.label} ${slider.value}`);
            await new Promise(requestAnimationFrame);
        }
        times.push(performance.now() - start);
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return times;
}"""
FIGURE = """(title) => typeof Bokeh !== "undefined" && (() => {
    const walk = (view) => [view, ...[...(view.child_views ?? [])].flatMap(walk)];
    return [...Bokeh.index].flatMap(walk).some((view) => view.frame && view.model.title?.text?.startsWith(title));
})()"""


def slide(page: Page, what: str, title: str, renderer: int, ends: tuple[float, float], repeats: int) -> None:
    """Move a slider, and wait for the picture each time."""
    page.wait_for_function(FIGURE, arg=title, timeout=120_000)
    page.wait_for_timeout(5000)
    times = page.evaluate(SLIDE, [title, renderer, *ends, repeats])
    print(
        f"{what}: median {statistics.median(times):.0f} ms, nine tenths within {statistics.quantiles(times, n=10)[-1]:.0f} ms", flush=True
    )


def python_alone(repeats: int) -> None:
    """The image itself, as the widget asks for it: by the wall's clock and by the processor's."""
    from polwidgets.progress import silent
    from polwidgets.scenes.base import prefabs
    from polwidgets.simulate.imaging import ImagingConditions
    from polwidgets.widgets.scene_builder_model import WaveSettings, Wish, build, image_of

    built = build(Wish(prefabs.build("nanoparticle_on_substrate"), 1, WaveSettings()), silent)
    wall, processor = [], []
    for index in range(repeats):
        start = time.perf_counter(), time.process_time()
        image_of(built, ImagingConditions(defocus_A=-200.0 + index))
        wall.append(1e3 * (time.perf_counter() - start[0]))
        processor.append(1e3 * (time.process_time() - start[1]))
    print(f"the image in Python: median {statistics.median(wall):.0f} ms, {statistics.median(processor):.0f} ms of processor time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=40)
    repeats = parser.parse_args().repeats
    python_alone(repeats)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        hosts.write_notebook(folder / "latency.ipynb", CELLS)
        chromium = playwright.chromium.launch(executable_path=hosts.chromium_path(), args=hosts.FLAGS)
        with hosts.jupyter(folder) as address, hosts.new_page(chromium) as page:
            hosts.run_notebook(page, address, "latency.ipynb")
            slide(page, "defocus slider to the image drawn", "image, defocus", 0, (-2000, 2000), repeats)
            slide(page, "threshold slider to the outlines drawn", "image, 256 x 256", 3, (0.01, 0.99), repeats)
        chromium.close()


if __name__ == "__main__":
    main()
