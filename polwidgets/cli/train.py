"""Train a model on simulated patterns."""

from __future__ import annotations

import argparse
from pathlib import Path

import polwidgets as pw
from polwidgets.cli.options import add_hints, add_output, check_names, check_output, open_scan, resumable, values


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument("--model", required=True, help="a registered model")
    add_output(command, "model.safetensors", "file to write")
    command.add_argument(
        "--recipe", choices=("randomised", "study", "matched"), default="randomised",
        help="drawn specimens, the study's eight scans of 20 nm, or what --scan was matched to (default: %(default)s)",
    )  # fmt: skip
    command.add_argument("--scan", type=Path, help="of the matched recipe: anything pw.open_cube opens")
    command.add_argument("--crystal", default="knn", help="a registered crystal (default: %(default)s)")
    command.add_argument("--augmentation", metavar="PRESET", help="perturbations drawn for every batch (default: what fits the recipe)")
    command.add_argument(
        "--filter", default="none", metavar="RULE",
        help="keep patterns by their centre of mass: none, above_mean, above_median, upper_quarter (default: %(default)s)",
    )  # fmt: skip
    command.add_argument(
        "--set", nargs="+", default=[], metavar="KEY=VALUE", help="parameters of the model, for example learning_rate=1e-3 depth=50"
    )
    command.add_argument("--recipe-set", nargs="+", default=[], metavar="KEY=VALUE", help="of the recipe, for example positions=64")
    command.add_argument("--epochs", type=int, help="most passes over the training patterns (default: the model's)")
    command.add_argument("--seed", type=int, default=0, help="draws patterns, weights and augmentation (default: %(default)s)")
    command.add_argument("--resume", action="store_true", help="go on with a training that was interrupted")
    add_hints(command)


def run(options: argparse.Namespace) -> None:
    """Train and write the model; what an interrupted training learnt stays beside it."""
    from polwidgets.models.base import models

    check_output(options, endings=(".safetensors", ".model"))
    check_names(crystal=options.crystal, model=options.model)
    parameters = values("--set", options.set)
    if options.epochs is not None:
        parameters["epochs"] = options.epochs
    model = models.build(options.model, **parameters)
    with resumable(options) as checkpoint:
        model = pw.train_model(
            model,
            recipe=options.recipe,
            crystal=options.crystal,
            cube=open_scan(options) if options.scan else None,
            augmentation=options.augmentation,
            keep=options.filter,
            checkpoint=checkpoint,
            seed=options.seed,
            progress=not options.quiet,
            **values("--recipe-set", options.recipe_set),
        )
        model.save(options.output)
