"""The two commands on a scan of 128 x 128 patterns of 64 x 64 pixels: seconds, and peak memory in sizes of the cube.

    python tests/benchmarks/map_command.py [--scan 128] [--detector 64] [--cells 8]

``polwidgets simulate`` writes a noisy scan (2000 electrons a pattern) as zarr, then ``polwidgets map`` maps it with the
default model; both are new processes, so imports count. The cube's size is that of its patterns as float32. Last, the
same scan is simulated in a process that is warm already. Memory is the largest resident set of the process, imports
included (Linux or macOS).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from table import Table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scan", type=int, default=128)
    parser.add_argument("--detector", type=int, default=64)
    parser.add_argument("--cells", type=int, default=8)
    options = parser.parse_args()
    scan, detector, cells = options.scan, options.detector, options.cells
    cube_bytes = 4 * scan**2 * detector**2
    table = Table("what                           ", "seconds", "peak memory, MB", "in cubes")
    with tempfile.TemporaryDirectory() as name:
        cube, prediction = Path(name) / "scan.zarr", Path(name) / "map.zarr"
        size = ["--scan", str(scan), "--detector", str(detector), "--cells", str(cells)]
        specimen = ["--crystal", "knn", "--direction", "45", "--thickness-nm", "20", "--source-A", "0.3", "--blur", "0.03"]
        commands = {
            "polwidgets simulate": ["simulate", "-o", str(cube), *specimen, *size, "--dose", "2000", "--quiet"],
            "polwidgets map": ["map", str(cube), "-o", str(prediction), "--crystal", "knn", "--quiet"],
        }
        for what, command in commands.items():
            seconds, memory = run(command)
            table.row(what, f"{seconds:.1f}", f"{memory / 1e6:.0f}", f"{memory / cube_bytes:.2f}")
    table.row("simulate_scan in a warm process", f"{simulate_warm(scan, detector, cells):.1f}", "", "")


def run(arguments: list[str]) -> tuple[float, int]:
    """Seconds and peak resident bytes of one command."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "polwidgets", *arguments])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"polwidgets {' '.join(arguments)} failed")
    return time.perf_counter() - start, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def simulate_warm(scan: int, detector: int, cells: int) -> float:
    """Seconds of the noiseless scan in memory, after a small one has been made."""
    # imported here: a child starts with its parent's peak memory
    import polwidgets as pw

    settings = {"direction_deg": 45.0, "thickness_A": 200.0, "cells": cells, "detector_shape": (detector, detector)}
    pw.simulate_scan("knn", scan_shape=(8, 8), **settings)
    start = time.perf_counter()
    pw.simulate_scan("knn", scan_shape=(scan, scan), **settings)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
