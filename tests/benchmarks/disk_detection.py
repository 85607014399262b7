"""Disks found: recall and precision of every detector per bin of thickness, on crystals that no network was trained on.

    .venv/bin/python tests/benchmarks/disk_detection.py [--crystals 24] [--detectors NAME ...] [--output docs/strain]

A disk counts as found within half its radius. Recall is over disks above 1 % of the pattern's strongest that lie wholly on
the detector; precision over everything found, against every disk that the crystal has there, however faint.
"""

from __future__ import annotations

import argparse
import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import strain
from table import Table

import polwidgets as pw
from polwidgets.crystal.assortment import draw_crystals
from polwidgets.cube.schema import make_cube
from polwidgets.disks.fcunet_patterns import kept_back
from polwidgets.electron import wave_number
from polwidgets.simulate.bloch import rocking_curves
from polwidgets.simulate.nanobeam import Nanobeam, nanobeam_patterns, vacuum_probe

BINS_NM = (2, 10, 20, 30, 40, 50)
PIXELS = 160
RADIUS_PX = 6.0
VOLTAGE_KV = 300.0
ZONE_AXES = ((0, 0, 1), (1, 1, 0), (1, 1, 1), (1, 0, 0))
FAINT = 0.01
MOST_BEAMS = 90


class Specimen(NamedTuple):
    """Patterns of one crystal (bin, ky, kx), one a bin of thickness, with places (bin, disk, 2) in pixels and strengths."""

    name: str
    patterns: np.ndarray
    probe: np.ndarray
    places: np.ndarray
    strength: np.ndarray


def specimens(count: int, *, seed: int, dose: float, background: float) -> Iterator[Specimen]:
    """Crystals that are kept back from training, mistilted by up to 6 mrad, their disks separate."""
    rng = np.random.default_rng(seed)
    drawn = [each for each in draw_crystals(40 + 14 * count, seed=seed) if kept_back(each[0])][:count]
    for sort, atoms in drawn:
        axis = ZONE_AXES[rng.integers(len(ZONE_AXES))]
        settings = {
            "thicknesses_A": [10 * rng.uniform(low, high) for low, high in itertools.pairwise(BINS_NM)],
            "voltage_kV": VOLTAGE_KV, "zone_axis": axis, "tilt_mrad": tuple(rng.uniform(-6, 6, 2).tolist()),
            "rotation_deg": rng.uniform(0, 360),
        }  # fmt: skip
        small = rocking_curves(atoms, semiangle_mrad=0.1, mesh=4, most_beams=40, **settings)
        lengths = np.linalg.norm(small.g, axis=1)
        bright = (small.intensities.mean((-1, -2)).amax(0) > 1e-4).numpy() & (lengths > 0.02)
        semiangle = min(2.0, 0.42 * lengths[bright].min() / wave_number(1.0, VOLTAGE_KV)) if bright.any() else 1.0
        curves = rocking_curves(atoms, semiangle_mrad=semiangle, most_beams=MOST_BEAMS, **settings)
        step = wave_number(semiangle, VOLTAGE_KV) / RADIUS_PX
        k = (np.arange(PIXELS) - PIXELS // 2) * step
        center = rng.uniform(-1, 1, 2) * step
        each = [
            Nanobeam(thickness_A=thickness, dose=dose, background=background, center_y=center[0], center_x=center[1])
            for thickness in curves.thicknesses_A
        ]
        made = nanobeam_patterns(curves, each, ky=k, kx=k, seed=int(rng.integers(2**31)))
        vacuum = vacuum_probe(
            voltage_kV=VOLTAGE_KV, semiangle_mrad=semiangle, ky=k, kx=k, seed=seed, condition=Nanobeam(dose=1e6)
        )  # fmt: skip
        places = np.stack([made.disk_ky.values, made.disk_kx.values], -1) / step + PIXELS // 2
        yield Specimen(f"{sort.name} {axis}", made.intensity.values, vacuum.values, places, np.nan_to_num(made.disk_intensity.values))


def counts(specimen: Specimen, detector: str) -> np.ndarray:
    """Per bin: disks that should be found, of them found, and all found, of them true (bin, 4)."""
    cube = make_cube(specimen.patterns[None], scan_step_A=1.0, k_step=1.0)
    found = pw.find_disks(cube, probe=specimen.probe, detector=detector, refine=False)
    origin = np.array([float(cube.ky[0]), float(cube.kx[0])])
    places = np.stack([found.ky.values, found.kx.values], -1) - origin
    result = []
    for column, (true, strength) in enumerate(zip(specimen.places, specimen.strength, strict=True)):
        here = places[found.column.values == column]
        there = np.isfinite(true[:, 0])
        distance = np.linalg.norm(here[:, None] - true[None, there], axis=-1)
        whole = ((true[there] > RADIUS_PX) & (true[there] < PIXELS - 1 - RADIUS_PX)).all(-1)
        bright = whole & (strength[there] > FAINT * strength.max())
        near = distance < 0.5 * RADIUS_PX
        result.append([bright.sum(), near[:, bright].any(0).sum(), len(here), near.any(1).sum()])
    return np.array(result)


def main() -> None:
    """Print the table; write it and the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crystals", type=int, default=24)
    parser.add_argument("--detectors", nargs="+", default=None, help="default: all that are registered and have their weights")
    parser.add_argument("--dose", type=float, default=2e5)
    parser.add_argument("--background", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="folder for disk_detection.csv and .png")
    options = parser.parse_args()
    detectors = options.detectors or strain.usable_detectors()
    total = {name: np.zeros((len(BINS_NM) - 1, 4), int) for name in detectors}
    for specimen in specimens(options.crystals, seed=options.seed, dose=options.dose, background=options.background):
        for name in detectors:
            total[name] += counts(specimen, name)
    rows = [
        {
            "detector": name, "from_nm": BINS_NM[index], "to_nm": BINS_NM[index + 1], "disks": int(line[0]),
            "recall": round(line[1] / max(line[0], 1), 4), "precision": round(line[3] / max(line[2], 1), 4),
        }
        for name, lines in total.items() for index, line in enumerate(lines)
    ]  # fmt: skip
    table = Table("detector   ", "thickness / nm", "disks", "recall", "precision")
    for row in rows:
        thickness = f"{row['from_nm']} to {row['to_nm']}"
        table.row(str(row["detector"]), thickness, str(row["disks"]), f"{row['recall']:.3f}", f"{row['precision']:.3f}")
    for name, lines in total.items():
        wanted, hit, found, true = lines.sum(0)
        table.row(name, "all", str(wanted), f"{hit / wanted:.3f}", f"{true / found:.3f}")
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
        with (options.output / "disk_detection.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        plot(rows, detectors, options.output / "disk_detection.png")


def plot(rows: list[dict[str, object]], detectors: list[str], path: Path) -> None:
    """Recall and precision over thickness."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), sharex=True, layout="constrained")
    for axis, name, wanted in zip(axes, ("recall", "precision"), (0.95, 0.98), strict=True):
        for detector in detectors:
            mine = [row for row in rows if row["detector"] == detector]
            middle = [0.5 * (float(str(row["from_nm"])) + float(str(row["to_nm"]))) for row in mine]
            axis.plot(middle, [row[name] for row in mine], "o-", label=detector)
        axis.axhline(wanted, color="0.6", linestyle=":")
        axis.set(xlabel="thickness / nm", ylabel=name)
        axis.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
