"""Draw structures and imaging conditions from a recipe, and simulate labelled images."""

from __future__ import annotations

import argparse

import polwidgets as pw
from polwidgets.cli.options import add_output, check_output, say, values


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument("kind", choices=["hrtem"], help="what to simulate: high-resolution images with masks")
    add_output(command, "data.zarr")
    command.add_argument("--recipe", required=True, metavar="NAME|FILE", help="a recipe that comes with polwidgets, or a TOML file")
    command.add_argument("--n", type=int, required=True, help="images")
    command.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    command.add_argument(
        "--set", nargs="+", default=[], metavar="TABLE.KEY=VALUE", help="values in place of the recipe's, as conditions.defocus_A=[-100,0]"
    )


def run(options: argparse.Namespace) -> None:
    """Simulate the set into its folder; interrupted, the same command goes on where it stopped."""
    check_output(options)
    try:
        dataset = pw.make_dataset(
            options.recipe,
            options.output,
            n=options.n,
            seed=options.seed,
            changes=values("--set", options.set),
            overwrite=options.overwrite,
            progress=not options.quiet,
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; run the same command again to go on with {options.output}") from None
    scenes = len(set(dataset["scene"].values.tolist()))
    say(f"{options.output}: {dataset.sizes['sample']} images of {scenes} structures, {dataset.sizes['y']} x {dataset.sizes['x']}")
