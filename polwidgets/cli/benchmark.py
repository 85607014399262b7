"""Train and test every model, with and without context."""

from __future__ import annotations

import argparse
from pathlib import Path

from polwidgets.cli.options import say


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument("--out", type=Path, default="benchmark", metavar="FOLDER", help="for tables and figures (default: %(default)s)")
    command.add_argument("--quick", action="store_true", help="small training sets, few seeds: about 20 minutes on two cores")
    command.add_argument("--data", type=Path, metavar="FOLDER", help="holds knn-dev, scans that are not part of polwidgets")
    command.add_argument("--models", nargs="+", default=[], metavar="NAME", help="registered models (default: all, few where quick)")
    command.add_argument("--sets", nargs="+", default=[], metavar="NAME", help="test sets, as 1S P1 (default: all, few where quick)")
    command.add_argument("--seeds", type=int, metavar="COUNT", help="how often to train (default: 5, once or thrice where quick)")
    command.add_argument("--quiet", action="store_true", help="do not say what is being done")


def run(options: argparse.Namespace) -> None:
    """Compare the models and write tables and figures."""
    from polwidgets.analysis.benchmark.report import benchmark

    if options.data is not None and not options.data.is_dir():
        raise FileNotFoundError(f"there is no folder {options.data}; leave --data out, or give the folder that holds knn-dev")
    said = ""

    def tell(step: str, fraction: float) -> None:
        nonlocal said
        if step != said and not options.quiet:
            say(f"{100 * fraction:3.0f} %  {step}")
        said = step

    try:
        table = benchmark(
            options.out,
            quick=options.quick,
            data=options.data,
            names=options.models,
            sets=options.sets,
            seeds=options.seeds,
            progress=tell,
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; what is finished is in {options.out}, the same command goes on") from None
    say(f"wrote {table}")
