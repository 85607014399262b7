"""The context network: it reads a whole unit cell at a time, conditioned on the matched thickness and mistilt."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from polwidgets import __version__
from polwidgets.crystal.base import crystals
from polwidgets.directions import ANGLES_DEG, NAMES
from polwidgets.match.measurement import FLOOR, Readings
from polwidgets.match.scan import readings_for
from polwidgets.match.sliding_cell import sharpen_walls
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.base import Context, Trains, check_optics, models, restore
from polwidgets.models.prediction import make_prediction
from polwidgets.perturb.base import Perturbation
from polwidgets.progress import Progress, silent
from polwidgets.registry import parameter
from polwidgets.simulate.patterns import frequencies
from polwidgets.training.calibration import fit_temperature
from polwidgets.training.cell_draws import CellDraws, source_factor
from polwidgets.training.cells import FRAME, K_STEP, ORDER, SlidingCells, Symmetry, cell_pixels, in_reach, symmetries
from polwidgets.training.frame import Frame, view_in
from polwidgets.training.loop import Schedule, train
from polwidgets.training.split import split_specimens
from polwidgets.training.tensor_file import load_tensors, save_tensors

PERIODS_A: Final = (1000.0, 500.0, 300.0, 200.0, 140.0)  # of waves in the thickness, the finest near an extinction distance
VALIDATIONS: Final = 2  # draws of noise for every validation cell
UNSEEN: Final = 0.1  # share of the pixels that may be missing
THICKNESS_MARGIN_A: Final = 20.0  # beyond the trained range, over which trust falls to zero
TILT_MARGIN_mrad: Final = 1.0


@dataclasses.dataclass(frozen=True)
class LearntCells:
    """What `CellNet` keeps of its training."""

    tensors: dict[str, torch.Tensor]
    temperature: float
    training: dict[str, Any]


@models.register("cell_net")
@dataclasses.dataclass
class CellNet:
    """A network for the unit cell around every probe position: its patterns, folded by their phase, to a direction.

    The patterns of a cell come as their series in the phase (see `polwidgets.training.cells`). One embedding of the
    pixels is shared by all terms; two layers mix the terms, each scaled and shifted by what the match knows: thickness,
    mistilt and electrons in the cell. The eight symmetries of the square are used in training and averaged over in
    prediction, so a turned specimen gives the turned map. Beside a wall the cell of the position's own side is taken.
    """

    trains_on: ClassVar[Trains] = "cells"
    contexts: ClassVar[tuple[Context, ...]] = ("unit_cell",)
    embedding: int = parameter(48, "numbers that every term's pixels are reduced to", min=4, max=512, step=1)
    hidden: int = parameter(256, "width of the layers that mix the terms", min=16, max=2048, step=1)
    epochs: int = parameter(24, "passes over the training cells", min=1, max=1000, step=1)
    batch: int = parameter(16, "cells a step, in all eight directions", min=1, max=256, step=1)
    learning_rate: float = parameter(2e-3, "of Adam, at the start", min=1e-6, max=0.1, step=1e-4)
    learnt: LearntCells | None = dataclasses.field(default=None, init=False, repr=False, compare=False)

    def fit(
        self,
        training: SpecimenFit | xr.Dataset,
        *,
        augmentation: Sequence[Perturbation] = (),  # noqa: ARG002, noise, source, background and walls are drawn here
        seed: int = 0,
        progress: Progress = silent,
        checkpoint: str | Path | None = None,
    ) -> Self:
        """Learn from labelled cells (cell, direction, term, pixel), see `polwidgets.training.cell_recipes`."""
        if not isinstance(training, xr.Dataset) or "series" not in training:
            raise TypeError(
                f"cell_net learns from a Dataset of labelled cells (matched_cells or randomised_cells), got {type(training).__name__}"
            )
        split = split_specimens(training["specimen"].values, seed=seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = _Module(self.embedding, self.hidden)
        task = _Task(module, training, split.training, split.validation, seed)
        schedule = Schedule(self.epochs, self.batch, self.learning_rate, weight_decay=0.0, patience=self.epochs, decay=True)
        run = f"{dataclasses.replace(self)} seed {seed} {training.attrs} {dict(training.sizes)}"
        history = train(module, task, schedule, seed=seed, progress=progress, label="train cell_net", checkpoint=checkpoint, run=run)
        scores, target = task.validation_scores()
        polar = target.max(1) > 0.5
        scores, label = scores[polar], target[polar].argmax(1)
        tilt = np.hypot(training["tilt_y_mrad"], training["tilt_x_mrad"])
        about = {
            **training.attrs,
            "cells": training.sizes["cell"] * training.sizes["direction"],
            "thickness_low_A": float(training["thickness_A"].min()),
            "thickness_high_A": float(training["thickness_A"].max()),
            "tilt_high_mrad": float(tilt.max()),
            "validated_on": split.by,
            "validation_loss": min(history.validation),
            "validation_right": float((scores.argmax(1) == label).mean()),
        }
        tensors = {name: value.cpu() for name, value in module.state_dict().items()}
        self.learnt = LearntCells(tensors, fit_temperature(scores, label), about)
        return self

    def predict(self, cube: xr.DataArray, specimen: SpecimenFit, *, context: Context, progress: Progress = silent) -> xr.Dataset:
        """Class probabilities and confidence at every probe position, from the unit cell around it."""
        learnt = self._trained()
        if context not in self.contexts:
            raise ValueError(f"cell_net reads unit cells, not single patterns: context must be 'unit_cell', got {context!r}")
        if specimen.unit_cell is None:
            raise ValueError("the specimen was matched to a lone pattern, which has no lattice; use pw.match(cube)")
        _check_experiment(learnt, specimen)
        readings = readings_for(cube, specimen.crystal, specimen.good_pixels)
        cells = SlidingCells(cube, specimen.unit_cell, readings.lit)
        patterns = _weighted(readings, specimen, cells)
        module = self._module(learnt)
        log_probability = np.zeros((*readings.scan_shape, len(NAMES)))
        for number, symmetry in enumerate(symmetries()):
            log_probability += _log_probability(module, patterns, cells, specimen, symmetry) / len(symmetries())
            progress("read the polarization", (number + 1) / len(symmetries()))
        evidence = sharpen_walls(log_probability / learnt.temperature, cube, specimen.unit_cell)
        probability = np.exp(evidence - evidence.max(-1, keepdims=True))
        # where hardly any pattern was lit nothing is known
        probability[cells.patterns < 0.5 * cells.patterns.max()] = 1.0
        probability /= probability.sum(-1, keepdims=True)
        turn = specimen.rotation_deg - specimen.scan_rotation_deg
        return make_prediction(
            cube,
            # classes are named by the nearest direction in the scan frame
            probability=np.roll(probability, round(turn / 45.0), axis=-1),
            direction_deg=np.asarray(ANGLES_DEG)[evidence.argmax(-1)] + turn,
            trust=specimen.trust * _familiar(learnt, specimen),
            attrs={"model": "cell_net", "context": context, "training": str(learnt.training.get("recipe", "")), **specimen.attrs()},
        )

    def save(self, path: str | Path) -> None:
        """Write parameters and what was learnt as safetensors with JSON metadata."""
        learnt = self._trained()
        about = {
            "model": models.to_json(self),
            "temperature": learnt.temperature,
            "training": learnt.training,
            "versions": {"polwidgets": __version__, "torch": torch.__version__},
        }
        save_tensors(path, learnt.tensors, about)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote; nothing is ever unpickled."""
        tensors, about = load_tensors(path)
        model = restore(str(about.get("model")), cls, path)
        try:
            model.learnt = LearntCells(tensors, float(about["temperature"]), about["training"])
            model._module(model.learnt)  # noqa: SLF001, its own
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{path} does not hold a whole {cls.__name__}: {error}; save the model again") from error
        return model

    def _trained(self) -> LearntCells:
        if self.learnt is None:
            raise ValueError("cell_net has not been trained; call fit, load a trained one, or use the shipped weights (weights='shipped')")
        return self.learnt

    def _module(self, learnt: LearntCells) -> _Module:
        module = _Module(self.embedding, self.hidden)
        module.load_state_dict(learnt.tensors)
        return module.eval()


class _Module(nn.Module):
    """Embedding of the pixels, two conditioned layers over the terms, scores of the eight classes."""

    def __init__(self, embedding: int, hidden: int) -> None:
        super().__init__()
        terms = 2 * len(frequencies(ORDER)) - 2
        self.embed = nn.Linear(len(cell_pixels()), embedding, bias=False)
        self.mix = nn.Linear(terms * embedding, hidden)
        self.again = nn.Linear(hidden, hidden)
        self.condition = nn.Sequential(nn.Linear(2 * len(PERIODS_A) + 7, 128), nn.GELU(), nn.Linear(128, 4 * hidden))
        self.scores = nn.Linear(hidden, len(NAMES))

    def forward(self, embedded: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        """Scores (n, 8) of embedded cells (n, term, embedding) under conditions (n, 17)."""
        scale, shift, scale_again, shift_again = self.condition(conditions).chunk(4, -1)
        features = functional.gelu(self.mix(embedded.flatten(1)) * (1 + scale) + shift)
        features = features + functional.gelu(self.again(features) * (1 + scale_again) + shift_again)
        scores: torch.Tensor = self.scores(features)
        return scores


def _conditions(thickness_A: torch.Tensor, tilt_mrad: torch.Tensor, electrons: torch.Tensor) -> torch.Tensor:
    """What the match knows of cells (n, 17), in numbers of order one: thickness, its waves, mistilt (up, right), electrons."""
    waves = 2 * torch.pi * thickness_A[:, None] / torch.tensor(PERIODS_A)
    up, right = (tilt_mrad / 3).unbind(-1)
    rest = [thickness_A / 300 - 1, up, right, up * up, right * right, up * right, torch.log10(electrons.clamp_min(1.0)) - 5]
    return torch.cat([torch.cos(waves), torch.sin(waves), torch.stack(rest, -1)], -1).float()


class _Task:
    """Labelled cells as the training loop sees them."""

    def __init__(
        self, module: _Module, labelled: xr.Dataset, training: NDArray[np.int64], validation: NDArray[np.int64], seed: int
    ) -> None:
        self.module = module
        self.draws = CellDraws.of(labelled)
        self.training, self.validation = (torch.from_numpy(each).repeat(labelled.attrs["draws"]) for each in (training, validation))
        self.count, self.seed = len(self.training), seed

    def loss(self, index: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return functional.cross_entropy(*self._scores(self.training[index], generator))

    def validate(self) -> float:
        scores, target = (torch.from_numpy(array) for array in self.validation_scores())
        return float(functional.cross_entropy(scores, target))

    def validation_scores(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scores and true probabilities (n, 8)."""
        generator = torch.Generator().manual_seed(self.seed)
        with torch.inference_mode():
            parts = [self._scores(part, generator) for _ in range(VALIDATIONS) for part in torch.split(self.validation, 16)]
        scores, target = (torch.cat(each).numpy() for each in zip(*parts, strict=True))
        return scores, target

    def _scores(self, index: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        drawn = self.draws(index, generator)
        conditions = _conditions(drawn.thickness_A, drawn.tilt_mrad, drawn.electrons)
        return self.module(self.module.embed(drawn.series), conditions), drawn.target


def _weighted(readings: Readings, specimen: SpecimenFit, cells: SlidingCells) -> NDArray[np.float32]:
    """Patterns (scan_y, scan_x, pixel) in the network's frame, every pixel in units of its own counting noise."""
    view = view_in(FRAME, Frame.of_scan(readings.frame, specimen), readings.frame.values)
    used = in_reach()
    seen = view.seen[used]
    if seen.mean() < 1 - UNSEEN:
        raise ValueError(
            f"the scan's detector shows {seen.mean():.0%} of the pixels that cell_net reads, which reach to "
            f"{np.abs(cell_pixels()).max():.2f} 1/angstrom; use unit_cell_match, or leave fewer pixels out"
        )
    unit = np.float32(specimen.dose * K_STEP**2)
    patterns = np.concatenate([view(readings.block(part))[:, used] / unit for part in readings.chunks()])
    patterns = patterns.reshape(*readings.scan_shape, -1)
    mean = cells.mean(patterns)[0].clip(min=0)
    return np.asarray(patterns * np.where(seen, (mean + FLOOR * mean.max()) ** -0.5, 0.0).astype(np.float32))


def _log_probability(
    module: _Module, patterns: NDArray[np.float32], cells: SlidingCells, specimen: SpecimenFit, symmetry: Symmetry
) -> NDArray[np.float32]:
    """Of the eight classes along the crystal's axes (scan_y, scan_x, 8), as the network reads the transformed specimen."""
    found = specimen.conditions
    with torch.inference_mode():
        embedded = module.embed(torch.from_numpy(patterns)[..., symmetry.pixels]).numpy()
        # folding is linear, so the embedded patterns are folded, which are fewer numbers
        series = torch.from_numpy(cells.series(embedded))[..., 1:, :].flatten(0, 1)
        factor = source_factor(torch.tensor([found.source_A]), float(specimen.crystal.cell_A[0]))
        series = (series * factor[..., None])[:, symmetry.terms] * symmetry.signs[:, None]
        electrons = torch.from_numpy(cells.patterns).flatten() * (specimen.dose / specimen.gain)
        tilt = symmetry.tilt(torch.tensor(found.crystal_tilt_mrad))
        conditions = _conditions(torch.full_like(electrons, specimen.thickness_A), tilt.expand(len(electrons), 2), electrons)
        scores = functional.log_softmax(module(series, conditions), -1)
    before = torch.empty(len(NAMES), dtype=torch.long)
    before[symmetry.directions] = torch.arange(len(NAMES))
    return scores[:, before].reshape(*patterns.shape[:2], -1).numpy()


def _familiar(learnt: LearntCells, specimen: SpecimenFit) -> float:
    """One within what the network was trained on, falling to zero beyond."""
    low, high, largest = (float(learnt.training[name]) for name in ("thickness_low_A", "thickness_high_A", "tilt_high_mrad"))
    beyond = max(low - specimen.thickness_A, specimen.thickness_A - high, 0.0) / THICKNESS_MARGIN_A
    tilted = max(float(np.hypot(specimen.tilt_y_mrad, specimen.tilt_x_mrad)) - largest, 0.0) / TILT_MARGIN_mrad
    return max(0.0, 1.0 - beyond) * max(0.0, 1.0 - tilted)


def _check_experiment(learnt: LearntCells, specimen: SpecimenFit) -> None:
    """Say why weights that were trained for another experiment cannot be used."""
    check_optics(learnt.training, specimen)
    trained_for, met_crystal = learnt.training["crystal"], crystals.name_of(specimen.crystal)
    if trained_for != met_crystal:
        raise ValueError(f"cell_net was trained for the crystal {trained_for}, the scan was matched to {met_crystal}; train it for that")
