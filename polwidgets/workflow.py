"""The loop: check, match the specimen, simulate at the match, train, map with unit-cell context."""

from __future__ import annotations

import dataclasses
import inspect as signatures
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

import xarray as xr

from polwidgets import __version__
from polwidgets.crystal.base import Crystal, crystals
from polwidgets.cube.bad_pixels import repair
from polwidgets.cube.checks import inspect
from polwidgets.cube.schema import require, require_calibrated, validate
from polwidgets.match.matching import match
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.base import Context, Model, models
from polwidgets.models.shipped import has_shipped, load_shipped
from polwidgets.perturb.base import Perturbation
from polwidgets.perturb.dose import Dose
from polwidgets.perturb.presets import preset
from polwidgets.progress import Progress, reporter
from polwidgets.training.cell_recipes import matched_cells, randomised_cells
from polwidgets.training.filtering import Rule, check_rule, magnitude_filter
from polwidgets.training.matched import matched_patterns
from polwidgets.training.randomised import randomised_patterns
from polwidgets.training.study import study_patterns

Named: TypeAlias = "str | Model"
Weights: TypeAlias = Literal["shipped", "matched"]
Augmentation: TypeAlias = "str | Sequence[Perturbation]"

RECIPES: Final[dict[str, dict[str, Callable[..., xr.Dataset]]]] = {
    "patterns": {"study": study_patterns, "randomised": randomised_patterns, "matched": matched_patterns},
    "cells": {"randomised": randomised_cells, "matched": matched_cells},
}
"""Where training sets come from, by what a model trains on; a matched one takes specimen and scan, the others a crystal."""
AUGMENTATION: Final = {"study": "study", "randomised": "experiment"}


def map_polarization(
    cube: xr.DataArray,
    *,
    crystal: str | Crystal = "knn",
    model: Named = "unit_cell_match",
    context: Context = "unit_cell",
    specimen: SpecimenFit | None = None,
    thickness_range_A: tuple[float, float] = (40.0, 700.0),
    weights: Weights = "shipped",
    augmentation: Augmentation | None = None,
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
        A registered name, or a trained model.
    context : {"unit_cell", "pattern"}
        Pool the evidence over one unit cell, or let every pattern speak for itself.
    specimen : SpecimenFit, optional
        A match of this scan, or of a larger one that it is a part of, made before (`pw.match`).
    weights : {"shipped", "matched"}
        What a model that is named knows: the weights that come with polwidgets, trained on drawn specimens, or what it
        learns here from simulation at the match. Models of which no weights are shipped are always trained here.
    augmentation : str or sequence of Perturbation, optional
        Drawn for the training patterns of a model that is trained here: a preset's name, or parts. By default counting
        noise of the scan's own dose.
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
    if weights not in get_args(Weights):
        raise ValueError(f"weights must be one of {', '.join(get_args(Weights))}, got {weights!r}")
    shipped = isinstance(model, str) and weights == "shipped" and has_shipped(model)
    if augmentation is not None and (shipped or not isinstance(model, str)):
        raise ValueError("augmentation is for a model that is trained here; give the model's name and weights='matched', or leave it out")
    parts = _parts(augmentation)
    estimator = model if not isinstance(model, str) else load_shipped(model) if shipped else models.build(model)
    if context not in estimator.contexts:
        raise ValueError(f"context must be one of {', '.join(estimator.contexts)}, got {context!r} for {models.name_of(estimator)}")
    # a single pattern of a scan that has been matched needs no cell around it
    alone = context == "pattern" and specimen is not None
    cube, specimen = _matched(cube, part, specimen, thickness_range_A, alone=alone, report=report)
    to_train = isinstance(model, str) and not shipped
    if to_train and estimator.trains_on == "specimen":
        estimator.fit(specimen, seed=seed, progress=report)
    elif to_train:
        training = RECIPES[estimator.trains_on]["matched"](specimen, cube, seed=seed, progress=report)
        estimator.fit(training, augmentation=_counting_noise(specimen) if parts is None else parts, seed=seed, progress=report)
    prediction = estimator.predict(cube, specimen, context=context, progress=report)
    parameters = json.dumps({name: value for name, value in json.loads(models.to_json(estimator)).items() if name != "model"})
    return prediction.assign_attrs(parameters=parameters, seed=seed, polwidgets_version=__version__)


def train_model(
    model: str | Model,
    *,
    recipe: str = "randomised",
    crystal: str | Crystal = "knn",
    cube: xr.DataArray | None = None,
    specimen: SpecimenFit | None = None,
    augmentation: Augmentation | None = None,
    keep: Rule = "none",
    checkpoint: str | Path | None = None,
    seed: int = 0,
    progress: bool | Progress = False,
    **options: Any,
) -> Model:
    """Train a model, to be saved and used on other scans.

    Parameters
    ----------
    model : str or Model
        A registered name, or a model with the parameters wanted.
    recipe : {"randomised", "study", "matched"}
        Specimens and microscopes drawn at random; the study's eight scans of 20 nm; or what `cube` was matched to.
    cube : DataArray (scan_y, scan_x, ky, kx), optional
        The scan of the matched recipe; `specimen` is its match, where it was made before.
    augmentation : str or sequence of Perturbation, optional
        By default the preset ``"experiment"`` for drawn specimens, ``"study"`` for the study's, and counting noise of the
        scan's own dose for matched ones.
    keep : str
        Rule of `polwidgets.training.filtering.magnitude_filter`.
    checkpoint : path, optional
        Written while a network trains; where it exists, training goes on from it.
    **options :
        Of the recipe, for example ``positions=64``.

    Returns
    -------
    Model
        Trained; `save` it.
    """
    report = reporter(progress)
    check_rule(keep)
    estimator = models.build(model) if isinstance(model, str) else model
    if estimator.trains_on not in RECIPES:
        raise ValueError(f"{models.name_of(estimator)} learns nothing that could be kept: it is made anew for every match; map with it")
    recipes = RECIPES[estimator.trains_on]
    if recipe not in recipes:
        raise ValueError(f"unknown recipe {recipe!r} for {models.name_of(estimator)}; there are {', '.join(recipes)}")
    if keep != "none" and estimator.trains_on != "patterns":
        raise ValueError(f"keep={keep!r} filters patterns, and {models.name_of(estimator)} learns from {estimator.trains_on}; leave it out")
    part = crystals.build(crystal) if isinstance(crystal, str) else crystal
    parts = _parts(AUGMENTATION.get(recipe) if augmentation is None else augmentation)
    if recipe == "matched":
        if cube is None:
            raise ValueError("the matched recipe is made from a scan; give cube (on the command line --scan)")
        cube, specimen = _matched(cube, part, specimen, report=report)
        parts = _counting_noise(specimen) if parts is None else parts
        training = recipes[recipe](specimen, cube, seed=seed, progress=report, **options)
    else:
        training = recipes[recipe](part, seed=seed, progress=report, **options)
    if keep != "none":
        training = magnitude_filter(training, keep)
    resumable = {"checkpoint": checkpoint} if "checkpoint" in signatures.signature(estimator.fit).parameters else {}
    return estimator.fit(training, augmentation=parts or (), seed=seed, progress=report, **resumable)


def _matched(
    cube: xr.DataArray,
    crystal: Crystal,
    specimen: SpecimenFit | None,
    thickness_range_A: tuple[float, float] = (40.0, 700.0),
    *,
    alone: bool = False,
    report: Progress,
) -> tuple[xr.DataArray, SpecimenFit]:
    """Check a scan and match it, unless its match is known; the scan comes back repaired where it had to be."""
    require_calibrated(validate(cube))
    require(cube, "voltage_kV", "semiangle_mrad")
    report("check the scan", 0.0)
    inspection = inspect(cube, cell_A=None if alone else crystal.cell_A[:2])
    inspection.report()
    report("check the scan", 1.0)
    good_pixels = inspection.good_pixels.values
    if any(finding.what == "nan" for finding in inspection.findings):
        cube = repair(cube, inspection.good_pixels)
    if specimen is not None:
        return cube, dataclasses.replace(specimen, good_pixels=good_pixels)
    return cube, match(cube, crystal=crystal, thickness_range_A=thickness_range_A, good_pixels=good_pixels, progress=report)


def _parts(augmentation: Augmentation | None) -> tuple[Perturbation, ...] | None:
    if isinstance(augmentation, str):
        return preset(augmentation)
    return None if augmentation is None else tuple(augmentation)


def _counting_noise(specimen: SpecimenFit) -> tuple[Perturbation, ...]:
    """Electrons that arrive by chance, as many as in the patterns that were matched."""
    return (Dose(electrons=max(specimen.recorded_electrons, 1.0)),)
