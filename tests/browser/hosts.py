"""A real JupyterLab and a real Panel server in folders of their own, and a Chromium to look at them."""

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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
TESTS = Path(__file__).parents[1]
TIMEOUT_ms = 150_000
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}

KERNEL_IS_IDLE = "window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel?.status === 'idle'"
# in braces: the command's promise ends with the last cell, and the widgets are to be watched before that
RUN_ALL_CELLS = "() => { window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => { window.allRan = true }) }"
# until then JupyterLab takes the focus from cell to cell, and keys with it
ALL_RAN = "window.allRan === true"


def chromium_path() -> str | None:
    """A Chromium on PATH; None means Playwright's own."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextlib.contextmanager
def new_page(chromium: Browser) -> Iterator[Page]:
    """A page of a small laptop's size."""
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    # generous: a machine may have other work to do
    page.set_default_timeout(TIMEOUT_ms)
    page.set_default_navigation_timeout(TIMEOUT_ms)
    try:
        yield page
    finally:
        page.close()


@contextlib.contextmanager
def jupyter(folder: Path, base_url: str = "/") -> Iterator[str]:
    """Serve a folder with JupyterLab, untouched by the user's own settings; yields its address, without a slash at the end."""
    for name, values in SETTINGS.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))
    port = _free_port()
    command = [
        "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", "--IdentityProvider.token=",
        "--ServerApp.disable_check_xsrf=True", "--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}",
        f"--LabApp.user_settings_dir={folder / 'settings'}", f"--LabApp.workspaces_dir={folder / 'workspaces'}",
        f"--ServerApp.base_url={base_url}",
    ]  # fmt: skip
    private = {f"JUPYTER_{kind}_DIR": str(folder / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    with _server(command, folder, {**private, "IPYTHONDIR": str(folder / "ipython")}, f"http://127.0.0.1:{port}{base_url}api/status"):
        yield f"http://127.0.0.1:{port}{base_url.rstrip('/')}"


def write_notebook(path: Path, cells: Sequence[str]) -> None:
    """A notebook of code cells."""
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    code: dict[str, Any] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    notebook = {"cells": [{**code, "source": source} for source in cells], "metadata": kernel, "nbformat": 4, "nbformat_minor": 4}
    path.write_text(json.dumps(notebook))


def run_notebook(page: Page, address: str, name: str) -> None:
    """Open a notebook and run all its cells, as its user would; returns at once."""
    page.goto(f"{address}/doc/tree/{name}")
    page.wait_for_function(KERNEL_IS_IDLE)
    page.evaluate(RUN_ALL_CELLS)


@contextlib.contextmanager
def panel(app: Path) -> Iterator[str]:
    """Serve an app with Panel; yields its address."""
    port = _free_port()
    command = ["panel", "serve", str(app), "--address", "127.0.0.1", "--port", str(port)]
    with _server(command, app.parent, {}, f"http://127.0.0.1:{port}/static/js/bokeh.min.js"):
        yield f"http://127.0.0.1:{port}/{app.stem}"


@contextlib.contextmanager
def app(folder: Path, *paths: str) -> Iterator[str]:
    """`polwidgets app` in a folder; yields its address."""
    port = _free_port()
    command = ["polwidgets", "app", *paths, "--port", str(port), "--no-browser"]
    with _server(command, folder, {}, f"http://127.0.0.1:{port}/static/js/bokeh.min.js"):
        yield f"http://127.0.0.1:{port}"


def wait_for_cube_browser(page: Page) -> None:
    """Return once pattern and scan image are drawn from exact values."""
    page.wait_for_selector(".pw-browser", timeout=TIMEOUT_ms)
    page.locator(".pw-browser .pw-note", has_text="exact").nth(1).wait_for(timeout=TIMEOUT_ms)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def _server(command: list[str], folder: Path, variables: dict[str, str], ready: str) -> Iterator[None]:
    python_path = os.pathsep.join(filter(None, [str(TESTS / "widgets"), str(TESTS.parent), os.environ.get("PYTHONPATH")]))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, **variables, "PYTHONPATH": python_path, "PATH": path}
    log = folder / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen([sys.executable, "-m", *command], cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait_until_ready(ready, process, log)
            yield
        finally:
            process.terminate()
            process.wait(20)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path, seconds: int = 180) -> None:
    for _ in range(10 * seconds):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended by itself:\n{log.read_text()}")
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url).close()
            return
        time.sleep(0.1)
    raise TimeoutError(f"{url} did not answer within {seconds} s:\n{log.read_text()}")
