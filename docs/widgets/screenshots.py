"""Pictures of every widget for the pages beside this file, and the readme's animation, taken from the real things in Chromium.

    make screenshots        (or: python docs/widgets/screenshots.py [NAME ...])

The bundled sample is matched and mapped once; a server in this process shows one widget a page.
"""

from __future__ import annotations

import argparse
import functools
import io
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import panel as pn
from ase.build import bulk
from PIL import Image, ImageChops
from playwright.sync_api import Page, sync_playwright

import polwidgets as pw
from polwidgets.simulate.bloch import rocking_curves
from polwidgets.simulate.nanobeam import Nanobeam, nanobeam_patterns, vacuum_probe
from polwidgets.widgets.map_style import load_extensions

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "browser"))
import hosts  # noqa: E402

ANIMATION = HERE.parent / "explorer.gif"
WIDTH_PX, HEIGHT_PX = 1280, 800
TALL_PX = 1260  # of the animation, which shows all of a tab
FRAME_ms = 350
TIMEOUT_ms = 600_000  # matching and mapping included
WRONG_deg = 22.5
SET_SLIDER = "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')) }"


class Scenes:
    """What the pages show, each made anew for its visitor; what they share is computed when it is first needed."""

    def __init__(self) -> None:
        self.scan = pw.sample("knn_wall")
        columns = self.scan.sizes["scan_x"]
        self.truth = np.broadcast_to(np.where(np.arange(columns) < columns / 2, 90.0, 270.0), self.scan.shape[:2])
        self.explorer: Any = None
        self.document: Any = None

    @functools.cached_property
    def specimen(self) -> Any:
        """The match."""
        return pw.match(self.scan, thickness_range_A=(100.0, 400.0))

    @functools.cached_property
    def single(self) -> Any:
        """A map by single patterns."""
        return pw.map_polarization(self.scan, specimen=self.specimen, model="pca_knn", context="pattern")

    @functools.cached_property
    def pooled(self) -> Any:
        """A map by unit cells."""
        return pw.map_polarization(self.scan, specimen=self.specimen)

    @functools.cached_property
    def silicon(self) -> tuple[Any, Any]:
        """A nanobeam scan of a layer that is stretched the more, the deeper, and its vacuum probe."""
        return _silicon_layer()

    @functools.cached_property
    def strain(self) -> Any:
        """The layer's strain against its relaxed upper rows."""
        scan, probe = self.silicon
        relaxed = np.zeros(scan.shape[:2], bool)
        relaxed[:3] = True
        return pw.strain_map(scan, probe=probe, reference=relaxed)

    def pages(self) -> dict[str, Callable[[], Any]]:
        """Name of the picture -> widget: another widget is another line here."""
        scan = self.scan

        def shared() -> dict[str, Any]:
            return {"prediction": self.pooled, "specimen": self.specimen}

        return {
            "cube_browser": lambda: pw.CubeBrowser(scan),
            "linked_maps": lambda: pw.LinkedMaps(self.single, cube=scan),
            "specimen_matcher": lambda: pw.SpecimenMatcher(scan, specimen=self.specimen),
            "perturbation_panel": lambda: _perturbed(pw.PerturbationPanel(scan)),
            "model_selector": lambda: pw.ModelSelector(scan, state=pw.ViewState(model='{"model": "pca_knn"}')),
            "periodicity_explorer": lambda: _analysed(
                pw.PeriodicityExplorer(scan, prediction=self.single, specimen=self.specimen, truth=self.truth)
            ),
            "domain_gap_explorer": lambda: _analysed(pw.DomainGapExplorer(scan, **shared())),
            "defect_explorer": lambda: _analysed(pw.DefectExplorer(scan, **shared())),
            "disk_explorer": lambda: pw.DiskExplorer(*self.silicon),
            "strain_maps": lambda: pw.StrainMaps(self.strain, self.silicon[0]),
            "scene_builder": lambda: _built(pw.SceneBuilder("nanoparticle_on_substrate", seed=4, diameter_A=35.0, orientation="011")),
            "segmentation_explorer": _segmented,
            "explorer": self._explorer,
        }

    def _explorer(self) -> Any:
        self.explorer = pw.Explorer(self.scan, prediction=self.single, specimen=self.specimen, truth=self.truth)
        self.document = pn.state.curdoc
        return self.explorer

    def show(self, prediction: Any) -> None:
        """Put a map into the explorer that is on the page."""
        self.document.add_next_tick_callback(lambda: self.explorer.param.update(prediction=prediction))


def _silicon_layer(rows: int = 12, columns: int = 16, pixels: int = 128) -> tuple[Any, Any]:
    k, rng = (np.arange(pixels) - pixels // 2) * 0.021, np.random.default_rng(1)
    optics: dict[str, Any] = {"voltage_kV": 300.0, "semiangle_mrad": 2.0}
    stretch = 0.003 * np.clip(np.arange(rows)[:, None] - 3 - np.sin(np.arange(columns) / 4), 0, 5)
    patterns = np.empty((rows, columns, pixels, pixels), np.float32)
    for column in range(columns):
        thickness, tilt = 180.0 + 12 * column, (float(rng.uniform(-3, 3)), float(rng.uniform(-3, 3)))
        curves = rocking_curves(
            bulk("Si", cubic=True), thicknesses_A=[thickness], zone_axis=(1, 1, 0), tilt_mrad=tilt, most_beams=60, **optics
        )
        conditions = [
            Nanobeam(thickness_A=thickness, e_xx=e, e_yy=-0.3 * e, e_xy=0.2 * e, rotation_deg=20 * e, background=0.05, dose=1e5)
            for e in map(float, stretch[:, column])
        ]
        patterns[:, column] = nanobeam_patterns(curves, conditions, ky=k, kx=k, seed=column)["intensity"]
    scan = pw.make_cube(patterns, scan_step_A=20.0, k_step=0.021, **optics)
    return scan, vacuum_probe(**optics, ky=k, kx=k, seed=0, condition=Nanobeam(dose=1e6))


def _perturbed(panel: pw.PerturbationPanel) -> pw.PerturbationPanel:
    panel.state.perturbations = tuple(pw.perturbations.to_json(part) for part in pw.preset("low_dose"))
    return panel


def _built(builder: pw.SceneBuilder) -> pw.SceneBuilder:
    builder.conditions = pw.ImagingConditions(defocus_A=-80.0, dose_per_A2=4000.0)
    return builder


def _segmented() -> pw.SegmentationExplorer:
    (drawn,) = pw.bright_field_images(1, shape=(384, 384), seed=3)["image"].values
    return pw.SegmentationExplorer(drawn, pixel_size=0.4, views=2)


def _analysed(view: Any) -> Any:
    view.analyse()
    return view


def main() -> None:
    """Take the pictures that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="widgets, or animation; all without")
    names = parser.parse_args().names
    load_extensions()
    scenes = Scenes()
    pages = scenes.pages()
    wanted = names or [*pages, "animation"]
    routes = {name: (lambda make=make: pn.Column(make(), margin=10, sizing_mode="stretch_width")) for name, make in pages.items()}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = pn.serve(routes, port=port, address="127.0.0.1", show=False, threaded=True)
    time.sleep(2)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=hosts.chromium_path(), args=hosts.FLAGS)
        for name in wanted:
            page = chromium.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX})
            page.goto(f"http://127.0.0.1:{port}/{'explorer' if name == 'animation' else name}", timeout=TIMEOUT_ms)
            page.wait_for_selector("canvas, .bk-Canvas, .bk-btn", timeout=TIMEOUT_ms)
            _wait_until_quiet(page)
            if name == "animation":
                _animate(page, scenes)
            else:
                _cropped(page.screenshot(full_page=True)).save(HERE / f"{name}.png", optimize=True)
            page.close()
        chromium.close()
    server.stop()


def _cropped(screenshot: bytes) -> Image.Image:
    """Without what is empty to the right and below."""
    picture = Image.open(io.BytesIO(screenshot)).convert("RGB")
    _, _, right, bottom = ImageChops.difference(picture, Image.new("RGB", picture.size, "white")).getbbox() or (0, 0, *picture.size)
    return picture.crop((0, 0, min(right + 10, picture.width), min(bottom + 10, picture.height)))


def _wait_until_quiet(page: Page, seconds: int = 240) -> None:
    """Return when the page has looked the same for a while and no work is under way."""
    before, same = b"", 0
    for _ in range(seconds):
        page.wait_for_timeout(1000)
        now = page.screenshot()
        same = same + 1 if now == before else 0
        before = now
        busy = page.get_by_text("Cancel", exact=True).locator("visible=true").count()
        if same >= 4 and not busy:
            return


def _animate(page: Page, scenes: Scenes) -> None:
    """The thickness locks on; single patterns, then unit cells; a wrong position, and its place in the cell."""
    frames: list[Image.Image] = []
    size = 800, 800 * TALL_PX // WIDTH_PX

    def take(times: int = 1) -> None:
        page.evaluate("window.scrollTo(0, 0)")
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB").resize(size, Image.Resampling.LANCZOS)
        frames.extend([picture] * times)

    page.set_viewport_size({"width": WIDTH_PX, "height": TALL_PX})
    page.get_by_text("Match", exact=True).click()
    matcher = page.locator(".pw-matcher")
    matcher.locator(".pw-figure", has_text="misfit").wait_for(timeout=TIMEOUT_ms)
    _wait_until_quiet(page)
    slider = matcher.get_by_label("Thickness", exact=True)
    matched = float(slider.input_value())
    for distance in (160, 130, 100, 75, 50, 30, 15, 5, 0):
        slider.evaluate(SET_SLIDER, matched + distance)
        page.wait_for_timeout(1500)
        take()
    take(3)
    page.get_by_text("Maps", exact=True).click()
    _wait_until_quiet(page)
    take(3)
    scenes.show(scenes.pooled)
    _wait_until_quiet(page)
    take(5)
    scenes.show(scenes.single)
    page.get_by_text("Why it fails", exact=True).click()
    page.get_by_text("Analyse", exact=True).click()
    page.wait_for_timeout(3000)
    take()
    _wait_until_quiet(page)
    take(2)
    box = page.locator('canvas[aria-label^="Scan image"]').bounding_box()
    assert box is not None
    rows, columns = scenes.truth.shape
    zoom = min(box["width"] / columns, box["height"] / rows)
    left, top = box["x"] + (box["width"] - zoom * columns) / 2, box["y"] + (box["height"] - zoom * rows) / 2
    wrong = np.argwhere(np.abs((scenes.single["direction_deg"].values - scenes.truth + 180) % 360 - 180) > WRONG_deg)
    for row, column in wrong[:: max(1, len(wrong) // 5)][:5]:
        page.mouse.click(left + (column + 0.5) * zoom, top + (row + 0.5) * zoom)
        page.wait_for_timeout(1500)
        take(2)
    take(3)
    colors = [frame.quantize(224, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE) for frame in frames]
    colors[0].save(ANIMATION, save_all=True, append_images=colors[1:], duration=FRAME_ms, loop=0, optimize=True)
    print(f"{ANIMATION}: {ANIMATION.stat().st_size / 1e6:.1f} MB, {len(frames)} frames")


if __name__ == "__main__":
    main()
