"""Labelled patterns as the published study makes them: one thickness, no mistilt, one regular scan a direction."""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr

from polwidgets.crystal.base import Crystal, crystals
from polwidgets.directions import ANGLES_DEG
from polwidgets.match.conditions import Conditions
from polwidgets.match.library import Library, Variant
from polwidgets.progress import Progress, silent
from polwidgets.simulate.detector import pixel_grid
from polwidgets.simulate.patterns import basis
from polwidgets.training.labelled import labelled_patterns

ORDER: Final = 8  # without a source even the highest frequencies are there
MESH: Final = 4


def study_patterns(
    crystal: str | Crystal = "knn",
    *,
    positions: int = 32,
    cells: int = 2,
    thickness_A: float = 200.0,
    specimens: int = 1,
    pixels: int = 32,
    k_max: float = 2.0,
    voltage_kV: float = 200.0,
    semiangle_mrad: float = 24.0,
    seed: int,
    progress: Progress = silent,
) -> xr.Dataset:
    """Noise-free patterns of eight scans, one a direction, of a 20 nm crystal on its zone axis (doi:10.48550/arXiv.2603.15582).

    Parameters
    ----------
    positions : int
        Along a side of the scan, which is square.
    cells : int
        Unit cells along that side. Where it divides `positions`, every pattern occurs once in each of the cells: a
        random split then puts copies of training patterns into the test set.
    specimens : int
        Scans a direction; each has its own place of the scan's corner in the cell, drawn by the seed.

    Returns
    -------
    Dataset on (sample, ky, kx)
        See `polwidgets.training.labelled`; ``intensity`` in shares of the beam. ``specimen`` counts the scans of a
        direction, so that splits by it hold every direction.
    """
    part = crystals.build(crystal) if isinstance(crystal, str) else crystal
    axis = k_max * ((2 * np.arange(pixels) + 1) / pixels - 1)
    k = pixel_grid(axis, axis)
    library = Library(
        part, voltage_kV=voltage_kV, semiangle_mrad=semiangle_mrad, thicknesses_A=np.array([thickness_A]), k_outgoing=k_max,
        mesh=MESH, k_limit=max(2.7, 1.2 * k_max),
    )  # fmt: skip
    # a pixel averages over its own width
    conditions = Conditions(thickness_A=float(library.thicknesses_A[0]), source_A=0.0, blur=2 * k_max / pixels / 12**0.5)
    corner = np.random.default_rng(seed).random((specimens, 1, 2))
    grid = np.stack(np.meshgrid(*[np.arange(positions) * cells / positions] * 2, indexing="ij"), -1).reshape(1, -1, 2)
    phase = (corner + grid).reshape(-1, 2)
    terms = basis(phase, ORDER).astype(np.float32)
    parts = []
    for number, angle in enumerate(ANGLES_DEG):
        variant = Variant(float(part.displacement_A), angle)  # type: ignore[attr-defined]
        expected = library.expected(variant, conditions, k, order=ORDER) * (2 * k_max / pixels) ** 2
        parts.append((terms @ expected.astype(np.float32)).clip(min=0))
        progress("simulate the study's scans", (number + 1) / len(ANGLES_DEG))
    count = len(ANGLES_DEG) * len(phase)
    return labelled_patterns(
        np.concatenate(parts).reshape(count, pixels, pixels),
        ky=axis,
        kx=axis,
        direction_deg=np.repeat(ANGLES_DEG, len(phase)),
        thickness_A=np.full(count, conditions.thickness_A),
        specimen=np.tile(np.repeat(np.arange(specimens), positions**2), len(ANGLES_DEG)),
        phase=np.tile(phase, (len(ANGLES_DEG), 1)),
        attrs={"recipe": "study", "voltage_kV": voltage_kV, "semiangle_mrad": semiangle_mrad, "seed": seed},
    )
