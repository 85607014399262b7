"""Vacant columns found in frozen-phonon multislice by abTEM: the area under the ROC curve, a unit cell, and false alarms.

    python tests/benchmarks/defects.py [--count 2] [--first 0] [--thickness-A 80] [--cache FOLDER]

Every seed draws a direction, who sits on the shared sites, thermal displacements and two of the 4 x 4 cells, whose Nb column
is vacant; abTEM's PRISM simulates the supercell at 48 x 48 positions (minutes), to which source, background and 3000
electrons a pattern are added. The scan is matched blind. ``flagged`` are good cells called defects at a stated rate of 5 %,
out of so many; ``apart`` those of them that touch no vacant one, whose missing scattering reaches into its neighbours. The
second table is for no defects at all: scans of 6 x 6 cells of the periodic simulator, matched once, counted many times, with
the share of cells flagged at stated rates of 5 and 1 %.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
import warnings
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter
from sklearn.metrics import roc_auc_score
from table import Table

import polwidgets as pw
from polwidgets.crystal.base import Crystal, Site
from polwidgets.simulate.multislice import Prism
from polwidgets.simulate.probe import Probe

CELL_A: Final = 3.97
CELLS: Final = 4
POSITIONS: Final = 12  # a cell
DOSE: Final = 3000
SOURCE_A: Final = 0.3
DETECTOR: Final = np.arange(-20, 21) / (4 * CELL_A)


@dataclasses.dataclass(frozen=True)
class Supercell:
    """So many cells of a crystal, some of them without their B column, as one cell."""

    crystal: Crystal
    vacant: tuple[tuple[int, int], ...]

    @property
    def cell_A(self) -> tuple[float, float, float]:
        """Edges, angstrom."""
        down, right, beam = self.crystal.cell_A
        return CELLS * down, CELLS * right, beam

    @property
    def sites(self) -> tuple[Site, ...]:
        """Sites of all cells but the vacant columns."""
        return tuple(
            site._replace(down=(site.down + row) / CELLS, right=(site.right + column) / CELLS)
            for row in range(CELLS)
            for column in range(CELLS)
            for site in self.crystal.sites
            if site.element != "Nb" or (row, column) not in self.vacant
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2)
    parser.add_argument("--first", type=int, default=0, metavar="SEED")
    parser.add_argument("--thickness-A", type=float, default=80.0)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    table = Table("seed", "simulated, s", "thickness, nm", "right", "AUROC", "flagged ", "apart   ", "defects, s")
    for seed in range(options.first, options.first + options.count):
        table.row(str(seed), *measure(seed, options.thickness_A, options.cache))
    table = Table("scans", "cells", "stated", "flagged")
    flags = np.array([false_alarms(seed) for seed in range(20)])
    for number, rate in enumerate((0.05, 0.01)):
        table.row("20", str(int(flags[:, 2].sum())), f"{rate:.3f}", f"{flags[:, number].sum() / flags[:, 2].sum():.3f}")


def measure(seed: int, thickness_A: float, cache: Path) -> list[str]:
    """Simulate, match, and look for the vacant columns."""
    rng = np.random.default_rng(seed)
    direction = 45.0 * rng.integers(8)
    rows, columns = np.divmod(rng.choice(CELLS**2, 2, replace=False), CELLS)
    vacant = tuple(zip(rows.tolist(), columns.tolist(), strict=True))
    start = time.perf_counter()
    expected = supercell_scan(seed, direction, vacant, thickness_A, cache)
    simulated = time.perf_counter()
    cube = pw.make_cube(
        rng.poisson(DOSE * expected).astype(np.uint16), scan_step_A=CELL_A / POSITIONS, k_step=DETECTOR[1] - DETECTOR[0],
        voltage_kV=200.0, semiangle_mrad=24.0,
    )  # fmt: skip
    specimen = pw.match(cube)
    prediction = pw.map_polarization(cube, specimen=specimen)
    begin = time.perf_counter()
    found = pw.defect_map(cube, specimen, prediction, false_alarm_rate=0.05, seed=seed)
    seconds = time.perf_counter() - begin
    # a cell of the map is vacant where most of its positions lie in a vacant cell of the supercell
    place = np.arange(CELLS * POSITIONS) // POSITIONS
    truth = np.zeros((CELLS * POSITIONS, CELLS * POSITIONS))
    for row, column in vacant:
        truth[np.ix_(place == row, place == column)] = 1
    shape = found["score"].shape
    number = (found["row"] * shape[1] + found["column"]).values.ravel()
    share = np.bincount(number, truth.ravel(), np.prod(shape)) / np.maximum(np.bincount(number, minlength=np.prod(shape)), 1)
    known = np.isfinite(found["score"].values.ravel())
    touching = maximum_filter((share > 0.5).reshape(shape), 3, mode="wrap").ravel()[known]
    odd, score, flagged = (values[known] for values in (share > 0.5, found["score"].values.ravel(), found["defect"].values.ravel()))
    return [
        f"{simulated - start:.0f}",
        f"{specimen.thickness_A / 10:.1f}",
        f"{(prediction['direction'].values == round(direction / 45) % 8).mean():.2f}",
        f"{roc_auc_score(odd, score):.3f}",
        f"{(flagged & ~odd).sum()} of {(~odd).sum()}",
        f"{(flagged & ~touching).sum()} of {(~touching).sum()}",
        f"{seconds:.1f}",
    ]


def supercell_scan(
    seed: int, direction_deg: float, vacant: tuple[tuple[int, int], ...], thickness_A: float, cache: Path
) -> NDArray[np.float64]:
    """Expected patterns (scan_y, scan_x, ky, kx), as shares of the beam; kept in `cache`."""
    path = cache / f"polwidgets-defects-{seed}-{thickness_A:.0f}.npy"
    if path.exists():
        return np.asarray(np.load(path))
    crystal = Supercell(pw.crystals.build("knn", direction_deg=direction_deg), vacant)
    axis = (np.arange(CELLS * POSITIONS) + 0.5) * CELL_A / POSITIONS
    places = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    prism = Prism(cells=1, sampling_A=0.11, potential="atoms", configurations=1, seed=seed)
    probe = Probe(semiangle_mrad=24.0)
    patterns = prism.patterns(crystal, places, thickness_A=thickness_A, voltage_kV=200.0, probe=probe, ky=DETECTOR, kx=DETECTOR)
    scan = patterns.reshape(len(axis), len(axis), len(DETECTOR), len(DETECTOR)).astype(float)
    blurred = gaussian_filter(scan, SOURCE_A * POSITIONS / CELL_A, axes=(0, 1), mode="wrap") + 0.03 / len(DETECTOR) ** 2
    np.save(path, blurred.astype(np.float32))
    return blurred


_GOOD: list[tuple[xr.DataArray, object]] = []


def false_alarms(seed: int) -> tuple[int, int, int]:
    """Good cells flagged at 5 %, at 1 %, and how many there are."""
    if not _GOOD:
        expected = pw.simulate_scan(
            "knn", direction_deg=45.0, thickness_A=150.0, scan_shape=(60, 60), cells=6, detector_shape=(40, 40), source_A=SOURCE_A,
            blur=0.04, background=0.03, probe=Probe(tilt_y_mrad=0.7, tilt_x_mrad=-0.5), k_limit=3.0,
        )  # fmt: skip
        _GOOD.append((expected, pw.match(_counted(expected, 0))))
    expected, specimen = _GOOD[0]
    directions = np.full(expected.shape[:2], 1, np.int8)
    prediction = xr.Dataset({"direction": (("scan_y", "scan_x"), directions)})
    p_value = pw.defect_map(_counted(expected, 1 + seed), specimen, prediction, seed=seed)["p_value"].values
    return int((p_value < 0.05).sum()), int((p_value < 0.01).sum()), int(np.isfinite(p_value).sum())


def _counted(expected: xr.DataArray, seed: int) -> xr.DataArray:
    return expected.copy(data=np.random.default_rng(seed).poisson(DOSE * expected.values).astype(np.uint16))


if __name__ == "__main__":
    main()
