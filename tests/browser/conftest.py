"""A real JupyterLab, a real Panel server and a real Chromium, each started once."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, sync_playwright

SYNTHETIC = Path(__file__).parents[1] / "widgets"
sys.path.insert(0, str(SYNTHETIC))
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SCENE = Path(__file__).with_name("scene.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def _is_local(url: str) -> bool:
    return url.startswith(("data:", "blob:", "about:")) or "://127.0.0.1" in url or "://localhost" in url


class Scene:
    """`scene.py` shown in a host: its page, the file in which it writes its state, and what went wrong meanwhile."""

    def __init__(self, host: str, page: Page, folder: Path) -> None:
        self.host = host
        self.page = page
        self.complaints: list[str] = []
        self._state = folder / "state.json"
        complain = self.complaints.append
        page.on("console", lambda message: complain(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complain(str(error)))
        page.on("requestfailed", lambda request: complain(f"failed: {request.url} ({request.failure})"))
        page.on("request", lambda request: None if _is_local(request.url) else complain(f"outside: {request.url}"))

    def state(self) -> dict[str, Any]:
        """The `ViewState` as Python sees it."""
        return json.loads(self._state.read_text())

    def wait_for(self, condition: Callable[[dict[str, Any]], bool], seconds: float = 10) -> dict[str, Any]:
        """The Python-side state as soon as the condition holds."""
        end = time.monotonic() + seconds
        while not condition(self.state()):
            assert time.monotonic() < end, f"the state did not get there: {self.state()}"
            self.page.wait_for_timeout(50)
        return self.state()

    def canvas(self, label: str) -> Locator:
        """A canvas of the cube browser by the beginning of its label."""
        return self.page.locator(f'.pw-browser canvas[aria-label^="{label}"]')

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

    def drag(self, start: tuple[float, float], stop: tuple[float, float]) -> None:
        """Press, move in a few steps, release."""
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move(*stop, steps=8)
        mouse.up()


@pytest.fixture(scope="session")
def jupyter(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("jupyter")
    notebook = {"cells": [_cell(SCENE.read_text() + "\nbrowser"), _cell("maps")], "metadata": _KERNEL, "nbformat": 4, "nbformat_minor": 4}
    (folder / "scene.ipynb").write_text(json.dumps(notebook))
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    tracker = folder / "settings" / "@jupyterlab" / "notebook-extension"
    tracker.mkdir(parents=True)
    (tracker / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    port = _free_port()
    command = [
        "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--IdentityProvider.token=",
        "--ServerApp.disable_check_xsrf=True", "--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}",
        f"--LabApp.user_settings_dir={folder / 'settings'}", f"--LabApp.workspaces_dir={folder / 'workspaces'}",
    ]  # fmt: skip
    private = {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    private["IPYTHONDIR"] = str(folder / "ipython")

    with _server(command, folder, private, f"http://127.0.0.1:{port}/api/status"), _page(chromium) as page:
        scene = Scene("jupyter", page, folder)
        page.goto(f"http://127.0.0.1:{port}/doc/tree/scene.ipynb")
        page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel?.status === 'idle'")
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
        _wait_until_drawn(page)
        yield scene


@pytest.fixture(scope="session")
def panel(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("panel")
    (folder / "scene.py").write_text(SCENE.read_text() + "\nimport panel as pn\npn.Column(browser, maps).servable()\n")
    port = _free_port()
    command = ["panel", "serve", str(folder / "scene.py"), "--address", "127.0.0.1", "--port", str(port)]

    with _server(command, folder, {}, f"http://127.0.0.1:{port}/static/js/bokeh.min.js"), _page(chromium) as page:
        scene = Scene("panel", page, folder)
        page.goto(f"http://127.0.0.1:{port}/scene")
        _wait_until_drawn(page)
        yield scene


@pytest.fixture(params=["jupyter", "panel"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """The scene in either host; console errors, failed requests and requests to other hosts fail the test."""
    scene: Scene = request.getfixturevalue(request.param)
    yield scene
    found, scene.complaints[:] = list(scene.complaints), []
    assert not found, "\n".join(found)


@contextlib.contextmanager
def _page(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    try:
        yield page
    finally:
        page.close()


def _wait_until_drawn(page: Page) -> None:
    page.wait_for_selector(".pw-browser", timeout=60_000)
    page.wait_for_selector(".bk-Canvas", timeout=60_000)
    page.locator(".pw-browser .pw-note", has_text="exact").nth(1).wait_for()


_KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def _cell(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _server(command: list[str], folder: Path, variables: dict[str, str], ready: str) -> Iterator[None]:
    path = os.pathsep.join(filter(None, [str(SYNTHETIC), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, **variables, "PYTHONPATH": path, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    log = folder / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen([sys.executable, "-m", *command], cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait_until_ready(ready, process, log)
            yield
        finally:
            process.terminate()
            process.wait(20)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url).close()
            return
        time.sleep(0.1)
    raise TimeoutError(f"{url} did not answer within a minute:\n{log.read_text()}")
