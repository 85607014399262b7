"""Simulate labelled bright-field images of nanoparticles."""

from __future__ import annotations

import argparse

import polwidgets as pw
from polwidgets.cli.options import add_output, check_output, pair, say, values


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    add_output(command, "data.zarr")
    command.add_argument("--n", type=int, required=True, help="images")
    command.add_argument("--pixels", type=int, nargs="+", default=[256], metavar=("ROWS", "COLUMNS"), help="(default: 256)")
    command.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    command.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="distributions, as radius_px=[8,20] unresolved=0")


def run(options: argparse.Namespace) -> None:
    """Draw the images and write them, aside and then renamed."""
    import dataclasses
    from typing import Any

    from polwidgets.models.prediction import save_prediction
    from polwidgets.simulate.bright_field import BrightField

    check_output(options)
    drawn = values("--set", options.set)
    known = [field.name for field in dataclasses.fields(BrightField)]
    if unknown := sorted(set(drawn) - set(known)):
        raise ValueError(f"--set has no {', '.join(unknown)}; it has {', '.join(known)}")
    ranges: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in drawn.items()}
    recipe = BrightField(**ranges)
    shape = pair("--pixels", options.pixels)
    images = pw.bright_field_images(options.n, shape=shape, recipe=recipe, seed=options.seed, progress=not options.quiet)
    save_prediction(images, options.output)
    say(f"{options.output}: {options.n} images, {shape[0]} x {shape[1]}")
