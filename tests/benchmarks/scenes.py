"""How fast scenes are made: a block of amorphous carbon, and particles on a support.

    python tests/benchmarks/scenes.py

Figures to reach: carbon of 12 x 12 x 5 nm in a second; sixty scenes of about 10,000 atoms a minute on two cores.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from scipy.spatial import cKDTree

import polwidgets as pw
from polwidgets.scenes.generators.amorphous import amorphous_carbon
from polwidgets.scenes.volumes.shapes import Box

PREFAB = "nanoparticle_on_substrate"


def one_scene(index: int) -> tuple[int, float]:
    """Number of atoms of one drawn scene, and the process time it took."""
    start = time.process_time()
    (scene,) = pw.draw_scenes(PREFAB, 1, seed=2, first=index)
    return len(scene), time.process_time() - start


def carbon(repetitions: int) -> None:
    """Time the block, and check it."""
    box = np.array([120.0, 120.0, 50.0])
    walls, cpu = [], []
    for seed in range(repetitions):
        start, start_cpu = time.perf_counter(), time.process_time()
        block = amorphous_carbon(2.0, periodic=(True, True, True)).fill(Box((0, 0, 0), tuple(box)), seed=seed)
        walls.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
        nearest = cKDTree(block.positions_A, boxsize=box).query(block.positions_A, k=2)[0][:, 1].min()
        density = len(block) * 12.011 / 0.602214076 / box.prod()
        assert nearest >= 1.35, nearest
    print(f"carbon 12 x 12 x 5 nm: {len(block)} atoms, {density:.3f} g/cm^3, nearest pair {nearest:.3f} angstrom")
    print(f"  wall time median {np.median(walls):.2f} s, best {min(walls):.2f} s; process time median {np.median(cpu):.2f} s")


def scenes(count: int, workers: int) -> None:
    """Time scenes on several processes."""
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(one_scene, range(4 * workers)))  # processes up, modules in
        start = time.perf_counter()
        atoms, cpu = np.transpose(list(pool.map(one_scene, range(count), chunksize=4)))
        elapsed = time.perf_counter() - start
    print(f"{count} scenes of {PREFAB}, {atoms.mean():.0f} atoms on average: {60 * count / elapsed:.0f} a minute on {workers} processes")
    print(f"  process time {cpu.mean():.3f} s a scene: {60 * workers / cpu.mean():.0f} a minute on {workers} cores that do nothing else")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--scenes", type=int, default=120)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    carbon(options.repetitions)
    scenes(options.scenes, options.workers)
