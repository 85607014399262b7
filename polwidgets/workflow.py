"""The loop: open, calibrate, match the specimen, simulate at the match, map with unit-cell context."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

import polwidgets
from polwidgets.crystal.base import Crystal
from polwidgets.cube.checks import usable_pixels
from polwidgets.match.matching import match
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.base import Context, models
from polwidgets.progress import Progress, reporter
from polwidgets.simulate.labelled import labelled_patterns


def map_polarization(
    cube: xr.DataArray,
    *,
    crystal: str | Crystal = "knn",
    model: str = "unit_cell_match",
    context: Context = "unit_cell",
    thickness_range_A: tuple[float, float] = (40.0, 700.0),
    specimen: SpecimenFit | None = None,
    seed: int = 0,
    progress: bool | Progress = False,
) -> xr.Dataset:
    """Polarization at every probe position of a calibrated cube."""
    report = reporter(progress)
    good_pixels = usable_pixels(cube)
    specimen = specimen or match(cube, crystal=crystal, thickness_range_A=thickness_range_A, good_pixels=good_pixels, progress=report)
    estimator = models.build(model)
    training = specimen if estimator.trains_on == "specimen" else labelled_patterns(specimen, cube, seed=seed, progress=report)
    estimator.fit(training, seed=seed, progress=report)
    return estimator.predict(cube, specimen, context=context, progress=report)
