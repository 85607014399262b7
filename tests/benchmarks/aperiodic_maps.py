"""How often periodicity is claimed of maps that have none, and of maps that have it, at stated levels.

    python tests/benchmarks/aperiodic_maps.py [--count 64] [--surrogates 49]

Every row draws so many maps of 72 x 72 positions of one kind. ``free`` asks whether they repeat with any lattice, ``cell``
whether with a given one of 4 x 4 cells; the columns are the shares of maps with p below the level. Where a map has no
lattice, the share should not exceed the level but by chance. ``noisy`` to ``ramp`` are clusters with random errors in
them, clusters with sharp edges, clusters longer than wide, one straight stripe, one straight edge, up to five discs, and an
error rate that rises across the scan; half of the stripes, edges and discs are without any error elsewhere. The last two
have a lattice of 4 x 4 cells; ``found`` is the share whose lattice vectors come within 2 %.
"""

from __future__ import annotations

import argparse
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from table import Table

import polwidgets as pw
from polwidgets.cube.unit_cell import UnitCell

SIZE: Final = 72
CELL: Final = 18.0
STEPS: Final = np.stack(np.mgrid[:SIZE, :SIZE], -1).astype(float)
KINDS: Final = ("shuffled", "noisy", "smooth", "long", "stripe", "edge", "discs", "ramp")
LEVELS: Final = (0.05, 0.01, 0.001)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--surrogates", type=int, default=49)
    parser.add_argument("--kinds", nargs="*", default=[*KINDS, "weak lattice", "lattice"])
    options = parser.parse_args()
    table = Table("maps        ", *(f"{how}, {level}" for how in ("free", "cell") for level in LEVELS), "found")
    cell = UnitCell(np.array([[0.0, 0.0], [1 / CELL, 0.0], [0.0, 1 / CELL]]))
    for kind in options.kinds:
        p_values, near = [], []
        for seed in range(options.count):
            error = labelled(draw(kind, np.random.default_rng(seed)))
            found = [pw.error_periodicity(error, unit_cell=given, surrogates=options.surrogates, seed=seed) for given in (None, cell)]
            p_values.append([each.p_value for each in found])
            near.append(np.abs(found[0].lattice_A - CELL * np.eye(2)).max() < 0.02 * CELL)
        shares = [f"{np.mean(np.array(p_values)[:, how] < level):.3f}" for how in (0, 1) for level in LEVELS]
        table.row(kind, *shares, f"{np.mean(near):.2f}" if "lattice" in kind else "")


def labelled(values: NDArray[np.float64]) -> xr.DataArray:
    """The map with a step of one angstrom."""
    coords = {dim: (dim, np.arange(SIZE, dtype=float), {"units": "angstrom"}) for dim in ("scan_y", "scan_x")}
    return xr.DataArray(values, dims=("scan_y", "scan_x"), coords=coords)


def draw(kind: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """A map of errors (y, x)."""
    if "lattice" in kind:
        low, high = (0.1, 0.6) if kind.startswith("weak") else (0.2, 0.9)
        cell = gaussian_filter(rng.normal(size=(18, 18)), rng.uniform(1.5, 3), mode="wrap")
        rate = low + (high - low) * (np.tile(cell, (4, 4)) - cell.min()) / np.ptp(cell)
        return (rng.random((SIZE, SIZE)) < rate).astype(float)
    angle = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)])
    across = (STEPS - SIZE / 2) @ np.array([np.cos(angle), np.sin(angle)])
    if kind == "ramp":
        return (rng.random((SIZE, SIZE)) < 0.5 + 0.4 * across / np.abs(across).max()).astype(float)
    if kind in ("stripe", "edge", "discs"):
        inside = np.abs(across - rng.uniform(-18, 18)) < rng.uniform(3, 10) if kind == "stripe" else across > rng.uniform(-18, 18)
        if kind == "discs":
            discs = [np.hypot(*(STEPS - rng.uniform(0, SIZE, 2)).T) < rng.uniform(3, 11) for _ in range(rng.integers(1, 6))]
            inside = np.any(discs, axis=0)
        noise = rng.choice([0.0, 0.1])
        return (rng.random((SIZE, SIZE)) < np.where(inside, 1 - noise, noise)).astype(float)
    width: object = {"shuffled": 0.0, "noisy": rng.uniform(1, 4), "smooth": rng.uniform(1.5, 6), "long": (rng.uniform(1, 3), 7.0)}[kind]
    field = gaussian_filter(rng.normal(size=(SIZE, SIZE)), width)
    field = field / field.std() + {"noisy": 0.5, "long": 0.3}.get(kind, 0.0) * rng.normal(size=(SIZE, SIZE))
    return (field > np.quantile(field, rng.uniform(0.4, 0.8))).astype(float)


if __name__ == "__main__":
    main()
