"""How many updates a second the cube browser draws in JupyterLab while the pointer moves at 60 Hz.

    python tests/benchmarks/browser_frame_rate.py [--scan 128] [--detector 64] [--seconds 5]

Starts a JupyterLab and a Chromium without a screen, shows a cube of scan x scan x detector x detector, and moves the pointer
for a few seconds, as real input events, with the probe on the scan image and with virtual detectors on the pattern. An update
is an animation frame in which what was moved was drawn at its new place, pattern or virtual image included.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import math
import sys
import tempfile
import time
from pathlib import Path

from playwright.async_api import Page, async_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "browser"))
import hosts

RATE_Hz = 60
NOTEBOOK = """
import numpy as np
import polwidgets as pw
ky, kx = np.mgrid[:{detector}, :{detector}] - {detector} / 2
mean = 40 * (np.hypot(ky, kx) < {detector} / 4) + 2 * np.exp(-np.hypot(ky, kx) / 8)
cube = np.random.default_rng(1).poisson(mean, ({scan}, {scan}, {detector}, {detector})).astype(np.uint16)
pw.CubeBrowser(pw.make_cube(cube, scan_step_A=0.3, k_step=0.06, voltage_kV=200.0, semiangle_mrad=24.0))
"""
BROWSER = "document.querySelector('.pw-browser').browser"
DRAGS = {
    "probe": ("Scan image", None, 0.4),
    "bright-field disk": ("Diffraction pattern", "bright field", 0.15),
    "annular dark field": ("Diffraction pattern", "annular dark field", 0.15),
    "point": ("Diffraction pattern", "point", 0.15),
    "segment, radius 16 px": ("Diffraction pattern", "segment", 0.15),
    "quadrants, radius 16 px": ("Diffraction pattern", "quadrants right \N{MINUS SIGN} left", 0.15),
    "rectangle on the scan": ("Scan image", None, 0.4),
}


async def measure(scan: int, detector: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hosts.write_notebook(folder / "rate.ipynb", [NOTEBOOK.format(scan=scan, detector=detector)])
        async with async_playwright() as playwright:
            chromium = await playwright.chromium.launch(executable_path=hosts.chromium_path(), args=hosts.FLAGS)
            page = await chromium.new_page(viewport={"width": 1280, "height": 800})
            with hosts.jupyter(folder) as address:
                await page.goto(f"{address}/doc/tree/rate.ipynb")
                await page.wait_for_function(hosts.KERNEL_IS_IDLE)
                await page.evaluate(hosts.RUN_ALL_CELLS)
                await page.wait_for_selector(".pw-browser", timeout=60_000)
                started = time.perf_counter()
                await page.wait_for_function(f"() => {BROWSER}.preview.complete", timeout=120_000)
                print(f"{scan}x{scan}x{detector}x{detector}: preview complete after {time.perf_counter() - started:.1f} s")
                for what, (label, preset, reach) in DRAGS.items():
                    if what.startswith("rectangle"):
                        await page.get_by_role("button", name="rectangle").click()
                    elif preset is not None:
                        # back to the beam, of 16 pixels radius
                        await page.get_by_label("Virtual detector", exact=True).select_option("bright field")
                        await page.get_by_label("Virtual detector", exact=True).select_option(preset)
                    await page.wait_for_timeout(1500)
                    sent, drawn, gap = await drag(page, label, reach, seconds)
                    print(f"{what}: {sent:.1f} pointer events/s, {drawn:.1f} updates/s drawn, longest gap {gap:.0f} ms")
            await chromium.close()


async def drag(page: Page, label: str, reach: float, seconds: float) -> tuple[float, float, float]:
    """Drag on a figure of eight; events sent and updates drawn a second, and the longest time between two updates in ms."""
    canvas = page.locator(f'.pw-browser canvas[aria-label^="{label}"]')
    await canvas.scroll_into_view_if_needed()
    box = await canvas.bounding_box()
    assert box is not None
    # a detector is taken between its edges, a point where it is
    offset = f"""() => {{
        const {{ view, pattern }} = {BROWSER};
        return view.detector_shape === "point" ? 0 : 0.5 * (view.detector_inner + view.detector_outer) * pattern.fit.zoom;
    }}"""
    start = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    if label != "Scan image":
        start = start[0] - await page.evaluate(offset), start[1]
    await page.mouse.move(*start)
    await page.mouse.down()
    await page.evaluate(
        f"""() => {{
        window.drawnAt = [];
        let before = {BROWSER}.drawn;
        const watch = (now) => {{
            if ({BROWSER}.drawn !== before) window.drawnAt.push(now);
            before = {BROWSER}.drawn;
            window.watching = requestAnimationFrame(watch);
        }};
        window.watching = requestAnimationFrame(watch);
        }}"""
    )
    began = time.perf_counter()
    moves: list[asyncio.Task[None]] = []
    while (elapsed := time.perf_counter() - began) < seconds:
        angle = math.pi * elapsed
        where = start[0] + reach * box["width"] * math.sin(angle), start[1] + reach * box["height"] * math.sin(2 * angle)
        # Chromium acknowledges a move only when it was drawn; a mouse does not wait for that
        moves.append(asyncio.create_task(page.mouse.move(*where)))
        await asyncio.sleep(max(0.0, began + len(moves) / RATE_Hz - time.perf_counter()))
    drawn_at = await page.evaluate("() => { cancelAnimationFrame(window.watching); return window.drawnAt }")
    await asyncio.gather(*moves)
    await page.mouse.up()
    gaps = [after - before for before, after in itertools.pairwise(drawn_at)]
    return len(moves) / elapsed, len(drawn_at) / elapsed, max(gaps, default=math.nan)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scan", type=int, default=128)
    parser.add_argument("--detector", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    asyncio.run(measure(options.scan, options.detector, options.seconds))


if __name__ == "__main__":
    main()
