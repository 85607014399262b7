"""The command `polwidgets`: map a scan, train a model, simulate a scan, compare all models, serve the app.

Heavy modules are imported when a subcommand runs, so that ``polwidgets --help`` answers at once.
"""

from __future__ import annotations

import argparse
import json
import sys
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import polwidgets as pw

if TYPE_CHECKING:
    import xarray as xr

_Number = TypeVar("_Number", int, float)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0, 2 for what the user can mend, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        # libraries' deprecations are for developers; what polwidgets has to say is a UserWarning
        warnings.simplefilter("ignore")
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _one_line_warning
        try:
            options.run(options)
        except KeyboardInterrupt as interrupt:
            _say(str(interrupt) or "interrupted; nothing was written")
            return 130
        except Exception as error:  # noqa: BLE001, whatever it is, the user gets one line and may ask for the rest
            if options.debug:
                traceback.print_exc()
            message = error.args[0] if isinstance(error, KeyError) and error.args else error
            kind = "" if isinstance(error, (ValueError, KeyError, TypeError, OSError)) else f"{type(error).__name__}: "
            _say(f"error: {kind}{message}")
            return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="polwidgets", description=pw.__doc__)
    parser.add_argument("--version", action="version", version=f"polwidgets {pw.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_map(commands.add_parser("map", help="map the polarization of a scan"))
    _add_train(commands.add_parser("train", help="train a model on simulated patterns"))
    _add_simulate(commands.add_parser("simulate", help="simulate a scan of a crystal"))
    _add_strain(commands.add_parser("strain", help="map the strain of a nanobeam scan"))
    _add_benchmark(commands.add_parser("benchmark", help="train and test every model, with and without context"))
    _add_app(commands.add_parser("app", help="serve the linked views in a browser"))
    for command in commands.choices.values():
        command.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _add_map(command: argparse.ArgumentParser) -> None:
    command.add_argument("scan", type=Path, help="anything pw.open_cube opens")
    _add_output(command, "map.zarr")
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
    _add_hints(command)
    command.set_defaults(run=_map)


def _add_train(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", required=True, help="a registered model")
    _add_output(command, "model.safetensors", "file to write")
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
    _add_hints(command)
    command.set_defaults(run=_train)


def _add_hints(command: argparse.ArgumentParser) -> None:
    hints = command.add_argument_group("what the scan's file does not say")
    hints.add_argument("--scan-shape", type=int, nargs=2, metavar=("ROWS", "COLUMNS"))
    hints.add_argument("--scan-step-A", type=float, metavar="ANGSTROM")
    hints.add_argument("--k-step", type=float, metavar="1/ANGSTROM", help="detector pixel")
    hints.add_argument("--voltage-kV", type=float, metavar="KILOVOLT")
    hints.add_argument("--semiangle-mrad", type=float, metavar="MRAD")
    hints.add_argument("--scan-rotation-deg", type=float, metavar="DEGREE", help="anticlockwise from the kx axis to the scan_x axis")


def _add_simulate(command: argparse.ArgumentParser) -> None:
    _add_output(command, "scan.zarr", "zarr folder or .zarr.zip to write")
    command.add_argument("--crystal", default="knn", help="a registered crystal (default: %(default)s)")
    side: dict[str, Any] = {"nargs": "+", "metavar": ("ROWS", "COLUMNS")}
    command.add_argument(
        "--direction", type=float, nargs="+", default=[0.0], metavar="DEGREE",
        help="polarization, anticlockwise from the right; several make stripes side by side (default: 0)",
    )  # fmt: skip
    command.add_argument("--displacement-A", type=float, metavar="ANGSTROM", help="polar displacement (default: the crystal's own)")
    command.add_argument("--thickness-nm", type=float, default=20.0, help="(default: %(default)s)")
    command.add_argument("--scan", type=int, default=[128], **side, help="probe positions; one number means a square (default: 128)")
    command.add_argument("--cells", type=float, default=[2.0], **side, help="unit cells scanned (default: 2)")
    command.add_argument("--detector", type=int, default=[64], **side, help="detector pixels (default: 64)")
    command.add_argument("--voltage-kV", type=float, default=200.0, help="(default: %(default)s)")
    command.add_argument("--semiangle-mrad", type=float, default=24.0, help="(default: %(default)s)")
    flaws = command.add_argument_group("what makes it look real")
    flaws.add_argument("--scan-rotation-deg", type=float, default=0.0, help="from the kx to the scan_x axis, anticlockwise (default: 0)")
    flaws.add_argument("--tilt-mrad", type=float, nargs=2, default=(0.0, 0.0), metavar=("UP", "RIGHT"), help="mistilt (default: 0 0)")
    flaws.add_argument("--source-A", type=float, default=0.0, help="standard deviation of the source, angstrom (default: 0)")
    flaws.add_argument("--blur", type=float, default=0.0, help="standard deviation of the detector's blur, 1/angstrom (default: 0)")
    flaws.add_argument("--background", type=float, default=0.0, help="flat background, fraction of the incident intensity (default: 0)")
    flaws.add_argument("--dose", type=float, help="electrons a pattern, drawn as counts (default: noiseless)")
    flaws.add_argument("--seed", type=int, default=0, help="draws the counts (default: %(default)s)")
    command.set_defaults(run=_simulate)


def _add_strain(command: argparse.ArgumentParser) -> None:
    command.add_argument("scan", type=Path, help="anything pw.open_cube opens")
    _add_output(command, "strain.zarr")
    command.add_argument(
        "--probe", type=Path, help="vacuum pattern: a .npy of it, or a scan, whose mean is taken (default: one is estimated from the scan)"
    )
    unstrained = command.add_mutually_exclusive_group()
    unstrained.add_argument(
        "--reference", type=int, nargs=4, metavar=("TOP", "BOTTOM", "LEFT", "RIGHT"),
        help="unstrained probe positions, ends excluded (default: the scan's median)",
    )  # fmt: skip
    unstrained.add_argument(
        "--cell", type=float, nargs=3, metavar=("A", "B", "GAMMA"), help="unstrained projected cell, angstrom and degrees"
    )
    command.add_argument("--detector", default="auto", help="a registered disk detector (default: %(default)s)")
    command.add_argument("--refine", choices=("lattice", "disks", "none"), default="lattice", help="what is fitted (default: %(default)s)")
    command.add_argument("--axis-deg", type=float, default=0.0, help="x axis in the scan, anticlockwise from the right (default: 0)")
    _add_hints(command)
    command.set_defaults(run=_strain)


def _add_benchmark(command: argparse.ArgumentParser) -> None:
    command.add_argument("--out", type=Path, default="benchmark", metavar="FOLDER", help="for tables and figures (default: %(default)s)")
    command.add_argument("--quick", action="store_true", help="small training sets, few seeds: about 20 minutes on two cores")
    command.add_argument("--data", type=Path, metavar="FOLDER", help="holds knn-dev, scans that are not part of polwidgets")
    command.add_argument("--models", nargs="+", default=[], metavar="NAME", help="registered models (default: all, few where quick)")
    command.add_argument("--sets", nargs="+", default=[], metavar="NAME", help="test sets, as 1S P1 (default: all, few where quick)")
    command.add_argument("--seeds", type=int, metavar="COUNT", help="how often to train (default: 5, once or thrice where quick)")
    command.add_argument("--quiet", action="store_true", help="do not say what is being done")
    command.set_defaults(run=_benchmark)


def _add_app(command: argparse.ArgumentParser) -> None:
    command.add_argument("scan", type=Path, nargs="?", help="anything pw.open_cube opens; the bundled sample without it")
    command.add_argument("map", type=Path, nargs="?", help="its map, written by `polwidgets map`")
    command.add_argument("--port", type=int, default=5006, help="(default: %(default)s)")
    command.add_argument("--address", default="127.0.0.1", help="(default: %(default)s, this machine only)")
    command.add_argument("--no-browser", action="store_true", help="do not open a browser window")
    command.set_defaults(run=_app)


def _add_output(command: argparse.ArgumentParser, example: str, help_text: str = "zarr folder to write") -> None:
    command.add_argument("-o", "--output", type=Path, required=True, metavar=example, help=help_text)
    command.add_argument("--overwrite", action="store_true", help="replace the output if it exists")
    command.add_argument("--quiet", action="store_true", help="no progress bars")


def _map(options: argparse.Namespace) -> None:
    from polwidgets.models.prediction import save_prediction

    _check_output(options)
    trained = Path(options.model).is_file()
    _check_names(crystal=options.crystal, model=None if trained else options.model)
    prediction = pw.map_polarization(
        _open(options),
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


def _strain(options: argparse.Namespace) -> None:
    import numpy as np

    from polwidgets.models.prediction import save_prediction

    _check_output(options)
    cube = _open(options)
    probe = None
    if options.probe is not None:
        array = np.load(options.probe, allow_pickle=False) if options.probe.suffix == ".npy" else None
        probe = array if array is not None and array.ndim == 2 else pw.mean_pattern(pw.open_cube(options.probe))
    reference = options.cell
    if options.reference is not None:
        top, bottom, left, right = options.reference
        reference = np.zeros(cube.shape[:2], bool)
        reference[top:bottom, left:right] = True
    strain = pw.strain_map(
        cube,
        probe=probe,
        detector=options.detector,
        reference=reference,
        refine=options.refine,
        axis_deg=options.axis_deg,
        progress=not options.quiet,
    )
    save_prediction(strain, options.output)


def _train(options: argparse.Namespace) -> None:
    from polwidgets.models.base import models

    _check_output(options, endings=(".safetensors", ".model"))
    _check_names(crystal=options.crystal, model=options.model)
    checkpoint = options.output.with_name(f"{options.output.name}.checkpoint")
    if checkpoint.exists() and not options.resume and not options.overwrite:
        raise FileExistsError(f"{checkpoint} is left of an interrupted training; add --resume to go on, or --overwrite to start anew")
    if options.resume and not checkpoint.exists():
        raise FileNotFoundError(f"there is no {checkpoint} to go on from; leave --resume out")
    if options.overwrite and not options.resume:
        checkpoint.unlink(missing_ok=True)
    parameters = _values("--set", options.set)
    if options.epochs is not None:
        parameters["epochs"] = options.epochs
    model = models.build(options.model, **parameters)
    try:
        model = pw.train_model(
            model,
            recipe=options.recipe,
            crystal=options.crystal,
            cube=_open(options) if options.scan else None,
            augmentation=options.augmentation,
            keep=options.filter,
            checkpoint=checkpoint,
            seed=options.seed,
            progress=not options.quiet,
            **_values("--recipe-set", options.recipe_set),
        )
    except KeyboardInterrupt:
        if not checkpoint.exists():
            raise
        raise KeyboardInterrupt(f"interrupted; what was learnt is in {checkpoint}, the same command with --resume goes on") from None
    model.save(options.output)
    checkpoint.unlink(missing_ok=True)


def _open(options: argparse.Namespace) -> xr.DataArray:
    hints = {name: getattr(options, name) for name in ("scan_step_A", "k_step", "voltage_kV", "semiangle_mrad", "scan_rotation_deg")}
    shape = tuple(options.scan_shape) if options.scan_shape else None
    cube: xr.DataArray = pw.open_cube(options.scan, scan_shape=shape, **hints)
    return cube


def _values(option: str, pairs: list[str]) -> dict[str, Any]:
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


def _simulate(options: argparse.Namespace) -> None:
    from polwidgets.simulate.probe import Probe

    _check_output(options, endings=(".zarr", ".zarr.zip"))
    _check_names(crystal=options.crystal)
    tilt_y_mrad, tilt_x_mrad = options.tilt_mrad
    pw.simulate_scan(
        options.crystal,
        direction_deg=options.direction,
        displacement_A=options.displacement_A,
        thickness_A=10 * options.thickness_nm,
        scan_shape=_pair("--scan", options.scan),
        cells=_pair("--cells", options.cells),
        detector_shape=_pair("--detector", options.detector),
        voltage_kV=options.voltage_kV,
        semiangle_mrad=options.semiangle_mrad,
        probe=Probe(tilt_y_mrad=tilt_y_mrad, tilt_x_mrad=tilt_x_mrad),
        source_A=options.source_A,
        blur=options.blur,
        background=options.background,
        scan_rotation_deg=options.scan_rotation_deg,
        dose=options.dose,
        seed=options.seed,
        path=options.output,
        overwrite=options.overwrite,
        progress=not options.quiet,
    )


def _benchmark(options: argparse.Namespace) -> None:
    from polwidgets.analysis.benchmark.report import benchmark

    if options.data is not None and not options.data.is_dir():
        raise FileNotFoundError(f"there is no folder {options.data}; leave --data out, or give the folder that holds knn-dev")
    said = ""

    def say(step: str, fraction: float) -> None:
        nonlocal said
        if step != said and not options.quiet:
            _say(f"{100 * fraction:3.0f} %  {step}")
        said = step

    try:
        table = benchmark(
            options.out,
            quick=options.quick,
            data=options.data,
            names=options.models,
            sets=options.sets,
            seeds=options.seeds,
            progress=say,
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; what is finished is in {options.out}, the same command goes on") from None
    _say(f"wrote {table}")


def _app(options: argparse.Namespace) -> None:
    from polwidgets.app import serve

    serve(options.scan, options.port, options.address, map_path=options.map, show=not options.no_browser)


def _pair(option: str, values: list[_Number]) -> tuple[_Number, _Number]:
    """(rows, columns); one number stands for both."""
    if len(values) > 2:
        raise ValueError(f"{option} takes rows and columns, got {len(values)} numbers")
    return values[0], values[-1]


def _check_output(options: argparse.Namespace, endings: tuple[str, ...] = (".zarr",)) -> None:
    """Fail before the work, not after it."""
    if not options.output.name.endswith(endings):
        raise ValueError(f"the output is {options.output}; give it the ending {' or '.join(endings)}")
    if options.output.exists() and not options.overwrite:
        raise FileExistsError(f"{options.output} exists; choose another name or add --overwrite")
    if not options.output.absolute().parent.is_dir():
        raise FileNotFoundError(f"there is no folder {options.output.absolute().parent} to write into; make it first")


def _check_names(*, crystal: str, model: str | None = None) -> None:
    """Fail on a misspelt name before the scan is opened."""
    from polwidgets.crystal.base import crystals
    from polwidgets.models.base import models

    crystals[crystal]
    if model is not None:
        models[model]


def _one_line_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None, line: str | None = None
) -> None:
    _say(f"warning: {message}")


def _say(message: str) -> None:
    print(f"polwidgets: {' '.join(message.split())}", file=sys.stderr)
