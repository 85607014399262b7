"""What a model is: it learns from a matched specimen or from labelled patterns, and reads the polarization of a scan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final, Literal, Protocol, Self, TypeVar

import xarray as xr

from polwidgets.match.specimen import SpecimenFit
from polwidgets.perturb.base import Perturbation
from polwidgets.progress import Progress
from polwidgets.registry import Registry

Context = Literal["pattern", "unit_cell"]
Kind = TypeVar("Kind")


class Model(Protocol):
    """An estimator part: a plain dataclass whose fields are its parameters."""

    trains_on: ClassVar[Literal["specimen", "patterns"]]
    """What `fit` takes: a `SpecimenFit`, or a Dataset of labelled patterns (sample, ky, kx)."""

    def fit(
        self, training: SpecimenFit | xr.Dataset, *, augmentation: Sequence[Perturbation] = (), seed: int, progress: Progress
    ) -> Self:
        """Learn; returns the model itself. `augmentation` is drawn anew for every batch, never at prediction."""

    def predict(self, cube: xr.DataArray, specimen: SpecimenFit, *, context: Context, progress: Progress) -> xr.Dataset:
        """Direction, probability and confidence at every probe position, from the pattern alone or pooled over a unit cell."""

    def save(self, path: str | Path) -> None:
        """Write parameters and what was learnt; no pickle."""

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The model that `save` wrote."""


models: Final[Registry[Model]] = Registry("model", "polwidgets.models")


def restore(text: str, kind: type[Kind], path: str | Path) -> Kind:
    """The model of this kind whose parameters are `text`, read from `path`."""
    try:
        model = models.from_json(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} does not hold a saved {kind.__name__}: {error!r}; give a file that its save wrote") from error
    if not isinstance(model, kind):
        raise ValueError(f"{path} holds the model {type(model).__name__}, expected {kind.__name__}")
    return model
