"""A benchmark so small that it runs in a moment: a fake model on scans that need no simulation."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import xarray as xr

from polwidgets.analysis.benchmark import run
from polwidgets.analysis.benchmark.plan import Plan, Training
from polwidgets.analysis.benchmark.scans import LabelledScan, ScanRecipe
from polwidgets.crystal.base import crystals
from polwidgets.cube.schema import make_cube
from polwidgets.cube.unit_cell import UnitCell
from polwidgets.match.conditions import Conditions
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.base import models
from polwidgets.models.prediction import make_prediction
from polwidgets.progress import Progress

FAKE = "fake"


@dataclasses.dataclass(frozen=True)
class FakeScan(ScanRecipe):
    """Counts that say their own direction: the intensity is ten times the class."""

    direction_deg: float = 45.0
    wall: bool = False
    made: ClassVar[list[str]] = []

    def make(self, *, progress: Progress) -> LabelledScan:
        self.made.append(self.name)
        progress("make", 1.0)
        truth = np.full((8, 12), self.direction_deg)
        if self.wall:
            truth[:, 6:] = (self.direction_deg + 180) % 360
        counts = np.ones((8, 12, 3, 5)) * (10 * truth / 45 + 10)[..., None, None]
        cube = make_cube(counts.astype(np.uint16), scan_step_A=(2.0, 1.985), k_step=0.1, voltage_kV=200.0, semiangle_mrad=24.0)
        return LabelledScan(cube, truth, 0.15)


@dataclasses.dataclass
class FakeModel:
    """Reads the class from the intensity; wrong by `shift` classes wherever the seed's coin says so."""

    trains_on: ClassVar[Literal["specimen", "patterns"]] = "patterns"
    contexts: ClassVar[tuple[str, ...]] = ("pattern", "unit_cell")
    head_name: ClassVar[str] = "classifier"
    shift: int = 0
    trained: ClassVar[list[tuple[int, int]]] = []
    seed: int = dataclasses.field(default=-1, init=False)

    def fit(self, _: xr.Dataset, *, augmentation: Any = (), seed: int = 0, progress: Progress) -> FakeModel:
        self.trained.append((seed, len(augmentation)))
        self.seed = seed
        progress("train", 1.0)
        return self

    def predict(self, cube: xr.DataArray, specimen: SpecimenFit, *, context: str, progress: Progress) -> xr.Dataset:
        assert self.seed >= 0
        assert specimen.score > 0
        progress("map", 0.5)
        right = np.round(cube.values.mean((2, 3)) / 10 - 1).astype(int)
        coin = np.random.default_rng(self.seed).random(right.shape) < (0.25 if context == "pattern" else 0)
        found = (right + self.shift * coin) % 8
        probability = 0.9 * (found[..., None] == np.arange(8)) + 0.1 / 8
        return make_prediction(cube, probability=probability, attrs={})

    def save(self, path: Path) -> None:
        Path(path).write_text(f"{self.shift} {self.seed}")

    @classmethod
    def load(cls, path: Path) -> FakeModel:
        shift, seed = Path(path).read_text().split()
        model = cls(int(shift))
        model.seed = int(seed)
        return model


@dataclasses.dataclass(frozen=True)
class Done:
    """Names of the scans that were made; seed and number of augmentations of every training."""

    made: list[str]
    trained: list[tuple[int, int]]

    def clear(self) -> None:
        self.made.clear()
        self.trained.clear()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, specimen: SpecimenFit) -> Done:
    """The fake model registered, patterns without simulation, and a match that finds the one specimen; what was done."""
    models.names()
    monkeypatch.setitem(models._parts, FAKE, FakeModel)
    monkeypatch.setattr(run, "match", lambda *_, **__: specimen)
    monkeypatch.setattr(run, "training_patterns", lambda *_, **__: xr.Dataset({"intensity": (("sample", "ky", "kx"), np.ones((4, 3, 5)))}))
    done = Done(FakeScan.made, FakeModel.trained)
    done.clear()
    return done


@pytest.fixture
def specimen() -> SpecimenFit:
    """A match with a lattice along the scan."""
    coords = {"ky": [0.0, 0.1, 0.2], "kx": np.arange(5) * 0.1}
    patterns = xr.Dataset(
        {name: (("ky", "kx"), np.full((3, 5), value)) for name, value in (("measured", 2.0), ("model", 3.0))}, coords=coords
    )
    lattice = UnitCell(np.array([[0.1, 0.2], [0.25, 0.0], [0.01, 0.25]]))
    return SpecimenFit(
        crystal=crystals.build("knn"), voltage_kV=200.0, semiangle_mrad=24.0, conditions=Conditions(thickness_A=123.0, rotation_deg=4.0),
        errors={"thickness_A": 1.5}, score=0.97, misfit=1.1, gain=1.2, dose=900.0, background=(0.5, 0.25), patterns=patterns,
        unit_cell=lattice, scan_rotation_deg=5.0, good_pixels=np.arange(15).reshape(3, 5) != 4,
    )  # fmt: skip


@pytest.fixture
def plan() -> Callable[..., Plan]:
    """Two scans, and the fake model trained in two ways."""

    def make(*, seeds: int = 2, shift: int = 1, recipe: str = "study") -> Plan:
        scans = (FakeScan("1S", "", "study"), FakeScan("P1", "", "pseudo-experimental", 90.0, wall=True))
        ways = itertools.product(range(seeds), ("none", "study"))
        trainings = [Training(FAKE, (("shift", shift),), recipe, (("positions", 4),), noise, "none", seed) for seed, noise in ways]  # type: ignore[arg-type]
        return Plan(scans, tuple(trainings), leak_positions=4)

    return make
