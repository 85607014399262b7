"""What the gap of a training set is made of, where that is known: 10 nm of thickness and 1 mrad of tilt, and little else.

    python tests/benchmarks/gap_budget.py [--count 2] [--first 0] [--metric frechet]

Every seed draws a scan of (K,Na)NbO3 with 3000 electrons a pattern, which is matched blind. The training conditions are the
match's but for 10 nm and 1 mrad in a random direction, and small differences of source, blur, background and dose.
``distance`` and ``accuracy`` are before anything is closed and after each nuisance in the order of their parts.
"""

from __future__ import annotations

import argparse
import dataclasses
import time

import numpy as np
from table import Table

import polwidgets as pw
from polwidgets.analysis.domain_gap import Metric
from polwidgets.analysis.gap_budget import TrainingConditions
from polwidgets.simulate.probe import Probe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2)
    parser.add_argument("--first", type=int, default=0, metavar="SEED")
    parser.add_argument("--metric", choices=("frechet", "mmd", "coral", "proxy_a"), default="frechet")
    options = parser.parse_args()
    table = Table("seed", "largest first" + " " * 40, "distance" + " " * 45, "accuracy" + " " * 35, "seconds")
    for seed in range(options.first, options.first + options.count):
        table.row(str(seed), *measure(seed, options.metric))


def measure(seed: int, metric: Metric) -> list[str]:
    """Simulate, match and divide the gap."""
    rng = np.random.default_rng(seed)
    direction, angle = 45.0 * rng.integers(8), rng.uniform(0, 2 * np.pi)
    cube = pw.simulate_scan(
        "knn", direction_deg=direction, thickness_A=rng.uniform(200, 400), scan_shape=(36, 36), cells=3, detector_shape=(40, 40),
        source_A=0.3, blur=0.04, background=0.03, dose=3000, seed=seed, probe=Probe(tilt_y_mrad=0.5, tilt_x_mrad=-0.4), k_limit=3.0,
    )  # fmt: skip
    specimen = pw.match(cube)
    matched = TrainingConditions.matched(specimen)
    training = dataclasses.replace(
        matched, thickness_A=matched.thickness_A - 100, tilt_y_mrad=matched.tilt_y_mrad + np.sin(angle),
        tilt_x_mrad=matched.tilt_x_mrad + np.cos(angle), source_A=matched.source_A - 0.03, blur=matched.blur - 0.005,
        background=0.9, dose=1.2 * matched.dose,
    )  # fmt: skip
    start = time.perf_counter()
    budget = pw.gap_budget(cube, specimen, direction, training=training, metric=metric, seed=seed)
    seconds = time.perf_counter() - start
    return [
        " ".join(budget["nuisance"].values),
        " ".join(f"{value:.4f}" for value in budget["distance"].values),
        " ".join(f"{value:.2f}" for value in budget["accuracy"].values),
        f"{seconds:.0f}",
    ]


if __name__ == "__main__":
    main()
