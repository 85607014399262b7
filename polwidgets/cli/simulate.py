"""Simulate a scan of a crystal."""

from __future__ import annotations

import argparse
from typing import Any

import polwidgets as pw
from polwidgets.cli.options import add_output, check_names, check_output, pair


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    add_output(command, "scan.zarr", "zarr folder or .zarr.zip to write")
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


def run(options: argparse.Namespace) -> None:
    """Simulate the scan into its file."""
    from polwidgets.simulate.probe import Probe

    check_output(options, endings=(".zarr", ".zarr.zip"))
    check_names(crystal=options.crystal)
    tilt_y_mrad, tilt_x_mrad = options.tilt_mrad
    pw.simulate_scan(
        options.crystal,
        direction_deg=options.direction,
        displacement_A=options.displacement_A,
        thickness_A=10 * options.thickness_nm,
        scan_shape=pair("--scan", options.scan),
        cells=pair("--cells", options.cells),
        detector_shape=pair("--detector", options.detector),
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
