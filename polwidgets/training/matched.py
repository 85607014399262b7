"""Labelled patterns to train on, simulated at a matched specimen."""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr

from polwidgets.directions import ANGLES_DEG
from polwidgets.match.fit import background_shapes
from polwidgets.match.library import Variant
from polwidgets.match.scan import library_at, readings_for
from polwidgets.match.specimen import SpecimenFit
from polwidgets.progress import Progress
from polwidgets.simulate.detector import pixel_grid
from polwidgets.simulate.patterns import basis
from polwidgets.training.labelled import labelled_patterns

ORDER: Final = 6


def matched_patterns(specimen: SpecimenFit, cube: xr.DataArray, *, positions: int = 40, seed: int = 0, progress: Progress) -> xr.Dataset:
    """Noise-free patterns of the eight variants over the unit cell, as the cube's detector would record them.

    Parameters
    ----------
    cube : DataArray
        For its detector; binned as for the match.
    positions : int
        Probe positions along a side of the cell; each is moved at random within its own square, so that no grid is
        favoured.

    Returns
    -------
    Dataset on (sample, ky, kx)
        See `polwidgets.training.labelled`; ``intensity`` in counts, zero at bad pixels, directions in the scan frame.
    """
    rng = np.random.default_rng(seed)
    readings = readings_for(cube[:1, :1], specimen.crystal, specimen.good_pixels)
    ky, kx = readings.frame["ky"], readings.frame["kx"]
    k = pixel_grid(ky.values, kx.values)
    seen = readings.frame.values >= 0
    library = library_at(specimen, readings)
    conditions = specimen.conditions
    diffuse = np.array(specimen.background) @ background_shapes(k, (conditions.center_y, conditions.center_x))
    corner = np.stack(np.meshgrid(np.arange(positions), np.arange(positions), indexing="ij"), -1).reshape(-1, 2)
    turn = specimen.rotation_deg - specimen.scan_rotation_deg
    own = float(specimen.crystal.displacement_A)  # type: ignore[attr-defined]
    parts, phases, labels = [], [], []
    for number, angle in enumerate(ANGLES_DEG):
        phase = (corner + rng.random(corner.shape)) / positions
        expected = specimen.dose * library.expected(Variant(own, angle), conditions, k, order=ORDER)
        expected[0] += diffuse
        patterns = basis(phase, ORDER).astype(np.float32) @ (expected * readings.pixel_area).astype(np.float32)
        parts.append(patterns.clip(min=0).reshape(-1, ky.size, kx.size) * seen)
        phases.append(phase)
        labels.append(np.full(len(phase), (angle + turn) % 360.0))
        progress("simulate training patterns", (number + 1) / len(ANGLES_DEG))
    count = len(ANGLES_DEG) * len(corner)
    return labelled_patterns(
        np.concatenate(parts),
        ky=ky.values,
        kx=kx.values,
        direction_deg=np.concatenate(labels),
        thickness_A=np.full(count, specimen.thickness_A),
        specimen=np.zeros(count, np.int64),
        phase=np.concatenate(phases),
        good_pixels=seen,
        attrs={
            "recipe": "matched",
            "voltage_kV": specimen.voltage_kV,
            "semiangle_mrad": specimen.semiangle_mrad,
            "center_y": conditions.center_y,
            "center_x": conditions.center_x,
            "rotation_deg": conditions.rotation_deg,
            "scan_rotation_deg": specimen.scan_rotation_deg,
            "seed": seed,
        },
    )
