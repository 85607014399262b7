"""Strain: error on drawn scans against dose, background, tilt and ellipticity; calibration of the errors; speed.

    .venv/bin/python tests/benchmarks/strain.py [--positions 24] [--speed 400] [--data FOLDER]

`--data` adds the cubes of a folder with ``NAME.npz`` files (cube, probe, truth, dk), whose first two rows are unstrained.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import strain_cubes
from table import Table

import polwidgets as pw
from polwidgets.cube.schema import make_cube

COLUMNS = 4
LEVELS = {
    "dose": (1e4, 3e4, 1e5, 3e5, 1e6),
    "background": (0.0, 0.1, 0.2, 0.3),
    "ellipticity": (0.0, 0.01, 0.02, 0.03),
}
TILTS = (0.0, 3.0, 6.0, 10.0)
METHODS = {"correlation alone": {"refine": "none"}, "disk by disk": {"refine": "disks"}, "one lattice": {"refine": "lattice"}}


def deviations(scan: strain_cubes.DrawnScan, **options: str) -> tuple[np.ndarray, np.ndarray]:
    """Errors of e_xx and e_yy outside the reference, and the same over what is stated."""
    try:
        strain = pw.strain_map(scan.cube, probe=scan.probe, reference=scan.reference, **options)
    except ValueError:  # nothing to compare with: every position is missing
        nothing = np.full((int((~scan.reference).sum()), 2), np.nan)
        return nothing, nothing
    names = ("e_xx", "e_yy")
    error = np.stack([strain[name].values for name in names], -1) - scan.truth
    stated = np.stack([strain[f"{name}_error"].values for name in names], -1)
    return error[~scan.reference], (error / stated)[~scan.reference]


def row(label: str, scans: Sequence[strain_cubes.DrawnScan]) -> list[str]:
    """RMSE in percent and missing positions of every method over all scans, and the share within one stated sigma."""
    cells = [label]
    for options in METHODS.values():
        found = [deviations(scan, **options) for scan in scans]
        error, ratio = (np.concatenate([pair[index] for pair in found]) for index in (0, 1))
        missing = np.isnan(error).mean()
        cells.append(f"{100 * np.sqrt(np.nanmean(error**2)):.3f}" + (f" ({missing:.0%} missing)" if missing else ""))
    known = np.isfinite(ratio)
    return [*cells, f"{(np.abs(ratio[known]) < 1).mean():.0%}"]


def speed(scan: strain_cubes.DrawnScan, patterns: int) -> float:
    """Patterns a second, on a scan that repeats the drawn one."""
    repeats = -(-patterns // (scan.cube.shape[0] * scan.cube.shape[1]))
    cube = make_cube(np.tile(scan.cube.values, (repeats, 1, 1, 1)), scan_step_A=20.0, k_step=strain_cubes.K_STEP)
    pw.strain_map(scan.cube, probe=scan.probe)
    start = time.perf_counter()
    pw.strain_map(cube, probe=scan.probe)
    return cube.shape[0] * cube.shape[1] / (time.perf_counter() - start)


def stored(folder: Path) -> dict[str, strain_cubes.DrawnScan]:
    """Cubes of another simulator."""
    scans = {}
    for path in sorted(folder.glob("*.npz")):
        file = np.load(path)
        cube = make_cube(file["cube"].astype(np.float32), scan_step_A=1.0, k_step=float(file["dk"]), voltage_kV=300.0, semiangle_mrad=2.0)
        reference = np.zeros(cube.shape[:2], bool)
        reference[:2] = True
        scans[path.stem] = strain_cubes.DrawnScan(cube, file["probe"].astype(np.float32), reference, file["truth"][..., :2])
    return scans


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--positions", type=int, default=24)
    parser.add_argument("--speed", type=int, default=400, metavar="PATTERNS")
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    heads = [" " * 20, *(name.ljust(22) for name in METHODS), "within 1 sigma"]
    if options.data is not None:
        found = stored(options.data)
        table = Table(*heads)
        for name, scan in found.items():
            table.row(*row(name, [scan]))
    made = {
        tilt: [
            strain_cubes.specimens(*each, count=options.positions, tilt_mrad=tilt, seed=seed)
            for seed, each in enumerate(strain_cubes.crystals().values())
        ]
        for tilt in TILTS
    }

    def scans(tilt: float = 6.0, **condition: float) -> list[strain_cubes.DrawnScan]:
        return [strain_cubes.drawn_scan(curves, columns=COLUMNS, seed=seed, **condition) for seed, curves in enumerate(made[tilt])]

    table, usual = Table(*heads), scans()
    for name, scan in zip(strain_cubes.crystals(), usual, strict=True):
        table.row(*row(name, [scan]))
    for tilt in TILTS:
        table.row(*row(f"tilt to {tilt:g} mrad", scans(tilt)))
    for name, levels in LEVELS.items():
        for level in levels:
            table.row(*row(f"{name} {level:g}", scans(**{name: level})))
    print(f"\n{speed(usual[0], options.speed):.0f} patterns/s of {strain_cubes.PIXELS} x {strain_cubes.PIXELS}, one lattice, Si")


if __name__ == "__main__":
    main()
