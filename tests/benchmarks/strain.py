"""Strain: error on drawn scans against dose, background, tilt and ellipticity; calibration of the errors; speed.

    .venv/bin/python tests/benchmarks/strain.py [--positions 24] [--detectors NAME ...] [--data FOLDER] [--output docs/strain]

`--data` adds the cubes of a folder with ``NAME.npz`` files (cube, probe, truth, dk), whose first two rows are unstrained.
`--output` writes robustness.csv and robustness.png. Root mean squares are over positions that have a strain; the share that
has none stands beside them.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import strain_cubes
from table import Table

import polwidgets as pw
from polwidgets.cube.schema import make_cube
from polwidgets.disks.base import AUTO, disk_detectors

COLUMNS = 4
LEVELS = {
    "dose": (1e4, 3e4, 1e5, 3e5, 1e6),
    "background": (0.0, 0.1, 0.2, 0.3),
    "tilt_mrad": (0.0, 3.0, 6.0, 10.0),
    "ellipticity": (0.0, 0.01, 0.02, 0.03),
}
LABELS = {"dose": "dose / electrons", "background": "background", "tilt_mrad": "tilt up to / mrad", "ellipticity": "ellipticity"}
USUAL_TILT = 6.0
REFINEMENTS = {"correlation alone": "none", "disk by disk": "disks", "one lattice": "lattice"}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Over all positions outside the references: root mean square error, share without strain, share within one stated sigma."""

    rmse_percent: float
    missing: float
    within_one_sigma: float

    def __str__(self) -> str:
        missing = f", {self.missing:.0%} missing" if self.missing else ""
        return f"{self.rmse_percent:.3f} ({self.within_one_sigma:.0%}{missing})"


def usable_detectors() -> list[str]:
    """Every registered detector that works here, and "auto" where it is none of them by name."""
    flat, probe = make_cube(np.zeros((1, 1, 32, 32), np.float32), scan_step_A=1.0, k_step=1.0), np.zeros((32, 32))
    down, right = np.indices(probe.shape) - 16
    probe[np.hypot(down, right) < 4] = 100.0
    flat = flat + probe.astype(np.float32)
    usable = []
    for name in disk_detectors.names():
        try:
            pw.find_disks(flat, probe=probe, detector=name, refine=False)
        except FileNotFoundError as error:
            print(f"left out {name}: {error}")
        else:
            usable.append(name)
    return usable if AUTO in usable else [*usable, "auto"]


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


def outcome(scans: Sequence[strain_cubes.DrawnScan], **options: str) -> Outcome:
    """Of all scans together."""
    found = [deviations(scan, **options) for scan in scans]
    error, ratio = (np.concatenate([pair[index] for pair in found]) for index in (0, 1))
    known = np.isfinite(error)
    if not known.any():
        return Outcome(np.nan, 1.0, np.nan)
    return Outcome(100 * float(np.sqrt((error[known] ** 2).mean())), float(1 - known.mean()), float((np.abs(ratio[known]) < 1).mean()))


def speed(scan: strain_cubes.DrawnScan, patterns: int, detector: str) -> tuple[float, float]:
    """Patterns a second by the clock and of processor time, on a scan that repeats the drawn one."""
    repeats = -(-patterns // (scan.cube.shape[0] * scan.cube.shape[1]))
    cube = make_cube(np.tile(scan.cube.values, (repeats, 1, 1, 1)), scan_step_A=20.0, k_step=strain_cubes.K_STEP)
    pw.strain_map(scan.cube, probe=scan.probe, detector=detector)
    start, busy = time.perf_counter(), time.process_time()
    pw.strain_map(cube, probe=scan.probe, detector=detector)
    count = cube.shape[0] * cube.shape[1]
    return count / (time.perf_counter() - start), count / (time.process_time() - busy)


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


def plot(rows: Sequence[dict[str, object]], detectors: Sequence[str], path: Path) -> None:
    """Error over every axis; positions without strain are written beside their points."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(8, 6), sharey=True, layout="constrained")
    for axis, (name, levels) in zip(axes.flat, LEVELS.items(), strict=True):
        for index, detector in enumerate(detectors):
            mine = [row for row in rows if row["detector"] == detector and row["axis"] == name]
            axis.plot(levels, [row["rmse_percent"] for row in mine], "o-", color=f"C{index}", label=detector)
            for level, row in zip(levels, mine, strict=True):
                missing = float(str(row["missing"]))
                if missing:
                    place = (level, float(str(row["rmse_percent"])))
                    axis.annotate(f"{missing:.0%} missing", place, xytext=(4, 6), textcoords="offset points", color=f"C{index}", fontsize=8)
        axis.set(xlabel=LABELS[name], ylabel="strain RMSE / %", xscale="log" if name == "dose" else "linear", ylim=(0, None))
        axis.axhline(0.15, color="0.6", linestyle=":")
    axes.flat[0].legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Print the tables; write the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--positions", type=int, default=24, help="of every one of the three crystals")
    parser.add_argument("--detectors", nargs="+", default=None, help="default: all that are registered and have their weights")
    parser.add_argument("--speed", type=int, default=400, metavar="PATTERNS")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    detectors = options.detectors or usable_detectors()
    print("strain RMSE / % (share within one stated sigma)\n")
    made = {
        tilt: [
            strain_cubes.specimens(*each, count=options.positions, tilt_mrad=tilt, seed=seed)
            for seed, each in enumerate(strain_cubes.crystals().values())
        ]
        for tilt in LEVELS["tilt_mrad"]
    }

    def scans(tilt_mrad: float = USUAL_TILT, **condition: float) -> list[strain_cubes.DrawnScan]:
        return [strain_cubes.drawn_scan(curves, columns=COLUMNS, seed=seed, **condition) for seed, curves in enumerate(made[tilt_mrad])]

    usual = dict(zip(strain_cubes.crystals(), scans(), strict=True))
    table = Table("scan" + " " * 8, *(name.ljust(22) for name in REFINEMENTS))
    for name, scan in {**(stored(options.data) if options.data is not None else {}), **usual}.items():
        table.row(name, *(str(outcome([scan], refine=refine)) for refine in REFINEMENTS.values()))
    print()
    table = Table("condition" + " " * 11, *(name.ljust(22) for name in detectors))
    rows: list[dict[str, object]] = []
    for axis, levels in LEVELS.items():
        for level in levels:
            drawn = scans(**{axis: level})
            found = {name: outcome(drawn, detector=name) for name in detectors}
            table.row(f"{axis} {level:g}", *map(str, found.values()))
            rows += [{"detector": name, "axis": axis, "level": level, **dataclasses.asdict(each)} for name, each in found.items()]
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        with (options.output / "robustness.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows({**row, **{key: f"{row[key]:.4g}" for key in ("rmse_percent", "missing", "within_one_sigma")}} for row in rows)
        plot(rows, detectors, options.output / "robustness.png")
    for name in detectors if options.speed else ():
        clock, busy = speed(usual["Si"], options.speed, name)
        print(f"\n{name}: {clock:.0f} patterns/s of {strain_cubes.PIXELS} x {strain_cubes.PIXELS}, {busy:.0f} a second of processor time")


if __name__ == "__main__":
    main()
