"""Directions and displacements that ``polwidgets map`` finds, blind, in pseudo-experimental scans of (K,Na)NbO3.

    python tests/benchmarks/polarization.py [--data FOLDER] [--model NAME ...] [--weights NAME] [--context NAME ...] [D1 ...]

The scans are independent multislice simulations (frozen phonons, random K/Na, then source, blur, tilt, drift, background,
gain and counts) in .npz files with their truth beside them, which are not part of polwidgets; FOLDER holds them. The
command is told voltage, semi-angle, scan step, detector pixel and scan rotation, and nothing else. What the columns mean
is written in polwidgets/analysis/scores.py; seconds are those of the whole command.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from table import Table

from polwidgets.analysis.scores import score
from polwidgets.directions import ANGLES_DEG, NAMES

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "knn-dev"
SCANS = ("D1", "D2", "D3", "D4")
SCAN_ROTATION_DEG = {"D2": 5.0}
CELL_A = 3.97
COLUMNS = (
    "scan", "model          ", "context  ", "right", "all  ", "sure fifths", "calibration error", "thickness, nm",
    "displacement, pm", "bias ", "spread", "coverage", "seconds",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", nargs="*", default=SCANS)
    parser.add_argument("--data", type=Path, default=FOLDER)
    parser.add_argument("--model", nargs="+", default=["unit_cell_match", "pca_knn"])
    parser.add_argument("--weights", choices=("shipped", "matched"), default="shipped")
    parser.add_argument("--context", nargs="+", default=["unit_cell", "pattern"])
    options = parser.parse_args()
    table = Table(*COLUMNS)
    for model in options.model:
        for context in options.context:
            for name in options.scans:
                table.row(name, model, context, *measure(options.data / f"{name}.npz", model, options.weights, context))


def measure(path: Path, model: str, weights: str, context: str) -> list[str]:
    """Map one scan and compare it with its truth."""
    rotation = SCAN_ROTATION_DEG.get(path.stem, 0.0)
    with np.load(path) as file:
        truth: dict[str, Any] = {name: file[name] for name in file.files if name != "cube"}
        scan_shape = file["cube"].shape[:2]
    settings = {
        "--scan-step-A": truth["step_A"], "--k-step": truth["dk"], "--voltage-kV": 200, "--semiangle-mrad": 24,
        "--scan-rotation-deg": rotation,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "map.zarr"
        command = [sys.executable, "-m", "polwidgets", "map", str(path), "-o", str(output), "--quiet", "--crystal", "knn"]
        command += ["--model", model, "--weights", weights, "--context", context]
        command += [text for pair in settings.items() for text in (pair[0], str(pair[1]))]
        start = time.perf_counter()
        subprocess.run(command, check=True)
        seconds = time.perf_counter() - start
        prediction = xr.open_zarr(output).load()
    amplitude = 100 * float(truth["amp_A"])
    directions = (true_directions(truth, scan_shape) - rotation) % 360
    scores = score(prediction, directions, displacement_pm=amplitude, cell_px=CELL_A / float(truth["step_A"]))
    return [
        f"{scores.right:.3f}",
        f"{scores.right_everywhere:.3f}",
        f"{scores.right_when_sure:.3f}",
        f"{scores.calibration_error:.3f}",
        f"{prediction.attrs['thickness_A'] / 10:.2f} ({float(truth['thickness_nm']):.2f})",
        *([f"{scores.displacement_pm:.2f} ({amplitude:.1f})"] if np.isfinite(scores.displacement_pm) else [""]),
        *(f"{value:.2f}" if np.isfinite(value) else "" for value in (scores.bias_pm, scores.spread_pm, scores.coverage)),
        f"{seconds:.0f}",
    ]


def true_directions(truth: dict[str, Any], scan_shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Directions against the kx axis at every probe position, degrees; labels are for the scan or for each unit cell."""
    labels = np.atleast_2d(truth["labmap"] if "labmap" in truth else truth["label"])
    angles = np.vectorize(dict(zip(NAMES, ANGLES_DEG, strict=True)).get)(labels).astype(float)
    return np.kron(angles, np.ones([size // count for size, count in zip(scan_shape, angles.shape, strict=True)]))


if __name__ == "__main__":
    main()
