"""Map the strain of a nanobeam scan."""

from __future__ import annotations

import argparse
from pathlib import Path

import polwidgets as pw
from polwidgets.cli.options import add_hints, add_output, check_output, open_scan


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument("scan", type=Path, help="anything pw.open_cube opens")
    add_output(command, "strain.zarr")
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
    add_hints(command)


def run(options: argparse.Namespace) -> None:
    """Measure the strain and write its maps."""
    import numpy as np

    from polwidgets.models.prediction import save_prediction

    check_output(options)
    cube = open_scan(options)
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
