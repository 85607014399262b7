"""Strain beside py4DSTEM's template matching: the same scans, in the same run.

    .venv/bin/python tests/benchmarks/strain_against_py4dstem.py [--data FOLDER] [--environment FOLDER] [--detectors NAME ...]

py4DSTEM 0.14.18 needs NumPy 1, so it lives in an environment of its own, which is made where there is none (a few minutes).
It is given what it asks for: the vacuum probe with its trench, the basis vectors that we measure as its first guess, the radius, and of
several correlation powers and filters the one that turns out best against the truth; ours is given its defaults. Rates are
by the clock, each program as it comes (ours takes all cores), and by processor time, which says the same on a busy machine.
`--data` takes a folder with ``NAME.npz`` files (cube, probe, truth, dk), whose first two rows are unstrained.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import strain
import strain_cubes
from table import Table

import polwidgets as pw

VERSION = "0.14.18"
PROGRAM = Path(__file__).with_name("py4dstem_strain.py")


class Outcome(NamedTuple):
    """Errors of e_xx and e_yy (position, 2) outside the reference; patterns a second by the clock and of processor time."""

    error: np.ndarray
    rate: float
    busy_rate: float


def environment(folder: Path) -> Path:
    """The interpreter of an environment with py4DSTEM."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        print(f"installing py4DSTEM {VERSION} into {folder}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"py4DSTEM=={VERSION}", "numpy<2"], check=True)
    return python


def basis_px(scan: strain_cubes.DrawnScan) -> np.ndarray:
    """The lattice (2, 2), rows (row, column), that py4DSTEM has its user choose."""
    found = pw.strain_map(scan.cube, probe=scan.probe, reference=scan.reference)
    step = float(scan.cube.kx[1] - scan.cube.kx[0])
    return np.reshape([found.attrs[f"reference_{name}"] for name in ("1_ky", "1_kx", "2_ky", "2_kx")], (2, 2)) / step


def theirs(python: Path, scan: strain_cubes.DrawnScan, folder: Path) -> dict[str, Outcome]:
    """What every setting gives."""
    given, result = folder / "given.npz", folder / "result.npz"
    vacuum = np.asarray(scan.probe)
    radius = float(np.sqrt((vacuum > 0.5 * vacuum.max()).sum() / np.pi))
    np.savez(given, cube=scan.cube.values, probe=vacuum, reference=scan.reference, basis=basis_px(scan), radius=radius)
    done = subprocess.run([python, PROGRAM, given, result], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"py4DSTEM failed:\n{done.stderr[-2000:]}")
    with np.load(result) as file:
        names = [key.removesuffix("|seconds") for key in file.files if key.endswith("|seconds")]
        count = scan.reference.size
        return {
            name: Outcome((file[f"{name}|strain"] - scan.truth)[~scan.reference], *(count / file[f"{name}|seconds"]).tolist())
            for name in names
        }


def ours(scan: strain_cubes.DrawnScan, detector: str) -> Outcome:
    """The same of our map."""
    pw.strain_map(scan.cube[:1], probe=scan.probe, detector=detector)  # what is loaded once
    start, busy = time.perf_counter(), time.process_time()
    error, _ = strain.deviations(scan, detector=detector)
    count = scan.reference.size
    return Outcome(error, count / (time.perf_counter() - start), count / (time.process_time() - busy))


def rmse(error: np.ndarray) -> float:
    """Root mean square of what is not missing."""
    return float(np.sqrt(np.nanmean(error**2)))


def percent(error: np.ndarray) -> str:
    """Root mean square, and how much is missing."""
    missing = np.isnan(error).mean()
    return f"{100 * rmse(error):.3f}" + (f" ({missing:.0%} missing)" if missing else "")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--environment", type=Path, help="where py4DSTEM is or is put (default: a temporary folder, removed again)")
    parser.add_argument("--detectors", nargs="+", default=["auto"])
    parser.add_argument("--positions", type=int, default=24, help="of every drawn scan; 0 leaves them out")
    options = parser.parse_args()
    scans = strain.stored(options.data) if options.data is not None else {}
    for seed, (name, each) in enumerate(strain_cubes.crystals().items() if options.positions else ()):
        curves = strain_cubes.specimens(*each, count=options.positions, tilt_mrad=6.0, seed=seed)
        scans[name] = strain_cubes.drawn_scan(curves, columns=strain.COLUMNS, seed=seed)
    with tempfile.TemporaryDirectory() as temporary:
        python = environment(options.environment or Path(temporary) / "py4dstem")
        heads = [f"{name}: RMSE / %".ljust(20) for name in options.detectors]
        table = Table(
            "scan".ljust(8),
            "py4DSTEM: RMSE / %",
            "its best setting    ",
            *heads,
            "RMSE ratio",
            "patterns/s: py4DSTEM, ours",
            "by processor time",
        )
        for name, scan in scans.items():
            settings = theirs(python, scan, Path(temporary))
            # a missing position is worth the strain that is to be found
            best = min(settings, key=lambda key: float(np.mean(np.nan_to_num(settings[key].error, nan=0.01) ** 2)))
            found = [ours(scan, detector) for detector in options.detectors]
            ratio = rmse(settings[best].error) / rmse(found[-1].error)
            everyone = [settings[best], *found]
            table.row(
                name, percent(settings[best].error), best, *(percent(each.error) for each in found), f"{ratio:.1f}",
                ", ".join(f"{each.rate:.0f}" for each in everyone), ", ".join(f"{each.busy_rate:.0f}" for each in everyone),
            )  # fmt: skip


if __name__ == "__main__":
    main()
