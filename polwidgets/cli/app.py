"""Serve the linked views in a browser."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument("scan", type=Path, nargs="?", help="anything pw.open_cube opens; the bundled sample without it")
    command.add_argument("map", type=Path, nargs="?", help="its map, written by `polwidgets map`")
    command.add_argument("--port", type=int, default=5006, help="(default: %(default)s)")
    command.add_argument("--address", default="127.0.0.1", help="(default: %(default)s, this machine only)")
    command.add_argument("--no-browser", action="store_true", help="do not open a browser window")


def run(options: argparse.Namespace) -> None:
    """Serve until interrupted."""
    from polwidgets.app import serve

    serve(options.scan, options.port, options.address, map_path=options.map, show=not options.no_browser)
