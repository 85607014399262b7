"""Whether a per-pattern model's errors repeat with the unit cell, on drawn scans of (K,Na)NbO3 over 4 x 4 cells.

    python tests/benchmarks/error_periodicity.py [--count 3] [--first 0] [--model pca_knn]

Every seed draws thickness, mistilt, direction, source, blur and dose; the scan is simulated with scattering factors that the
match does not use (Kirkland's; the match uses Lobato's), matched blind, and mapped pattern by pattern by a model that is
trained at the match. ``lattice off`` is the largest distance of a lattice vector of the errors from the crystal's, ``cell``
their area in unit cells, both of the free search; ``p`` that of the errors, ``shuffled`` of the same errors at random
places, ``clustered`` of as many errors in clusters; all of the crystal's cell, as matched, and ``free`` those of errors
without knowing a cell. ``halves`` is the correlation of the folded errors of two halves of the cells; ``known`` and
``unknown`` their correlation with the information map, where the best classifier is told the phase or is not, both at the
dose at which it errs as often as the model: ``efficiency`` is that dose over the true one, for the unknown phase.
"""

from __future__ import annotations

import argparse
import functools
import time
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter
from table import Table

import polwidgets as pw
from polwidgets.analysis.folding import folded_correlation
from polwidgets.analysis.information import at_error_rate
from polwidgets.simulate import scan
from polwidgets.simulate.probe import Probe
from polwidgets.simulate.smatrix import scattering_matrix

CELL_A: Final = 3.97
POSITIONS: Final = 128
COLUMNS: Final = (
    "seed", "thickness, nm", "dose ", "errors", "lattice off", "cell ", "p      ", "free   ", "shuffled", "clustered", "halves", "known",
    "unknown", "efficiency", "seconds",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, metavar="SEED")
    parser.add_argument("--model", default="pca_knn")
    options = parser.parse_args()
    scan.scattering_matrix = functools.partial(scattering_matrix, parametrization="kirkland")  # type: ignore[attr-defined]
    table = Table(*COLUMNS)
    for seed in range(options.first, options.first + options.count):
        table.row(str(seed), *measure(seed, options.model))


def measure(seed: int, model: str) -> list[str]:
    """Simulate, match, map and analyse one scan."""
    rng = np.random.default_rng(seed)
    thickness_A, direction = rng.uniform(120, 400), 45.0 * rng.integers(8)
    dose = float(np.exp(rng.uniform(np.log(5000), np.log(50000))))
    cube = pw.simulate_scan(
        "knn", direction_deg=direction, thickness_A=thickness_A, scan_shape=(POSITIONS, POSITIONS), cells=4, detector_shape=(48, 48),
        source_A=rng.uniform(0.15, 0.3), blur=rng.uniform(0.02, 0.05), background=0.03, dose=dose, seed=seed,
        probe=Probe(tilt_y_mrad=rng.normal(0, 0.8), tilt_x_mrad=rng.normal(0, 0.8)),
    )  # fmt: skip
    specimen = pw.match(cube)
    error = pw.error_map(pw.map_polarization(cube, specimen=specimen, model=model, context="pattern", seed=seed), direction)
    start = time.perf_counter()
    found = pw.error_periodicity(error, seed=seed)
    seconds = time.perf_counter() - start
    shuffled = error.copy(data=rng.permutation(error.values.ravel()).reshape(error.shape))
    blobs = gaussian_filter(rng.normal(size=error.shape), 3) * 10 + rng.normal(size=error.shape)
    clustered = error.copy(data=(blobs > np.quantile(blobs, 1 - found.rate)).astype(float))
    cell = specimen.unit_cell
    assert cell is not None
    folded = pw.fold_errors(error, cell)
    correlations = []
    for phase_known in (True, False):
        information = at_error_rate(pw.information_map(specimen, cube, phase_known=phase_known), found.rate)
        expected = pw.expected_error(information, error, specimen.unit_cell, direction)
        correlations.append(folded_correlation(folded, pw.fold_errors(expected, cell)))
    off = np.linalg.norm(found.lattice_A - CELL_A * np.eye(2), axis=1).max() / CELL_A
    return [
        f"{specimen.thickness_A / 10:.1f}",
        f"{dose:.0f}",
        f"{found.rate:.3f}",
        f"{off:.2%}",
        f"{abs(np.linalg.det(found.lattice_A)) / CELL_A**2:.2f}",
        f"{pw.error_periodicity(error, unit_cell=cell, seed=seed).p_value:.1e}",
        f"{found.p_value:.1e}",
        *(f"{pw.error_periodicity(other, unit_cell=cell, seed=seed).p_value:.2f}" for other in (shuffled, clustered)),
        f"{folded.attrs['split_half_correlation']:.2f}",
        *(f"{value:.2f}" for value in correlations),
        f"{information.attrs['dose'] / (specimen.dose / specimen.gain):.2f}",
        f"{seconds:.1f}",
    ]


if __name__ == "__main__":
    main()
