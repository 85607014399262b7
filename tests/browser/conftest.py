"""The scene of `scene.py` in either host, each started once."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.with_name("widgets"))]

import hosts  # noqa: E402

expect.set_options(timeout=60_000)

# Bokeh's views form a tree; a figure is found by its title
_FIND = """
    const walk = (view) => [view, ...[...(view.child_views ?? [])].flatMap(walk)];
    const figures = [...Bokeh.index].flatMap(walk).filter((view) => view.frame && view.model.title);
    const has = (test) => figures.find(({model}) => test(model.title.text));
    const figure = has((text) => text === title) ?? has((text) => text.startsWith(title));
"""
# its frame as it lies on the screen, however large the page is shown
FRAME = (
    "(title) => {"
    + _FIND
    + """
    if (!figure) return null;
    figure.el.scrollIntoView({block: "center"});
    const zoom = Number(document.body.style.zoom) || 1;
    const canvas = figure.canvas_view.el.getBoundingClientRect();
    const box = figure.frame.bbox;
    return {x: zoom * (canvas.left + box.left), y: zoom * (canvas.top + box.top), width: zoom * box.width, height: zoom * box.height};
}"""
)
COLUMN = "([title, name]) => {" + _FIND + "return [...figure.model.renderers[0].data_source.get_column(name)]; }"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
    # last: as long as Playwright runs, other tests' threads would hand their results to its event loop
    items.sort(key=lambda item: HERE in item.path.parents)


class Scene:
    """`scene.py` shown in a host: its page, the file in which it writes its state, and what went wrong meanwhile."""

    def __init__(self, page: Page, folder: Path) -> None:
        self.page = page
        self.complaints: list[str] = []
        self._state = folder / "state.json"
        complain = self.complaints.append
        page.on("console", lambda message: complain(f"{message.text} {message.location['url']}") if message.type == "error" else None)
        page.on("pageerror", lambda error: complain(str(error)))
        page.on("requestfailed", lambda request: complain(f"failed: {request.url} ({request.failure})"))
        page.on("request", lambda request: None if _is_local(request.url) else complain(f"outside: {request.url}"))

    def state(self) -> dict[str, Any]:
        """The `ViewState` as Python sees it."""
        return json.loads(self._state.read_text())

    def wait_for(self, condition: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
        """The Python-side state as soon as the condition holds."""
        end = time.monotonic() + seconds
        while not condition(self.state()):
            assert time.monotonic() < end, f"the state did not get there: {self.state()}"
            self.page.wait_for_timeout(50)
        return self.state()

    def canvas(self, label: str) -> Locator:
        """A canvas of the cube browser by the beginning of its label."""
        return self.page.locator(f'.pw-browser:not(.pw-matcher) canvas[aria-label^="{label}"]')

    def pixels(self, canvas: Locator) -> str:
        """What a canvas shows, to be compared."""
        return canvas.evaluate("canvas => canvas.toDataURL()")

    def at(self, canvas: Locator, row: float, column: float, shape: tuple[int, int]) -> tuple[float, float]:
        """Page coordinates of an image pixel of a cube browser's canvas."""
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        assert box is not None
        zoom = min(box["width"] / shape[1], box["height"] / shape[0])
        left, top = box["x"] + (box["width"] - zoom * shape[1]) / 2, box["y"] + (box["height"] - zoom * shape[0]) / 2
        return left + (column + 0.5) * zoom, top + (row + 0.5) * zoom

    def frame(self, title: str) -> dict[str, float]:
        """Where on the screen the frame of a Bokeh figure lies, by the beginning of its title; scrolled into view."""
        self.page.wait_for_function(f"(title) => ({FRAME})(title) !== null", arg=title)
        return self.page.evaluate(FRAME, title)

    def tap(self, title: str, row: float, column: float, shape: tuple[int, int]) -> None:
        """Click on an image pixel of a Bokeh figure that shows all of its image."""
        frame = self.frame(title)
        self.page.mouse.click(
            frame["x"] + (column + 0.5) / shape[1] * frame["width"], frame["y"] + (row + 0.5) / shape[0] * frame["height"]
        )

    def figure(self, title: str) -> bytes:
        """What a Bokeh figure shows, to be compared."""
        return self.page.screenshot(clip=self.frame(title))

    def column(self, title: str, name: str) -> list[float]:
        """A column of what a Bokeh figure draws first."""
        self.frame(title)
        return self.page.evaluate(COLUMN, [title, name])

    def wait_for_change(self, look: Callable[[], Any], before: Any, seconds: float = 60) -> Any:
        """What is seen, as soon as it differs from what was seen before."""
        end = time.monotonic() + seconds
        while (now := look()) == before:
            assert time.monotonic() < end, "it stayed as it was"
            self.page.wait_for_timeout(100)
        return now

    def drag(self, start: tuple[float, float], stop: tuple[float, float]) -> None:
        """Press, move in a few steps, release."""
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move(*stop, steps=8)
        mouse.up()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=hosts.chromium_path(), args=hosts.FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def jupyter(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("jupyter")
    hosts.write_notebook(folder / "scene.ipynb", [(HERE / "scene.py").read_text() + "\nbrowser", "maps", "matcher"])
    with hosts.jupyter(folder) as address, hosts.new_page(chromium) as page:
        scene = Scene(page, folder)
        hosts.run_notebook(page, address, "scene.ipynb")
        _wait_until_drawn(page)
        yield scene


@pytest.fixture(scope="session")
def panel(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("panel")
    app = folder / "scene.py"
    app.write_text((HERE / "scene.py").read_text() + "\nimport panel as pn\npn.Column(pn.Column(browser, maps, matcher)).servable()\n")
    with hosts.panel(app) as address, hosts.new_page(chromium) as page:
        scene = Scene(page, folder)
        page.goto(address, timeout=120_000)
        _wait_until_drawn(page)
        yield scene


@pytest.fixture(scope="session")
def scene_type() -> type[Scene]:
    return Scene


@pytest.fixture(params=["jupyter", "panel"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """The scene in either host; console errors, failed requests and requests to other hosts fail the test."""
    scene: Scene = request.getfixturevalue(request.param)
    yield scene
    found, scene.complaints[:] = list(scene.complaints), []
    assert not found, "\n".join(found)


def _wait_until_drawn(page: Page) -> None:
    hosts.wait_for_cube_browser(page)
    page.wait_for_selector(".bk-Canvas", timeout=hosts.TIMEOUT_ms)


def _is_local(url: str) -> bool:
    return url.startswith(("data:", "blob:", "about:")) or "://127.0.0.1" in url or "://localhost" in url
