"""The patterns of every recipe, on detectors of about 32 x 32 pixels."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import xarray as xr

from polwidgets.analysis.benchmark.plan import COUNTING, Training
from polwidgets.match.specimen import SpecimenFit
from polwidgets.perturb.base import Perturbation
from polwidgets.perturb.dose import Dose
from polwidgets.perturb.presets import preset
from polwidgets.progress import Progress
from polwidgets.training.filtering import magnitude_filter
from polwidgets.training.labelled import labelled_patterns
from polwidgets.training.matched import matched_patterns
from polwidgets.training.randomised import randomised_patterns
from polwidgets.training.study import study_patterns

DOSES: Final = 30.0  # times the scan's dose: from noise alone a network does not begin to learn


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
        labelled = binned(matched_patterns(specimen, cube, **sizes, seed=training.seed, progress=progress))
    return magnitude_filter(labelled, training.filter)


def augmentation(training: Training, *, specimen: SpecimenFit | None = None) -> tuple[Perturbation, ...]:
    """The perturbations that a training draws."""
    if training.augmentation != COUNTING:
        return preset(training.augmentation)
    if specimen is None:
        raise ValueError(f"the augmentation {COUNTING!r} takes its dose from a matched scan; give its specimen")
    return (Dose(electrons=DOSES * specimen.recorded_electrons, least=1 / DOSES),)


def binned(labelled: xr.Dataset) -> xr.Dataset:
    """Labelled patterns on pixels twice as large; one that holds a bad pixel is bad, an odd row or column is left out."""
    rows, columns = (labelled.sizes[dim] // 2 for dim in ("ky", "kx"))
    whole = labelled.isel(ky=slice(2 * rows), kx=slice(2 * columns))
    return labelled_patterns(
        whole["intensity"].values.reshape(-1, rows, 2, columns, 2).sum((2, 4)),
        ky=whole["ky"].values.reshape(rows, 2).mean(1),
        kx=whole["kx"].values.reshape(columns, 2).mean(1),
        direction_deg=whole["direction_deg"].values,
        thickness_A=whole["thickness_A"].values,
        specimen=whole["specimen"].values,
        phase=np.stack([whole["cell_y"].values, whole["cell_x"].values], -1),
        good_pixels=np.asarray(whole["good_pixels"].values.reshape(rows, 2, columns, 2).all((1, 3))),
        attrs=labelled.attrs,
    )
