"""The patterns of every recipe, on detectors of about 32 x 32 pixels."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import xarray as xr

from polwidgets.analysis.benchmark.plan import COUNTING, Training
from polwidgets.cube.schema import make_cube, step_of
from polwidgets.match.scan import readings_for
from polwidgets.match.specimen import SpecimenFit
from polwidgets.perturb.base import Perturbation
from polwidgets.perturb.dose import Dose
from polwidgets.perturb.presets import preset
from polwidgets.progress import Progress
from polwidgets.training.filtering import magnitude_filter
from polwidgets.training.matched import matched_patterns
from polwidgets.training.randomised import randomised_patterns
from polwidgets.training.study import study_patterns


def training_patterns(
    training: Training, *, cube: xr.DataArray | None = None, specimen: SpecimenFit | None = None, progress: Progress
) -> xr.Dataset:
    """Labelled patterns for a training; the matched recipe needs the scan and its match.

    Raises
    ------
    ValueError
        The matched recipe without a scan, or a filter that leaves nothing.
    """
    sizes: dict[str, Any] = dict(training.data)
    if training.recipe == "study":
        labelled = study_patterns(**sizes, seed=training.seed, progress=progress)
    elif training.recipe == "randomised":
        labelled = randomised_patterns(**sizes, seed=training.seed, progress=progress)
    elif cube is None or specimen is None:
        raise ValueError(f"the recipe {training.recipe!r} simulates at a matched scan; give the cube and its specimen")
    else:
        seen, detector = at_half(specimen, cube)
        labelled = matched_patterns(seen, detector, **sizes, seed=training.seed, progress=progress)
    return magnitude_filter(labelled, training.filter)


def augmentation(training: Training, *, specimen: SpecimenFit | None = None) -> tuple[Perturbation, ...]:
    """The perturbations that a training draws."""
    if training.augmentation != COUNTING:
        return preset(training.augmentation)
    if specimen is None:
        raise ValueError(f"the augmentation {COUNTING!r} takes its dose from a matched scan; give its specimen")
    return (Dose(electrons=float(specimen.patterns["measured"].sum()) / specimen.gain),)


def at_half(specimen: SpecimenFit, cube: xr.DataArray) -> tuple[SpecimenFit, xr.DataArray]:
    """A match and one probe position of its scan, as a detector of pixels twice as large sees them."""
    frame = readings_for(cube[:1, :1], specimen.crystal).frame
    step = step_of(frame, "ky")
    rows, columns = (size // 2 for size in frame.shape)
    # the first two pixels become one: the beam comes to lie between what it lay on
    top, left = ((0.5 - float(frame[dim][0]) / step_of(frame, dim)) / 2 - 0.5 for dim in ("ky", "kx"))
    coarse = make_cube(
        np.ones((1, 1, rows, columns)), scan_step_A=step_of(cube, "scan_y"), k_step=(2 * step, 2 * step_of(frame, "kx")),
        center_px=(top, left), **cube.attrs,
    )  # fmt: skip
    # a pixel averages over its own width; the fitted blur knows the smaller pixel's
    blur = float(np.sqrt(specimen.conditions.blur**2 + (2**2 - 1) * step**2 / 12))
    return dataclasses.replace(specimen, conditions=dataclasses.replace(specimen.conditions, blur=blur), good_pixels=None), coarse
