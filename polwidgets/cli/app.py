"""Serve the linked views in a browser."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument("scan", type=Path, nargs="?", help="anything pw.open_cube opens, or an image; the bundled sample without it")
    command.add_argument("map", type=Path, nargs="?", help="its map, written by `polwidgets map`")
    command.add_argument("--port", type=int, default=5006, help="(default: %(default)s)")
    command.add_argument("--address", default="127.0.0.1", help="(default: %(default)s, this machine only)")
    command.add_argument("--no-browser", action="store_true", help="do not open a browser window")
    command.add_argument("--prefix", default="", metavar="PATH", help="of the address, where a proxy serves it below its own")
    command.add_argument("--origin", metavar="HOST[:PORT]", help="as the visitors' browsers know it behind a proxy; * for any")


def run(options: argparse.Namespace) -> None:
    """Serve until interrupted."""
    from polwidgets.app import serve

    serve(
        options.scan,
        options.port,
        options.address,
        map_path=options.map,
        show=not options.no_browser,
        prefix=options.prefix,
        origin=options.origin,
    )


def behind_jupyter() -> dict[str, object]:
    """How jupyter-server-proxy starts the app, for its entry point; Jupyter's own login guards it, so any origin will do.

    The proxy fills in the port and the address below which Jupyter itself is served.
    """
    command = [sys.executable, "-m", "polwidgets", "app", "--no-browser", "--port", "{port}", "--prefix", "{base_url}polwidgets"]
    return {
        "command": [*command, "--origin", "*"],
        "absolute_url": True,
        "timeout": 120,
        "launcher_entry": {"title": "polwidgets"},
    }
