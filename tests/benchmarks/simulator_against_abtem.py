"""The scattering-matrix simulator against abTEM: agreement of patterns, and speed, in one run.

    python tests/benchmarks/simulator_against_abtem.py [--threads 2] [--without-prism]

Agreement: KNN, ten probe positions, 10 and 20 nm, on one k mesh, with the same slices and potentials; relative L2 of
every pattern. Speed: seconds a pattern of a 128 x 128 scan over 2 x 2 cells with a 64 x 64 detector at 20 nm. abTEM's
multislice costs the same at every position, so a few are timed; PRISM's matrix is timed once and its reduction at a few
positions, and both are counted for the whole scan.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import polwidgets as pw
from polwidgets.simulate.base import Simulator
from polwidgets.simulate.multislice import Multislice, Prism
from polwidgets.simulate.periodic import ScatteringMatrixSimulator
from polwidgets.simulate.probe import Probe

CELLS = 5
SAMPLING_A = 0.08
PROBE = Probe(semiangle_mrad=24.0)
SCAN = 128
DETECTOR = 64
THICKNESS_A = 200.0
SCAN_SETTINGS: dict[str, Any] = {
    "direction_deg": 30.0,
    "thickness_A": THICKNESS_A,
    "scan_shape": (SCAN, SCAN),
    "cells": 2,
    "detector_shape": (DETECTOR, DETECTOR),
    "voltage_kV": 200.0,
    "semiangle_mrad": 24.0,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--without-prism", action="store_true", help="PRISM's matrix takes minutes")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    agreement()
    speed(with_prism=not options.without_prism)


def agreement() -> None:
    crystal = pw.crystals.build("knn", direction_deg=30.0)
    edge = crystal.cell_A[0]
    # nine positions of no symmetry, and the Nb column
    positions = np.concatenate([np.random.default_rng(1).uniform(0, edge, (9, 2)), [[edge / 2, edge / 2]]])
    k = (np.arange(51) - 25) / (CELLS * edge)
    for thickness_A in (100.0, 200.0):
        settings: dict[str, Any] = {"thickness_A": thickness_A, "voltage_kV": 200.0, "probe": PROBE, "ky": k, "kx": k}
        truth = Multislice(cells=CELLS, sampling_A=SAMPLING_A).patterns(crystal, positions, **settings)
        for k_limit in (2.7, 3.6):
            ours = ScatteringMatrixSimulator(mesh=CELLS, k_limit=k_limit).patterns(crystal, positions, **settings)
            error = relative_l2(ours, truth)
            print(
                f"{thickness_A / 10:.0f} nm, band limit {k_limit} / angstrom: relative L2 of ten positions "
                f"mean {error.mean():.2%}, worst {error.max():.2%}, on the Nb column {error[-1]:.2%}",
                flush=True,
            )


def speed(*, with_prism: bool) -> None:
    pw.simulate_scan("knn", **{**SCAN_SETTINGS, "scan_shape": (8, 8)})
    start = time.perf_counter()
    cube = pw.simulate_scan("knn", **SCAN_SETTINGS)
    np.asarray(cube)
    warm = time.perf_counter() - start
    command = seconds(run_command)
    print(f"scattering matrix, {SCAN} x {SCAN} x {DETECTOR} x {DETECTOR}: {warm:.2f} s warm, {command:.1f} s as a command that writes zarr")
    patterns = SCAN**2
    multislice = abtem_seconds(Multislice(cells=CELLS, sampling_A=SAMPLING_A), patterns)
    print(f"abTEM multislice: {multislice / patterns:.3f} s a pattern, {multislice / warm:.0f} times slower", flush=True)
    if with_prism:
        prism = abtem_seconds(Prism(cells=CELLS, sampling_A=SAMPLING_A), patterns)
        print(f"abTEM PRISM: {prism / patterns:.4f} s a pattern, {prism / warm:.0f} times slower", flush=True)


def abtem_seconds(simulator: Simulator, count: int) -> float:
    """Seconds that `count` patterns take: what costs once, and what costs every pattern, from two runs."""
    crystal = pw.crystals.build("knn", direction_deg=30.0)
    k = (np.arange(DETECTOR) - DETECTOR // 2) / (CELLS * crystal.cell_A[0])
    drawn = np.random.default_rng(2).uniform(0, crystal.cell_A[0], (10, 2))

    def run(positions: NDArray[np.float64], thickness_A: float = THICKNESS_A) -> float:
        return seconds(
            lambda: simulator.patterns(crystal, positions, thickness_A=thickness_A, voltage_kV=200.0, probe=PROBE, ky=k, kx=k)
        )

    run(drawn[:1], 4.0)  # compiles abTEM's kernels
    few, many = run(drawn[:2]), run(drawn)
    each = (many - few) / (len(drawn) - 2)
    return max(few - 2 * each, 0.0) + count * each


def run_command() -> None:
    with tempfile.TemporaryDirectory() as folder:
        output = ["-o", str(Path(folder) / "scan.zarr"), "--quiet"]
        what = ["--crystal", "knn", "--direction", "30", "--thickness-nm", "20"]
        size = ["--scan", str(SCAN), "--detector", str(DETECTOR), "--cells", "2"]
        command = [sys.executable, "-m", "polwidgets", "simulate", *output, *what, *size]
        subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())})


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def relative_l2(found: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float64]:
    difference, size = (np.linalg.norm(patterns.reshape(len(truth), -1), axis=1) for patterns in (found - truth, truth))
    return np.asarray(difference / size)


if __name__ == "__main__":
    main()
