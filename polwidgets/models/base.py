"""What a model is: it learns from a matched specimen or from labelled patterns, and reads the polarization of a scan."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Protocol, Self, TypeVar

import xarray as xr

from polwidgets.match.specimen import SpecimenFit
from polwidgets.perturb.base import Perturbation
from polwidgets.progress import Progress
from polwidgets.registry import Registry
from polwidgets.training.tensor_file import load_tensors

Context = Literal["pattern", "unit_cell"]
Trains = Literal["specimen", "patterns", "cells"]
Kind = TypeVar("Kind")
OPTICS: Final = 0.03  # relative difference of voltage or semi-angle that changes no pattern much


class Model(Protocol):
    """An estimator part: a plain dataclass whose fields are its parameters."""

    trains_on: ClassVar[Trains]
    """What `fit` takes: a `SpecimenFit`, a Dataset of labelled patterns (sample, ky, kx), or one of labelled cells."""
    contexts: ClassVar[tuple[Context, ...]]
    """What it can read: single patterns, whole unit cells, or both."""

    def fit(self, training: SpecimenFit | xr.Dataset, *, augmentation: Sequence[Perturbation] = (), seed: int, progress: Progress) -> Self:
        """Learn; returns the model itself. `augmentation` is drawn anew for every batch, never at prediction."""

    def predict(self, cube: xr.DataArray, specimen: SpecimenFit, *, context: Context, progress: Progress) -> xr.Dataset:
        """Direction, probability and confidence at every probe position, from the pattern alone or pooled over a unit cell."""

    def save(self, path: str | Path) -> None:
        """Write parameters and what was learnt; no pickle."""

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The model that `save` wrote."""


models: Final[Registry[Model]] = Registry("model", "polwidgets.models")


def load_model(path: str | Path) -> Model:
    """The trained model in a file, whichever it is; no pickle is ever opened.

    Raises
    ------
    ValueError
        The file is broken, or not of a model.
    """
    with Path(path).open("rb") as file:
        text = file.read(1) == b"{"
    parameters = Path(path).read_text(encoding="utf-8", errors="replace") if text else str(load_tensors(path)[1].get("model"))
    try:
        name = str(json.loads(parameters)["model"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} does not hold a saved model; give a file that a model's save or `polwidgets train` wrote") from error
    return models[name].load(path)


def check_optics(trained: Mapping[str, Any], specimen: SpecimenFit) -> None:
    """Refuse weights that were trained for another voltage or semi-angle, where their training tells."""
    for name in ("voltage_kV", "semiangle_mrad"):
        known, met = trained.get(name), getattr(specimen, name)
        if known is not None and abs(met / float(known) - 1) > OPTICS:
            raise ValueError(f"the weights were trained for {name} {float(known):g}, the scan has {met:g}; train for this microscope")


def restore(text: str, kind: type[Kind], path: str | Path) -> Kind:
    """The model of this kind whose parameters are `text`, read from `path`."""
    try:
        model = models.from_json(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} does not hold a saved {kind.__name__}: {error!r}; give a file that its save wrote") from error
    if not isinstance(model, kind):
        raise ValueError(f"{path} holds the model {type(model).__name__}, expected {kind.__name__}")
    return model
