"""The data-curation study of the segmenter: table and figure.

    python tests/benchmarks/segmentation_study.py --work study --out docs/segmentation --experiment FOLDER

Made once, sets and finished trainings are kept in --work and in the table, so the same command goes on where it stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from polwidgets.analysis.segmentation_study import experimental_tests, read_table, run_study, score_weights, simulated_tests, write_table
from polwidgets.progress import reporter

TITLES = {"bright_field": "bright field, lattice not resolved", "hrtem": "HRTEM"}


def figure(rows: list[dict[str, Any]], path: Path) -> None:
    """F1 of every seed, a row for every training set, a panel for every test."""
    domains = [domain for domain in TITLES if any(row["domain"] == domain for row in rows)]
    tests = {d: list(dict.fromkeys(row["test"] for row in rows if row["domain"] == d)) for d in domains}
    widest = max(map(len, tests.values()))
    fig, axes = plt.subplots(len(domains), widest, figsize=(3.1 * widest + 1, 2.6 * len(domains)), squeeze=False, layout="constrained")
    for line, domain in zip(axes, domains, strict=True):
        names = list(dict.fromkeys(row["training"] for row in rows if row["domain"] == domain))
        for axis in line[len(tests[domain]) :]:
            axis.set_visible(False)
        for axis, test in zip(line, tests[domain], strict=False):
            for height, name in enumerate(names):
                values = [float(r["f1"]) for r in rows if (r["domain"], r["training"], r["test"]) == (domain, name, test)]
                axis.plot(values, [height] * len(values), "o", mfc="none", ms=6)
            axis.set(xlim=(0, 1), ylim=(len(names) - 0.5, -0.5), title=test, xlabel="F1")
            axis.set_yticks(range(len(names)), names if axis is line[0] else [""] * len(names))
            axis.grid(axis="x", alpha=0.4)
        line[0].set_ylabel(TITLES[domain])
    fig.savefig(path, dpi=110)


def main() -> None:
    mpl.use("agg")
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--work", type=Path, required=True, help="folder for simulated sets")
    options.add_argument("--out", type=Path, required=True, help="folder for study.csv and study.png")
    options.add_argument("--experiment", type=Path, help="folder with images and masks, for bright field")
    options.add_argument("--count", type=int, default=96, help="images of a training set")
    options.add_argument("--epochs", type=int, default=8)
    options.add_argument(
        "--weights", type=Path, nargs="*", default=[], help="score these, one a seed, as 'shipped recipe', and do nothing else"
    )
    options.add_argument("--domain", choices=TITLES, default="bright_field", help="of --weights")
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    table, progress = given.out / "study.csv", reporter(True)
    if given.weights:
        tests = simulated_tests(given.domain, given.work, 32, progress)
        if given.experiment and given.domain == "bright_field":
            tests += experimental_tests(given.experiment)
        kept = [row for row in read_table(table) if (row["domain"], row["training"]) != (given.domain, "shipped recipe")]
        rows = kept + score_weights(given.weights, tests, given.domain, "shipped recipe")
        write_table(rows, table)
    else:
        rows = run_study(table, given.work, count=given.count, epochs=given.epochs, experiment=given.experiment, progress=progress)
    figure(rows, given.out / "study.png")
    for row in rows:
        print(*row.values(), sep="\t")


if __name__ == "__main__":
    main()
