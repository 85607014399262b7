"""What a random split hides: the same model and the same patterns, split in three ways.

A periodic scan holds every pattern several times. A random split puts copies of training patterns into the test set; a
split that keeps copies together still shares the specimen; only the split by specimen asks what the next one will ask.
"""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.crystal.base import crystals, displaced
from polwidgets.directions import nearest_class
from polwidgets.models.base import models
from polwidgets.models.per_pattern import PatternModel
from polwidgets.progress import Progress
from polwidgets.training.frame import View
from polwidgets.training.study import study_patterns

Split = Literal["random", "copies together", "specimen"]
SPLITS: Final = get_args(Split)
SPECIMENS: Final = ((200.0, 0.15), (193.0, 0.14), (207.0, 0.16), (200.0, 0.155))  # thickness and displacement, angstrom
TESTED: Final = 0.2
CHUNK: Final = 1024


def leak_scans(*, positions: int, seed: int, progress: Progress) -> xr.Dataset:
    """Scans of 2 x 2 cells of four nearly equal specimens, eight directions each, every scan with its own corner in the cell.

    They are as alike as one would prepare them: 20 nm within a cell or two, the displacement within 7 %.
    """
    scans = []
    for number, (thickness_A, displacement_A) in enumerate(SPECIMENS):
        scan = study_patterns(
            displaced(crystals.build("knn"), displacement_A=displacement_A), positions=positions, cells=2, thickness_A=thickness_A,
            seed=10 * seed + number, progress=progress,
        )  # fmt: skip
        scans.append(scan.assign_coords(specimen=("sample", np.full(scan.sizes["sample"], number))))
    return xr.concat(scans, "sample", data_vars="minimal", coords="minimal", compat="override", join="override", combine_attrs="override")


def split(labelled: xr.Dataset, how: Split, *, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of training and test patterns.

    Parameters
    ----------
    how : {"random", "copies together", "specimen"}
        Every pattern by itself, as in the study; every place in the cell by itself; the last specimen is tested.
    """
    rng = np.random.default_rng(seed)
    specimen = labelled["specimen"].values
    if how == "specimen":
        tested = specimen == specimen.max()
    elif how == "random":
        tested = rng.random(len(specimen)) < TESTED
    else:
        # a corner's place differs by rounding from cell to cell
        place = np.round(np.stack([labelled["cell_y"].values, labelled["cell_x"].values]) % 1.0, 6) % 1.0
        _, group = np.unique(np.stack([specimen, *place]), axis=1, return_inverse=True)
        tested = (rng.random(group.max() + 1) < TESTED)[group]
    return np.flatnonzero(~tested), np.flatnonzero(tested)


def leak_check(name: str, parameters: dict[str, Any], labelled: xr.Dataset, how: Split, *, seed: int, progress: Progress) -> float:
    """Share of test patterns that a per-pattern model names rightly, under one split.

    The model's own validation patterns are drawn from the training scans in every case, so that the split alone differs.
    """
    model = models.build(name, **parameters)
    if not isinstance(model, PatternModel):
        raise TypeError(f"the leak check wants a model that scores single patterns, {name} is none; use pca_knn or a network")
    alike = labelled.assign_coords(specimen=("sample", np.zeros(labelled.sizes["sample"], np.int64)))
    training, tested = split(labelled, how, seed=seed)
    model.fit(alike.isel(sample=training), seed=seed, progress=progress)
    test = labelled.isel(sample=tested)
    rows = test["intensity"].values.reshape(len(tested), -1).astype(np.float32)
    score = model.scorer(model.trained(), View(None, np.ones(rows.shape[1], bool)))
    found = np.concatenate([score(rows[start : start + CHUNK]).argmax(1) for start in range(0, len(rows), CHUNK)])
    return float((found == nearest_class(test["direction_deg"].values)).mean())
