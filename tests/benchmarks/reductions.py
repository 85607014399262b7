"""Centre of mass and annular image of a raw file of 128 x 128 patterns of 256 x 256 uint16, against LiberTEM.

    python tests/benchmarks/reductions.py [--libertem PYTHON] [--cores 2] [--file scan.raw]

`--libertem` is the Python of an environment with LiberTEM in it (``pip install libertem==0.16.0``; it is no dependency).
Both read the same file, already in the page cache, in the same run; the best of five runs counts. Memory is what the
process takes at its peak above what it has after its imports, pages of the mapped file excluded.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SCAN, DETECTOR = (128, 128), (256, 256)
INNER, OUTER = 40.0, 100.0
REPEATS = 5

LIBERTEM = """
import json, sys, time
import numpy as np
from libertem.api import Context
from libertem.executor.inline import InlineJobExecutor
from libertem.udf.masks import ApplyMasksUDF

if __name__ == "__main__":
    path, cores, repeats = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with Context.make_with(cpus=cores, gpus=0) as context:
        data = context.load("raw", path=path, nav_shape=(128, 128), sig_shape=(256, 256), dtype="uint16")
        com = context.create_com_analysis(data, cx=128, cy=128)
        ring = context.create_ring_analysis(data, cx=128, cy=128, ri=40, ro=100)
        times = {"com": [], "ring": []}
        for _ in range(repeats + 1):
            for name, analysis in (("com", com), ("ring", ring)):
                start = time.perf_counter()
                result = context.run(analysis)
                times[name].append(time.perf_counter() - start)
                if name == "com":
                    x, y = result.x.raw_data, result.y.raw_data
                else:
                    annular = result.intensity.raw_data
        print("RESULT" + json.dumps({
            "com": min(times["com"][1:]), "ring": min(times["ring"][1:]),
            "x": float(np.mean(x)), "y": float(np.mean(y)), "annular": float(np.mean(annular)),
        }))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--libertem", help="Python with LiberTEM installed")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--file", type=Path, help="raw file to use or make; a temporary one by default")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.file or Path(folder) / "scan.raw"
        if not path.exists():
            _make(path)
        ours = _measure_ours(path)
        print(
            f"polwidgets  centre of mass {ours['com']:.2f} s, annular image {ours['ring']:.2f} s, both {ours['com'] + ours['ring']:.2f} s"
        )
        print(f"            peak memory above start {ours['memory_MB']:.0f} MB, of a file of {path.stat().st_size / 2**20:.0f} MB")
        if arguments.libertem:
            script = Path(folder) / "measure_libertem.py"
            script.write_text(LIBERTEM)
            command = [arguments.libertem, str(script), str(path), str(arguments.cores), str(REPEATS)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            theirs = json.loads(output.split("RESULT")[1])
            both = [times["com"] + times["ring"] for times in (ours, theirs)]
            print(f"LiberTEM    centre of mass {theirs['com']:.2f} s, annular image {theirs['ring']:.2f} s, both {both[1]:.2f} s")
            print(f"ratio       {both[0] / both[1]:.2f}")
            print(f"agreement   annular image {ours['annular'] / theirs['annular'] - 1:+.1e}, centre {ours['x'] - theirs['x']:+.1e} px")


def _make(path: Path) -> None:
    rng = np.random.default_rng(0)
    block = rng.poisson(3, (SCAN[1], *DETECTOR)).astype("<u2")
    with path.open("wb") as file:
        for row in range(SCAN[0]):
            file.write(np.roll(block, row, axis=0).tobytes())


def _measure_ours(path: Path) -> dict[str, float]:
    from polwidgets.cube.detectors import Annulus
    from polwidgets.cube.reduce import center_of_mass, virtual_image
    from polwidgets.cube.schema import make_cube

    cube = make_cube(np.memmap(path, "<u2", "r", shape=(*SCAN, *DETECTOR)))
    com, ring = center_of_mass(cube), virtual_image(cube, Annulus(INNER, OUTER))
    before = _private_bytes()
    watch = _Watch()
    with watch:
        times = [_best(lambda: center_of_mass(cube)), _best(lambda: virtual_image(cube, Annulus(INNER, OUTER)))]
    return {
        "com": times[0],
        "ring": times[1],
        "memory_MB": (watch.peak - before) / 2**20,
        "x": float(com["com_kx"].mean()),
        "annular": float(ring.mean()),
    }


def _best(task: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        task()
        times.append(time.perf_counter() - start)
    return min(times)


def _private_bytes() -> int:
    """Resident memory without pages of files (Linux)."""
    status = Path("/proc/self/status").read_text() if sys.platform == "linux" else ""
    return sum(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon"))


class _Watch:
    """Peak of the private memory while it is entered."""

    def __enter__(self) -> None:
        self.peak, self._over = 0, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.01):
            self.peak = max(self.peak, _private_bytes())


if __name__ == "__main__":
    main()
