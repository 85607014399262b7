"""Train a network that finds particles, on labelled images."""

from __future__ import annotations

import argparse
from pathlib import Path

import polwidgets as pw
from polwidgets.cli.options import add_output, check_output, resumable, say


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument("images", type=Path, nargs="+", help="zarr folders that `polwidgets dataset` or `dataset-bright-field` wrote")
    add_output(command, "segmenter.safetensors", "file to write")
    command.add_argument("--epochs", type=int, default=25, help="passes over the images (default: %(default)s)")
    command.add_argument("--learning-rate", type=float, default=1e-3, help="of Adam, at the start (default: %(default)s)")
    command.add_argument("--batch", type=int, default=8, help="crops a step (default: %(default)s)")
    command.add_argument("--crop", type=int, default=128, metavar="PIXELS", help="side of the crops (default: %(default)s)")
    command.add_argument("--seed", type=int, default=0, help="draws first weights, order, crops and turns (default: %(default)s)")
    command.add_argument("--resume", action="store_true", help="go on with a training that was interrupted")


def run(options: argparse.Namespace) -> None:
    """Train and write the weights; what an interrupted training learnt stays beside them."""
    from polwidgets.segmentation.labelled import open_labelled

    check_output(options, endings=(".safetensors",))
    with resumable(options) as checkpoint:
        segmenter = pw.train_segmenter(
            open_labelled(options.images),
            epochs=options.epochs,
            learning_rate=options.learning_rate,
            batch=options.batch,
            crop=options.crop,
            seed=options.seed,
            checkpoint=checkpoint,
            progress=not options.quiet,
        )
        segmenter.save(options.output)
    say(f"{options.output}: validation loss {min(segmenter.history.validation):.3f}")
