"""Strain of a large scan that never is in memory: peak memory and rate.

    .venv/bin/python tests/benchmarks/strain_memory.py [--rows 100] [--columns 100] [--pixels 256] [--detector auto]

Patterns are made when they are asked for, as those of a file are read: a few drawn ones, with counting noise of their own.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import dask.array as da
import numpy as np
import strain_cubes

import polwidgets as pw
from polwidgets.cube.schema import make_cube

CHUNK = 10  # rows and columns of the scan in one piece of the file
DRAWN = 12


def lazy_scan(rows: int, columns: int, pixels: int) -> tuple[da.Array, np.ndarray]:
    """Counts (rows, columns, pixels, pixels), uint16, and the probe."""
    strain_cubes.PIXELS = pixels
    curves = strain_cubes.specimens(*strain_cubes.crystals()["Si"], count=DRAWN, tilt_mrad=4.0, seed=0)
    drawn = strain_cubes.drawn_scan(curves, columns=4, seed=0)
    means = drawn.cube.values.reshape(-1, pixels, pixels)

    def piece(block_info: dict[int | None, dict[str, list[tuple[int, int]]]]) -> np.ndarray:
        (top, bottom), (left, right) = block_info[None]["array-location"][:2]
        rng = np.random.default_rng((top, left))
        kind = rng.integers(len(means), size=(bottom - top, right - left))
        return rng.poisson(means[kind]).astype(np.uint16)

    chunks = (da.core.normalize_chunks(CHUNK, (rows,))[0], da.core.normalize_chunks(CHUNK, (columns,))[0], (pixels,), (pixels,))
    return da.map_blocks(piece, chunks=chunks, dtype=np.uint16, meta=np.empty((0,) * 4, np.uint16)), np.asarray(drawn.probe)


def peak_GiB() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)


def main() -> None:
    """Map the scan and say what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--pixels", type=int, default=256)
    parser.add_argument("--detector", default="auto")
    options = parser.parse_args()
    counts, probe = lazy_scan(options.rows, options.columns, options.pixels)
    cube = make_cube(counts, scan_step_A=20.0, k_step=strain_cubes.K_STEP, voltage_kV=300.0, semiangle_mrad=strain_cubes.SEMIANGLE_MRAD)
    size = counts.nbytes / 2**30
    print(f"{' x '.join(map(str, counts.shape))}, {size:.1f} GiB; before: peak {peak_GiB():.2f} GiB", flush=True)
    start, busy = time.perf_counter(), time.process_time()
    strain = pw.strain_map(cube, probe=probe, detector=options.detector)
    count = options.rows * options.columns
    print(
        f"{options.detector}: peak {peak_GiB():.2f} GiB; {count / (time.perf_counter() - start):.0f} patterns/s, "
        f"{count / (time.process_time() - busy):.0f} a second of processor time; {(strain.reason == 0).mean().item():.0%} good"
    )


if __name__ == "__main__":
    main()
