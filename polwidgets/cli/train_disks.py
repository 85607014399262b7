"""Train the disk detector fcunet on simulated crystals."""

from __future__ import annotations

import argparse
from pathlib import Path

import polwidgets as pw
from polwidgets.cli.options import add_output, check_output, resumable


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    add_output(command, "fcunet.safetensors", "file to write")
    command.add_argument("--crystals", type=int, default=480, help="distinct crystals to simulate (default: %(default)s)")
    command.add_argument("--orientations", type=int, default=2, help="of each, with a tilt, semi-angle and sampling (default: %(default)s)")
    command.add_argument("--thicknesses", type=int, default=16, help="patterns of each orientation (default: %(default)s)")
    command.add_argument("--epochs", type=int, default=6, help="passes over the patterns (default: %(default)s)")
    command.add_argument("--seed", type=int, default=0, help="draws crystals, weights and noise (default: %(default)s)")
    command.add_argument("--device", default="cpu", help="where to train, for example cuda (default: %(default)s)")
    command.add_argument("--patterns", type=Path, metavar="FOLDER", help="keep simulated patterns here, to simulate them but once")
    command.add_argument("--resume", action="store_true", help="go on with a training that was interrupted")


def run(options: argparse.Namespace) -> None:
    """Train and write the weights; what an interrupted training learnt stays beside them."""
    check_output(options, endings=(".safetensors",))
    with resumable(options) as checkpoint:
        pw.train_disk_network(
            options.output,
            crystals=options.crystals,
            orientations=options.orientations,
            thicknesses=options.thicknesses,
            epochs=options.epochs,
            seed=options.seed,
            device=options.device,
            folder=options.patterns,
            checkpoint=checkpoint,
            progress=not options.quiet,
        )
