"""Options that several commands share, and the checks that fail before the work instead of after it."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import polwidgets as pw

if TYPE_CHECKING:
    import xarray as xr

_Number = TypeVar("_Number", int, float)


def add_output(command: argparse.ArgumentParser, example: str, help_text: str = "zarr folder to write") -> None:
    """Where to write."""
    command.add_argument("-o", "--output", type=Path, required=True, metavar=example, help=help_text)
    command.add_argument("--overwrite", action="store_true", help="replace the output if it exists")
    command.add_argument("--quiet", action="store_true", help="no progress bars")


def add_hints(command: argparse.ArgumentParser) -> None:
    """What the scan's file may not say."""
    hints = command.add_argument_group("what the scan's file does not say")
    hints.add_argument("--scan-shape", type=int, nargs=2, metavar=("ROWS", "COLUMNS"))
    hints.add_argument("--scan-step-A", type=float, metavar="ANGSTROM")
    hints.add_argument("--k-step", type=float, metavar="1/ANGSTROM", help="detector pixel")
    hints.add_argument("--voltage-kV", type=float, metavar="KILOVOLT")
    hints.add_argument("--semiangle-mrad", type=float, metavar="MRAD")
    hints.add_argument("--scan-rotation-deg", type=float, metavar="DEGREE", help="anticlockwise from the kx axis to the scan_x axis")


def open_scan(options: argparse.Namespace) -> xr.DataArray:
    """The scan, with what the user says about it."""
    hints = {name: getattr(options, name) for name in ("scan_step_A", "k_step", "voltage_kV", "semiangle_mrad", "scan_rotation_deg")}
    shape = tuple(options.scan_shape) if options.scan_shape else None
    cube: xr.DataArray = pw.open_cube(options.scan, scan_shape=shape, **hints)
    return cube


def check_output(options: argparse.Namespace, endings: tuple[str, ...] = (".zarr",)) -> None:
    """Fail before the work, not after it."""
    if not options.output.name.endswith(endings):
        raise ValueError(f"the output is {options.output}; give it the ending {' or '.join(endings)}")
    if options.output.exists() and not options.overwrite:
        raise FileExistsError(f"{options.output} exists; choose another name or add --overwrite")
    if not options.output.absolute().parent.is_dir():
        raise FileNotFoundError(f"there is no folder {options.output.absolute().parent} to write into; make it first")


@contextlib.contextmanager
def resumable(options: argparse.Namespace) -> Iterator[Path]:
    """Checkpoint of a training, beside its output: kept when the training is interrupted, gone once the output is written."""
    checkpoint: Path = options.output.with_name(f"{options.output.name}.checkpoint")
    if checkpoint.exists() and not options.resume and not options.overwrite:
        raise FileExistsError(f"{checkpoint} is left of an interrupted training; add --resume to go on, or --overwrite to start anew")
    if options.resume and not checkpoint.exists():
        raise FileNotFoundError(f"there is no {checkpoint} to go on from; leave --resume out")
    if not options.resume:
        checkpoint.unlink(missing_ok=True)
    try:
        yield checkpoint
    except KeyboardInterrupt:
        if not checkpoint.exists():
            raise
        raise KeyboardInterrupt(f"interrupted; what was learnt is in {checkpoint}, the same command with --resume goes on") from None
    checkpoint.unlink(missing_ok=True)


def check_names(*, crystal: str, model: str | None = None) -> None:
    """Fail on a misspelt name before the scan is opened."""
    from polwidgets.crystal.base import crystals
    from polwidgets.models.base import models

    crystals[crystal]
    if model is not None:
        models[model]


def values(option: str, pairs: list[str]) -> dict[str, Any]:
    """Keywords from ``key=value``; numbers, true and false as JSON writes them."""
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise ValueError(f"{option} takes KEY=VALUE, got {pair!r}")
        try:
            values[key] = json.loads(text)
        except ValueError:
            values[key] = text
    return values


def pair(option: str, values: list[_Number]) -> tuple[_Number, _Number]:
    """(rows, columns); one number stands for both."""
    if len(values) > 2:
        raise ValueError(f"{option} takes rows and columns, got {len(values)} numbers")
    return values[0], values[-1]


def say(message: str) -> None:
    """One line to the terminal."""
    print(f"polwidgets: {' '.join(message.split())}", file=sys.stderr)
