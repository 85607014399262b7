"""What is trained on what, and tested where."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

from polwidgets.analysis.benchmark.scans import Group, ScanRecipe
from polwidgets.analysis.benchmark.sets import all_sets, chosen
from polwidgets.models.base import Context, models
from polwidgets.models.shipped import has_shipped
from polwidgets.training.filtering import Rule

Recipe = Literal["study", "randomised", "matched", "shipped", "none"]
RECIPES: Final[dict[str, tuple[Recipe, ...]]] = {
    "patterns": ("study", "randomised", "matched"),
    "cells": ("matched",),
    "specimen": ("none",),
}
GROUPS: Final[tuple[Group, ...]] = ("study", "anomaly", "tilted", "pseudo-experimental")
FULL_DATA: Final[Mapping[str, Mapping[str, int]]] = {
    "study": {"positions": 64, "cells": 2},
    "randomised": {"specimens": 60, "conditions": 40, "positions": 2},
    "matched": {"positions": 40},
}
QUICK_DATA: Final[Mapping[str, Mapping[str, int]]] = {
    "study": {"positions": 24, "cells": 2},
    "randomised": {"specimens": 8, "conditions": 12, "positions": 4},
    "matched": {"positions": 24},
}
QUICK_NETWORK: Final = {"epochs": 12, "batch": 32, "learning_rate": 1e-3, "patience": 12}  # few patterns: smaller and longer steps
QUICK_MODELS: Final = ("unit_cell_match", "cell_net", "pca_knn", "cnn_classifier", "cnn_regressor", "cnn_prototype")
QUICK_MATCHED: Final = "cnn_classifier"  # the network that is also trained at the matches; the others on the study's recipe alone
QUICK_SETS: Final = ("1S", "2S", "3S", "6S", "A1", "T1", "P1", "P2", "D1", "D2", "D3", "D4")
QUICK_POSITIONS: Final = 40
QUICK_SEEDS: Final = {"pca_knn": 3}
FULL_SEEDS: Final = 5
COUNTING: Final = "scan_dose"
NOISE: Final[Mapping[Recipe, str]] = {"study": "study", "randomised": "experiment", "matched": COUNTING}


@dataclasses.dataclass(frozen=True)
class Training:
    """A model and what it learns from.

    Attributes
    ----------
    parameters : tuple of (name, value)
        The model's, other than its defaults.
    recipe : {"study", "randomised", "matched", "shipped", "none"}
        Which patterns or cells; ``matched`` ones are made for every scan. ``shipped`` weights were trained before, and
        ``none`` are needed by a model that learns from the match itself.
    data : tuple of (name, value)
        The recipe's sizes.
    augmentation : str
        A preset of perturbations, or ``"scan_dose"``: counting noise at the matched scan's own dose and above.
    filter : str
        A rule of the magnitude filter.
    groups : tuple of str
        Where it is tested.
    """

    model: str
    parameters: tuple[tuple[str, Any], ...] = ()
    recipe: Recipe = "none"
    data: tuple[tuple[str, int], ...] = ()
    augmentation: str = "none"
    filter: Rule = "none"
    seed: int = 0
    groups: tuple[Group, ...] = GROUPS

    def content(self) -> dict[str, Any]:
        """What the trained model depends on."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "groups"}
        if self.recipe != "shipped":
            return own
        return {**own, "weights": _shipped_sha256(self.model)}

    @property
    def title(self) -> str:
        """In words."""
        steps = [each for each in (self.recipe, self.augmentation, self.filter) if each != "none"]
        return ", ".join([self.model, *steps, f"seed {self.seed}"])

    @property
    def contexts(self) -> tuple[Context, ...]:
        """What the model can read."""
        return models[self.model].contexts


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything that a benchmark runs.

    Attributes
    ----------
    leak_positions : int
        Probe positions along an edge of the leak check's scans.
    """

    scans: tuple[ScanRecipe, ...]
    trainings: tuple[Training, ...]
    leak_positions: int


@functools.cache
def _shipped_sha256(model: str) -> str:
    weights = files("polwidgets").joinpath("data", "weights", f"{model}.safetensors").read_bytes()
    return hashlib.sha256(weights).hexdigest()


def make_plan(
    *, quick: bool, data: Path | None = None, names: Sequence[str] = (), sets: Sequence[str] = (), seeds: int | None = None
) -> Plan:
    """The quick plan or the full one.

    Parameters
    ----------
    data : path, optional
        Folder that holds ``knn-dev``.
    names, sets : sequence of str
        Models and test sets; by default the plan's own.
    seeds : int, optional
        How often every training is repeated; by default once in the quick plan, and thrice where it costs nothing, five
        times, as in the study, in the full one.
    """
    if seeds is not None and seeds < 1:
        raise ValueError(f"seeds is {seeds}, expected at least 1: how often every training is repeated")
    known = all_sets(positions=QUICK_POSITIONS if quick else 128, data=data)
    scans = chosen(known, sets) if sets else [each for each in known if not quick or each.name in QUICK_SETS]
    wanted = names or ([name for name in QUICK_MODELS if name in models.names()] if quick else models.names())
    trainings = []
    for name in wanted:
        for seed in range(seeds or (QUICK_SEEDS.get(name, 1) if quick else FULL_SEEDS)):
            trainings += _trainings(name, seed, quick=quick)
    return Plan(tuple(scans), tuple(trainings), leak_positions=16 if quick else 32)


def _trainings(name: str, seed: int, *, quick: bool) -> list[Training]:
    """Every way in which a model is trained."""
    kind = models[name]
    network = name != "pca_knn"
    # of shipped weights nothing is drawn here: one seed says everything
    made = [Training(name, recipe="shipped")] if has_shipped(name) and seed == 0 else []
    for recipe in RECIPES[kind.trains_on]:
        if recipe == "none":
            made += [Training(name)] if seed == 0 else []
        elif kind.trains_on == "cells":
            made.append(Training(name, recipe=recipe, seed=seed, groups=_groups(recipe, quick=quick, network=network)))
        else:
            parameters: dict[str, Any] = dict(QUICK_NETWORK) if quick and network else {}
            if name == "pca_knn" and recipe == "study":
                parameters["components"] = 20
            # neighbours cost nothing to train, drawn specimens to simulate
            small = quick and (network or recipe == "randomised")
            data = tuple((QUICK_DATA if small else FULL_DATA)[recipe].items())
            groups = _groups(recipe, quick=quick, network=network)
            for augmentation, rule in _quick_variants(name, recipe) if quick else _variants(recipe):
                made.append(Training(name, tuple(parameters.items()), recipe, data, augmentation, rule, seed, groups))
    return made


def _groups(recipe: Recipe, *, quick: bool, network: bool) -> tuple[Group, ...]:
    """Where a training is tested; a network is not trained anew for every set in the quick plan."""
    return ("pseudo-experimental",) if quick and network and recipe == "matched" else GROUPS


def _variants(recipe: Recipe) -> list[tuple[str, Rule]]:
    """Augmentation and filter, each without and with."""
    noise = NOISE[recipe]
    return [("none", "none"), ("none", "above_mean"), (noise, "none"), (noise, "above_mean")]


def _quick_variants(name: str, recipe: Recipe) -> list[tuple[str, Rule]]:
    bare: tuple[str, Rule] = ("none", "none")
    noisy: tuple[str, Rule] = (NOISE[recipe], "none")
    if recipe == "study":
        return [bare, (NOISE[recipe], "above_mean")] if name in ("pca_knn", QUICK_MATCHED) else [bare]
    if name == "pca_knn":
        # its principal components average noise out, so that it may learn without
        return [bare, noisy] if recipe == "matched" else [bare]
    # drawn specimens take a network longer than a quick run has
    return [noisy] if name == QUICK_MATCHED and recipe == "matched" else []
