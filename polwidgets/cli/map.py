"""Map the polarization of a scan."""

from __future__ import annotations

import argparse
from pathlib import Path

import polwidgets as pw
from polwidgets.cli.options import add_hints, add_output, check_names, check_output, open_scan


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument("scan", type=Path, help="anything pw.open_cube opens")
    add_output(command, "map.zarr")
    command.add_argument("--crystal", default="knn", help="a registered crystal (default: %(default)s)")
    command.add_argument(
        "--model", default="unit_cell_match", help="a registered model, or a file that `polwidgets train` wrote (default: %(default)s)"
    )
    command.add_argument("--context", choices=("unit_cell", "pattern"), default="unit_cell", help="of the evidence (default: %(default)s)")
    command.add_argument(
        "--thickness-nm", type=float, nargs=2, default=(4.0, 70.0), metavar=("LOW", "HIGH"), help="where to search (default: 4 70)"
    )
    command.add_argument(
        "--weights", choices=("shipped", "matched"), default="shipped",
        help="of a named model: those that come with polwidgets where it has any, or trained here at the match (default: %(default)s)",
    )  # fmt: skip
    command.add_argument("--augmentation", metavar="PRESET", help="of a model that is trained here (default: the scan's counting noise)")
    command.add_argument("--seed", type=int, default=0, help="of models that draw (default: %(default)s)")
    command.add_argument("--png", action="store_true", help="write a summary picture beside the output")
    add_hints(command)


def run(options: argparse.Namespace) -> None:
    """Map the scan and write its map."""
    from polwidgets.models.prediction import save_prediction

    check_output(options)
    trained = Path(options.model).is_file()
    check_names(crystal=options.crystal, model=None if trained else options.model)
    prediction = pw.map_polarization(
        open_scan(options),
        crystal=options.crystal,
        model=pw.load_model(options.model) if trained else options.model,
        weights=options.weights,
        augmentation=options.augmentation,
        context=options.context,
        thickness_range_A=tuple(10 * limit for limit in options.thickness_nm),
        seed=options.seed,
        progress=not options.quiet,
    )
    save_prediction(prediction, options.output)
    if options.png:
        from polwidgets.widgets.summary import summary_picture

        summary_picture(prediction).save(options.output.with_suffix(".png"))
