"""Run a plan piece by piece; what is finished is never done twice."""

from __future__ import annotations

import csv
import dataclasses
import functools
import inspect
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.analysis.benchmark.leak import SPLITS, leak_check, leak_scans
from polwidgets.analysis.benchmark.plan import Plan, Training
from polwidgets.analysis.benchmark.scans import LabelledScan, ScanRecipe
from polwidgets.analysis.benchmark.store import (
    content_key,
    load_arrays,
    load_scan,
    load_specimen,
    save_arrays,
    save_scan,
    save_specimen,
)
from polwidgets.analysis.benchmark.training_data import augmentation, training_patterns
from polwidgets.analysis.scores import score
from polwidgets.cube.checks import inspect as inspect_scan
from polwidgets.directions import nearest_class
from polwidgets.match.matching import match
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.base import Context, Model, models
from polwidgets.models.shipped import load_shipped
from polwidgets.progress import Progress, silent
from polwidgets.training.cell_recipes import matched_cells
from polwidgets.training.tensor_file import save_bytes

LEAK_MODELS: Final[dict[str, dict[str, Any]]] = {"pca_knn": {"components": 20, "neighbours": 5}, "cnn_classifier": {}}


@dataclasses.dataclass(frozen=True)
class Result:
    """One map: what it was made with and how good it is, and the classes it names (scan_y, scan_x)."""

    record: dict[str, Any]
    direction: NDArray[np.int8]
    truth: NDArray[np.int8]


@dataclasses.dataclass(frozen=True)
class Piece:
    """Work that leaves one or two files."""

    kind: str
    title: str
    done: Callable[[], bool]
    do: Callable[[Progress], None]


class Benchmark:
    """A plan, and the folder in which its pieces lie.

    Parameters
    ----------
    plan : Plan
    folder : path
        Each piece is a file there, named by a hash of its content: interrupt the run at any time, run it again, change
        the plan, and only what is missing is done.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan, self.folder = plan, folder
        # the last few are kept: pieces that need the same come one after the other
        self._scan = functools.lru_cache(maxsize=2)(self._load_scan)
        self._specimen = functools.lru_cache(maxsize=2)(self._load_specimen)
        self._patterns = functools.lru_cache(maxsize=1)(self._make_patterns)
        self._model = functools.lru_cache(maxsize=1)(self._load_model)
        self._leak_scans = functools.lru_cache(maxsize=1)(leak_scans)

    def run(self, progress: Progress = silent) -> int:
        """Do what is not done; returns the number of pieces that were.

        Parameters
        ----------
        progress : callable
            Told the piece, with an estimate of the minutes left, and how much of all pieces is done. May raise to cancel.
        """
        pieces = self.pieces()
        waiting = [piece for piece in pieces if not piece.done()]
        spent: dict[str, list[float]] = {}
        for number, piece in enumerate(waiting):
            # a training may turn out to be done when its last map is
            if piece.done():
                continue
            finished = len(pieces) - len(waiting) + number
            label = f"{piece.title}{_left(waiting[number:], spent)}"

            def report(step: str, fraction: float, label: str = label, finished: int = finished) -> None:  # noqa: ARG001
                progress(label, (finished + min(fraction, 0.99)) / len(pieces))

            report("", 0.0)
            start = time.perf_counter(), time.process_time()
            with warnings.catch_warnings():
                # poor matches and missing classes are seen in the table
                warnings.simplefilter("ignore", UserWarning)
                piece.do(report)
            seconds, cpu_seconds = time.perf_counter() - start[0], time.process_time() - start[1]
            spent.setdefault(piece.kind, []).append(seconds)
            self._log(piece, seconds, cpu_seconds)
        return len(waiting)

    def pieces(self) -> list[Piece]:
        """Every piece of the plan in an order in which each finds what it needs."""
        pieces: list[Piece] = []
        for recipe in self.plan.scans:
            scan, specimen = (self._file(kind, recipe.content()) for kind in ("scans", "specimens"))
            pieces.append(Piece("make", f"make {recipe.name}", scan.exists, functools.partial(self._make_scan, recipe)))
            pieces.append(Piece("match", f"match {recipe.name}", specimen.exists, functools.partial(self._match, recipe)))
        general = [training for training in self.plan.trainings if training.recipe != "matched"]
        for training in sorted(general, key=lambda each: (each.recipe, each.seed, each.filter)):
            pieces += self._trained_and_mapped(training, None, [each for each in self.plan.scans if each.group in training.groups])
        matched = [training for training in self.plan.trainings if training.recipe == "matched"]
        for recipe in self.plan.scans:
            for training in sorted(matched, key=lambda each: (each.seed, each.filter)):
                if recipe.group in training.groups:
                    pieces += self._trained_and_mapped(training, recipe, [recipe])
        return pieces + self._leaks()

    def results(self) -> list[Result]:
        """Every finished map of the plan."""
        found = []
        for training in self.plan.trainings:
            for recipe in self.plan.scans:
                for context in training.contexts:
                    path = self._result_file(training, recipe, context)
                    if path.exists():
                        record, arrays = load_arrays(path)
                        found.append(Result(record, arrays["direction"], arrays["truth"]))
        return found

    def leaks(self) -> list[dict[str, Any]]:
        """What the leak check has found so far."""
        files = [self._leak_file(name, how) for name in self._leak_models() for how in SPLITS]
        return [json.loads(path.read_text(encoding="utf-8")) for path in files if path.exists()]

    def _trained_and_mapped(self, training: Training, at: ScanRecipe | None, scans: list[ScanRecipe]) -> list[Piece]:
        maps = [
            Piece(
                f"map {training.model}", f"map {recipe.name} with {training.title}",
                functools.partial(self._is_mapped, training, recipe), functools.partial(self._map, training, recipe),
            )
            for recipe in scans
        ]  # fmt: skip
        if training.recipe in ("none", "shipped"):
            return maps
        path = self._model_file(training, at)
        where = f" at {at.name}" if at else ""

        def is_trained() -> bool:
            return path.exists() or all(piece.done() for piece in maps)

        train = Piece(
            f"train {training.model} {training.recipe}",
            f"train {training.title}{where}",
            is_trained,
            functools.partial(self._train, training, at),
        )
        return [train, *maps]

    def _make_scan(self, recipe: ScanRecipe, progress: Progress) -> None:
        save_scan(self._file("scans", recipe.content()), recipe.make(progress=progress))

    def _match(self, recipe: ScanRecipe, progress: Progress) -> None:
        cube = self._scan(recipe).cube
        good_pixels = inspect_scan(cube).good_pixels.values
        save_specimen(self._file("specimens", recipe.content()), match(cube, good_pixels=good_pixels, progress=progress))

    def _train(self, training: Training, at: ScanRecipe | None, progress: Progress) -> None:
        model = models.build(training.model, **dict(training.parameters))
        # whatever learns from the same patterns shares them
        bare = dataclasses.replace(training, model="", parameters=(), augmentation="none", groups=())
        patterns = self._patterns(bare, at, model.trains_on)
        path = self._model_file(training, at)
        path.parent.mkdir(parents=True, exist_ok=True)
        checkpoint = path.with_suffix(".checkpoint")
        resumable = {"checkpoint": checkpoint} if "checkpoint" in inspect.signature(model.fit).parameters else {}
        start = time.perf_counter()
        noise = augmentation(training, specimen=self._specimen(at) if at else None)
        model.fit(patterns, augmentation=noise, seed=training.seed, progress=progress, **resumable)
        seconds = time.perf_counter() - start
        save_bytes(path.with_suffix(".json"), json.dumps({"seconds": seconds, "patterns": next(iter(patterns.sizes.values()))}).encode())
        model.save(path)
        checkpoint.unlink(missing_ok=True)

    def _map(self, training: Training, recipe: ScanRecipe, progress: Progress) -> None:
        scan, specimen = self._scan(recipe), self._specimen(recipe)
        model, about = self._model(training, recipe if training.recipe == "matched" else None)
        if model.trains_on == "specimen":
            model.fit(specimen, seed=training.seed, progress=silent)
        for context in training.contexts:
            path = self._result_file(training, recipe, context)
            if path.exists():
                continue
            start = time.perf_counter()
            prediction = model.predict(scan.cube, specimen, context=context, progress=progress)
            seconds = time.perf_counter() - start
            scores = score(prediction, scan.direction_deg, cell_px=scan.cell_px, displacement_pm=100 * scan.displacement_A)
            record = {
                "model": training.model,
                "head": getattr(model, "head_name", ""),
                "recipe": training.recipe,
                "augmentation": training.augmentation,
                "filter": training.filter,
                "context": context,
                "set": recipe.name,
                "group": recipe.group,
                "seed": training.seed,
                **dataclasses.asdict(scores),
                "thickness_nm": specimen.thickness_A / 10,
                "match_score": specimen.score,
                "training_patterns": about.get("patterns", 0),
                "training_seconds": about.get("seconds", 0.0),
                "prediction_seconds": seconds,
                "parameters": models.to_json(model),
            }
            truth = nearest_class(scan.direction_deg)
            save_arrays(path, record, {"direction": prediction["direction"].values, "truth": truth})

    def _leaks(self) -> list[Piece]:
        cases = [(name, how) for name in self._leak_models() for how in SPLITS]
        return [
            Piece(
                f"leak {case[0]}",
                f"leak check of {case[0]}, {case[1]} split",
                self._leak_file(*case).exists,
                functools.partial(self._leak, *case),
            )
            for case in cases
        ]

    def _leak_models(self) -> dict[str, dict[str, Any]]:
        """Models of the leak check that the plan trains on the study's patterns, with the parameters it gives them."""
        given = {each.model: dict(each.parameters) for each in self.plan.trainings if each.recipe == "study" and each.model in LEAK_MODELS}
        return {name: {**given[name], **LEAK_MODELS[name]} for name in LEAK_MODELS if name in given}

    def _leak(self, name: str, how: Any, progress: Progress) -> None:
        labelled = self._leak_scans(positions=self.plan.leak_positions, seed=0, progress=progress)
        accuracy = leak_check(name, self._leak_models()[name], labelled, how, seed=0, progress=progress)
        record = {"model": name, "split": how, "patterns": labelled.sizes["sample"], "accuracy": accuracy}
        path = self._leak_file(name, how)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_bytes(path, json.dumps(record).encode())

    def _leak_file(self, name: str, how: str) -> Path:
        return self.folder / "leaks" / f"{content_key(name, self._leak_models()[name], how, self.plan.leak_positions)}.json"

    def _is_mapped(self, training: Training, recipe: ScanRecipe) -> bool:
        return all(self._result_file(training, recipe, context).exists() for context in training.contexts)

    def _file(self, kind: str, *content: Any) -> Path:
        return self.folder / kind / f"{content_key(*content)}.npz"

    def _result_file(self, training: Training, recipe: ScanRecipe, context: Context) -> Path:
        return self._file("results", training.content(), recipe.content(), context)

    def _model_file(self, training: Training, at: ScanRecipe | None) -> Path:
        return self._file("models", training.content(), at.content() if at else None).with_suffix(".model")

    def _load_scan(self, recipe: ScanRecipe) -> LabelledScan:
        return load_scan(self._file("scans", recipe.content()))

    def _load_specimen(self, recipe: ScanRecipe) -> SpecimenFit:
        return load_specimen(self._file("specimens", recipe.content()))

    def _make_patterns(self, training: Training, at: ScanRecipe | None, trains_on: str) -> xr.Dataset:
        if at is None:
            return training_patterns(training, progress=silent)
        if trains_on == "cells":
            return matched_cells(self._specimen(at), self._scan(at).cube, seed=training.seed)
        return training_patterns(training, cube=self._scan(at).cube, specimen=self._specimen(at), progress=silent)

    def _load_model(self, training: Training, at: ScanRecipe | None) -> tuple[Model, dict[str, Any]]:
        if training.recipe == "none":
            return models.build(training.model, **dict(training.parameters)), {}
        if training.recipe == "shipped":
            return load_shipped(training.model), {}
        path = self._model_file(training, at)
        return models[training.model].load(path), json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))

    def _log(self, piece: Piece, seconds: float, cpu_seconds: float) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "pieces.csv").open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow([piece.kind, piece.title, f"{seconds:.2f}", f"{cpu_seconds:.2f}"])


def _left(waiting: list[Piece], spent: dict[str, list[float]]) -> str:
    """How long the waiting pieces will take, from what their like took; nothing before anything is known."""
    known = {kind: sum(seconds) / len(seconds) for kind, seconds in spent.items()}
    if not known:
        return ""
    usual = sum(known.values()) / len(known)
    minutes = sum(known.get(piece.kind, usual) for piece in waiting) / 60
    return f" ({len(waiting)} pieces, about {minutes:.0f} min left)"
