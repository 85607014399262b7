"""The loop: check, match the specimen, simulate at the match, map with unit-cell context."""

from __future__ import annotations

import dataclasses
import json
from typing import TypeAlias, get_args

import xarray as xr

from polwidgets import __version__
from polwidgets.crystal.base import Crystal, crystals
from polwidgets.cube.bad_pixels import repair
from polwidgets.cube.checks import inspect
from polwidgets.cube.schema import require, require_calibrated, validate
from polwidgets.match.matching import match
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.base import Context, Model, models
from polwidgets.progress import Progress, reporter
from polwidgets.training.matched import matched_patterns

Named: TypeAlias = "str | Model"


def map_polarization(
    cube: xr.DataArray,
    *,
    crystal: str | Crystal = "knn",
    model: Named = "unit_cell_match",
    context: Context = "unit_cell",
    specimen: SpecimenFit | None = None,
    thickness_range_A: tuple[float, float] = (40.0, 700.0),
    seed: int = 0,
    progress: bool | Progress = False,
) -> xr.Dataset:
    """Polarization at every probe position of a calibrated cube.

        open -> calibrate -> match the specimen -> simulate at the matched conditions -> map with unit-cell context

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
        In angstrom and 1/angstrom, with attrs ``voltage_kV`` and ``semiangle_mrad``, and ``scan_rotation_deg`` where it
        is not zero.
    crystal : str or Crystal
        A registered name, or a part with a polar displacement.
    model : str or Model
        A registered name, to be trained here, or a trained model.
    context : {"unit_cell", "pattern"}
        Pool the evidence over one unit cell, or let every pattern speak for itself.
    specimen : SpecimenFit, optional
        A match of this scan, or of a larger one that it is a part of, made before (`pw.match`).
    seed : int
        Of models that draw.

    Returns
    -------
    Dataset on (scan_y, scan_x)
        ``direction_deg``, ``direction``, ``probability``, ``confidence``, where the model knows it ``displacement_pm``
        with its error; attrs say model, seed, version and matched specimen. See `polwidgets.models.prediction`.

    Raises
    ------
    ValueError
        The cube is uncalibrated, empty, full of NaN, smaller than a unit cell, or the crystal is not polar.
    """
    report = reporter(progress)
    part = crystals.build(crystal) if isinstance(crystal, str) else crystal
    if not getattr(part, "displacement_A", 0):
        raise ValueError(
            f"{type(part).__name__} has no polar displacement, so it has no polarization to map; give displacement_A, or another crystal"
        )
    estimator = models.build(model) if isinstance(model, str) else model
    if context not in get_args(Context):
        raise ValueError(f"context must be one of {', '.join(get_args(Context))}, got {context!r}")
    require_calibrated(validate(cube))
    require(cube, "voltage_kV", "semiangle_mrad")
    report("check the scan", 0.0)
    # a single pattern of a scan that has been matched needs no cell around it
    alone = context == "pattern" and specimen is not None
    inspection = inspect(cube, cell_A=None if alone else part.cell_A[:2])
    inspection.report()
    report("check the scan", 1.0)
    good_pixels = inspection.good_pixels.values
    if any(finding.what == "nan" for finding in inspection.findings):
        cube = repair(cube, inspection.good_pixels)
    if specimen is None:
        specimen = match(cube, crystal=part, thickness_range_A=thickness_range_A, good_pixels=good_pixels, progress=report)
    else:
        specimen = dataclasses.replace(specimen, good_pixels=good_pixels)
    if isinstance(model, str):
        training = specimen if estimator.trains_on == "specimen" else matched_patterns(specimen, cube, seed=seed, progress=report)
        estimator.fit(training, seed=seed, progress=report)
    prediction = estimator.predict(cube, specimen, context=context, progress=report)
    parameters = json.dumps({name: value for name, value in json.loads(models.to_json(estimator)).items() if name != "model"})
    return prediction.assign_attrs(parameters=parameters, seed=seed, polwidgets_version=__version__)
