"""What all models share that read every pattern by itself: frame, prediction, pooling over the cell, file."""

from __future__ import annotations

import abc
import dataclasses
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from polwidgets import __version__
from polwidgets.directions import ANGLES_DEG, NAMES, nearest_class
from polwidgets.match.scan import readings_for
from polwidgets.match.sliding_cell import pool_over_cell, window_size
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.base import Context, Trains, check_optics, models, restore
from polwidgets.models.prediction import make_prediction
from polwidgets.perturb.base import Perturbation
from polwidgets.progress import Progress, silent
from polwidgets.training.calibration import Calibration
from polwidgets.training.frame import Frame, View, view_in
from polwidgets.training.tensor_file import load_tensors, save_tensors

CHUNK: Final = 1024  # positions at a time
UNSEEN: Final = 0.05  # of the intensity that the training patterns had: more must not be missing

Scorer = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclasses.dataclass(frozen=True)
class Learnt:
    """What every per-pattern model keeps of its training.

    Attributes
    ----------
    frame : Frame
        Of the patterns that it was trained on.
    mean : float32 tensor (pixel,)
        Mean training pattern, every pattern over its own mean.
    tensors : dict
        The model's own.
    calibration : Calibration
    training : dict
        Attributes of the training patterns: optics, recipe, seed.
    """

    frame: Frame
    mean: torch.Tensor
    tensors: dict[str, torch.Tensor]
    calibration: Calibration
    training: dict[str, Any]


@dataclasses.dataclass
class PatternModel(abc.ABC):
    """A model that scores the eight classes, along the crystal's axes, for every pattern by itself."""

    trains_on: ClassVar[Trains] = "patterns"
    contexts: ClassVar[tuple[Context, ...]] = ("pattern", "unit_cell")
    learnt: Learnt | None = dataclasses.field(default=None, init=False, repr=False, compare=False)

    @abc.abstractmethod
    def scorer(self, learnt: Learnt, view: View) -> Scorer:
        """From counts (pattern, good pixel) of a detector to scores (pattern, 8)."""

    def direction_deg(self, log_probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Direction along the crystal's axes from log probabilities (..., 8): the most probable class's."""
        return np.asarray(np.array(ANGLES_DEG)[log_probability.argmax(-1)])

    def predict(self, cube: xr.DataArray, specimen: SpecimenFit, *, context: Context, progress: Progress = silent) -> xr.Dataset:
        """Class probabilities and confidence at every probe position, from the pattern alone or pooled over a unit cell."""
        learnt = self.trained()
        readings = readings_for(cube, specimen.crystal, specimen.good_pixels)
        view = view_in(learnt.frame, Frame.of_scan(readings.frame, specimen), readings.frame.values)
        _check_experiment(learnt, specimen, view)
        score = self.scorer(learnt, view)
        rows = np.empty((len(readings.counts), len(NAMES)))
        for part in readings.chunks(CHUNK):
            rows[part] = learnt.calibration.log_probability(score(readings.block(part)))
            progress("read the polarization", min(1.0, part.stop / len(rows)))
        # where the beam was blanked nothing is known
        rows[~readings.lit] = -np.log(len(NAMES))
        evidence = rows.reshape(*readings.scan_shape, len(NAMES))
        if context == "unit_cell" and specimen.unit_cell is not None:
            patterns = float(np.prod(window_size(cube, specimen.unit_cell)))
            evidence = learnt.calibration.pooled(pool_over_cell(evidence, cube, specimen.unit_cell), patterns)
        turn = specimen.rotation_deg - specimen.scan_rotation_deg
        return make_prediction(
            cube,
            # classes are named by the nearest direction in the scan frame
            probability=np.roll(np.exp(evidence), round(turn / 45.0), axis=-1),
            direction_deg=self.direction_deg(evidence) + turn,
            trust=specimen.trust,
            attrs={"model": models.name_of(self), "context": context, **specimen.attrs()},  # type: ignore[arg-type]
        )

    def trained(self) -> Learnt:
        """What was learnt; an untrained model says so."""
        if self.learnt is None:
            raise ValueError(f"{models.name_of(self)} has not been trained; call fit, or load a trained one")  # type: ignore[arg-type]
        return self.learnt

    def save(self, path: str | Path) -> None:
        """Write parameters and what was learnt as safetensors with JSON metadata."""
        learnt = self.trained()
        about = {
            "model": models.to_json(self),  # type: ignore[arg-type]
            "frame": dataclasses.asdict(learnt.frame),
            "calibration": dataclasses.asdict(learnt.calibration),
            "training": learnt.training,
            "versions": {"polwidgets": __version__, "torch": torch.__version__},
        }
        save_tensors(path, {"mean": learnt.mean, **{f"learnt/{name}": value for name, value in learnt.tensors.items()}}, about)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote; nothing is ever unpickled."""
        tensors, about = load_tensors(path)
        model = restore(str(about.get("model")), cls, path)
        try:
            frame = Frame.from_dict(about["frame"])
            own = {name.removeprefix("learnt/"): value for name, value in tensors.items() if name != "mean"}
            model.learnt = Learnt(frame, tensors["mean"], own, Calibration(**about["calibration"]), about["training"])
            # a file that lacks a weight is found out here, not in the middle of a scan
            model.scorer(model.learnt, View(None, np.ones(model.learnt.mean.numel(), bool)))
        except (KeyError, TypeError, RuntimeError) as error:
            raise ValueError(f"{path} does not hold a whole {cls.__name__}: {error}; save the model again") from error
        return model


@dataclasses.dataclass(frozen=True)
class Samples:
    """Labelled patterns as a model is trained on them.

    Attributes
    ----------
    patterns : float32 tensor (sample, pixel)
        In `frame`, bad pixels filled.
    direction_deg : float32 tensor (sample,)
        Along the crystal's axes.
    specimen : array (sample,)
    frame : Frame
    attrs : dict
        Of the labelled patterns.
    """

    patterns: torch.Tensor
    direction_deg: torch.Tensor
    specimen: NDArray[np.generic]
    frame: Frame
    attrs: dict[str, Any]

    @property
    def label(self) -> NDArray[np.int8]:
        """Classes (sample,)."""
        return nearest_class(self.direction_deg.numpy())

    def described(self, augmentation: Sequence[Perturbation]) -> dict[str, Any]:
        """What a trained model keeps on record of its training."""
        own = {name: value for name, value in self.attrs.items() if isinstance(value, str | int | float)}
        return {**own, "augmentation": [repr(part) for part in augmentation]}


def samples_of(training: object, name: str) -> Samples:
    """Check labelled patterns and bring them to memory; classes that are missing are named."""
    if not isinstance(training, xr.Dataset):
        raise TypeError(f"{name} learns from a Dataset of labelled patterns (sample, ky, kx), got {type(training).__name__}")
    intensity = training["intensity"].transpose("sample", "ky", "kx").values
    if not np.isfinite(intensity).all():
        raise ValueError(f"{int((~np.isfinite(intensity)).any((1, 2)).sum())} training patterns hold NaN or infinity; leave them out")
    frame = Frame.of_patterns(training)
    good = training["good_pixels"].values if "good_pixels" in training.coords else np.ones(frame.shape, bool)
    view = view_in(frame, frame, np.where(good, np.cumsum(good).reshape(good.shape) - 1, -1))
    rows = np.ascontiguousarray(intensity.reshape(len(intensity), -1)[:, good.ravel()], np.float32)
    turn = float(training.attrs.get("rotation_deg", 0.0)) - float(training.attrs.get("scan_rotation_deg", 0.0))
    direction = (training["direction_deg"].values - turn) % 360.0
    missing = sorted(set(range(len(NAMES))) - set(nearest_class(direction).tolist()))
    if missing:
        warnings.warn(
            f"the training patterns hold no {', '.join(NAMES[index] for index in missing)}: {name} will not learn to name them",
            UserWarning, stacklevel=3,
        )  # fmt: skip
    specimen = training["specimen"].values if "specimen" in training.coords else np.zeros(len(rows))
    return Samples(torch.from_numpy(view(rows)), torch.from_numpy(direction.astype(np.float32)), specimen, frame, training.attrs)


def _check_experiment(learnt: Learnt, specimen: SpecimenFit, view: View) -> None:
    """Say why weights that were trained for another experiment cannot be used."""
    check_optics(learnt.training, specimen)
    missed = 1 - float(learnt.mean.numpy()[view.seen].sum() / learnt.mean.sum())
    if missed > UNSEEN:
        reach = max(float(np.abs(axis).max()) for axis in (learnt.frame.ky, learnt.frame.kx))
        raise ValueError(
            f"the scan's detector misses {missed:.0%} of the intensity of the patterns that the weights were trained on, which reach to "
            f"{reach:.2f} 1/angstrom; train for this detector, or leave fewer pixels out"
        )
