"""Per-pattern neural networks: a backbone, a head, and the training they share."""

from __future__ import annotations

import abc
import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import nn

from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.base import models
from polwidgets.models.heads import Head
from polwidgets.models.per_pattern import Learnt, PatternModel, Samples, Scorer, samples_of
from polwidgets.perturb.base import Perturbation
from polwidgets.progress import Progress, silent
from polwidgets.registry import parameter
from polwidgets.training.augment import augmented
from polwidgets.training.calibration import calibrate_scores
from polwidgets.training.frame import Frame, View, shares
from polwidgets.training.loop import Schedule, train
from polwidgets.training.split import Split, split_specimens

FEATURES: Final = 512
FORWARD: Final = 32  # patterns at a time: their maps stay in the cache


@dataclasses.dataclass
class Network(PatternModel, abc.ABC):
    """A network that reads one pattern: share of the dose, less the mean training pattern, in the frame it was trained in."""

    epochs: int = parameter(20, "most passes over the training patterns", min=1, max=1000, step=1)
    batch: int = parameter(128, "patterns a step", min=1, max=4096, step=1)
    learning_rate: float = parameter(2e-4, "of Adam", min=1e-6, max=0.1, step=1e-5)
    weight_decay: float = parameter(1e-4, "of Adam", min=0.0, max=0.1, step=1e-5)
    patience: int = parameter(5, "epochs without a better validation loss before training ends", min=1, max=1000, step=1)

    @abc.abstractmethod
    def backbone(self, shape: tuple[int, int]) -> nn.Module:
        """From patterns (n, 1, ky, kx) of this shape to features (n, 512)."""

    def initialise(self, module: nn.Sequential) -> None:
        """Put better weights than random ones into a new network, where there are any."""

    @abc.abstractmethod
    def head(self, features: int) -> Head:
        """From features to scores, with the loss."""

    def fit(
        self,
        training: SpecimenFit | xr.Dataset,
        *,
        augmentation: Sequence[Perturbation] = (),
        seed: int = 0,
        progress: Progress = silent,
        checkpoint: str | Path | None = None,
    ) -> Self:
        """Learn from labelled patterns (sample, ky, kx).

        Perturbations that act on patterns are drawn anew for every batch, and once for the validation set; those that
        need a scan are left out. Training goes on from `checkpoint` where the file exists, and keeps it up to date.
        """
        name = models.name_of(self)
        samples = samples_of(training, name)
        split = split_specimens(samples.specimen, seed=seed)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        mean = shares(samples.patterns[split.training]).mean(0)
        scale = (shares(samples.patterns[split.training]) - mean).std().clamp_min(1e-6)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = self._module(samples.frame.shape).to(device)
            self.initialise(module)
        task = _Task(module, samples, mean, scale, split, augmentation, seed, device)
        schedule = Schedule(self.epochs, self.batch, self.learning_rate, self.weight_decay, self.patience)
        run = "" if checkpoint is None else _fingerprint(self, samples, augmentation, seed)
        history = train(module, task, schedule, seed=seed, progress=progress, label=f"train {name}", checkpoint=checkpoint, run=run)
        calibration = calibrate_scores(
            task.validation_scores(), samples.label[split.validation], samples.specimen[split.validation], validated_on=split.by, seed=seed
        )
        about = {**samples.described(augmentation), "epochs": len(history.training), "validation_loss": min(history.validation)}
        state = {key: value.cpu() for key, value in module.state_dict().items()}
        self.learnt = Learnt(samples.frame, mean, {**state, "scale": scale}, calibration, about)
        return self

    def scorer(self, learnt: Learnt, view: View) -> Scorer:
        """The network on a detector's counts."""
        module = self._trained_module(learnt)

        def score(rows: NDArray[np.float32]) -> NDArray[np.float32]:
            return _run(module, learnt, view(rows), view.seen)

        return score

    def features(self, patterns: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the trained backbone makes of patterns (n, ky, kx) on the detector it was trained on; shape (n, 512).

        A space for `polwidgets.domain_gap` and `polwidgets.gap_budget`.

        Raises
        ------
        ValueError
            Patterns of another shape than the training's.
        """
        learnt = self.trained()
        if patterns.shape[1:] != learnt.frame.shape:
            raise ValueError(
                f"the network was trained on patterns of {learnt.frame.shape} pixels, got {patterns.shape[1:]}; train it on these"
            )
        rows = np.ascontiguousarray(patterns.reshape(len(patterns), -1), np.float32)
        return _run(self._trained_module(learnt)[0], learnt, rows, np.ones(rows.shape[1], bool))

    def _trained_module(self, learnt: Learnt) -> nn.Sequential:
        module = self._module(learnt.frame.shape)
        module.load_state_dict({name: value for name, value in learnt.tensors.items() if name != "scale"})
        return module.to("cuda" if torch.cuda.is_available() else "cpu").eval()

    def _module(self, shape: tuple[int, int]) -> nn.Sequential:
        # pixel by pixel rather than map by map in memory: convolutions are faster so
        return nn.Sequential(self.backbone(shape), self.head(FEATURES)).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


class _Task:
    """Labelled patterns, a backbone and a head, as the loop sees them."""

    def __init__(
        self, module: nn.Sequential, samples: Samples, mean: torch.Tensor, scale: torch.Tensor, split: Split,
        parts: Sequence[Perturbation], seed: int, device: torch.device,
    ) -> None:  # fmt: skip
        self.module, self.frame, self.parts = module, samples.frame, parts
        self.mean, self.scale = mean.to(device), scale.to(device)
        self.patterns, self.direction = (each[split.training].to(device) for each in (samples.patterns, samples.direction_deg))
        self.count = len(split.training)
        generator = torch.Generator(device).manual_seed(seed)
        patterns, direction = (each[split.validation].to(device) for each in (samples.patterns, samples.direction_deg))
        self.validation = augmented(patterns, direction, self.frame, parts, generator)

    def _features(self, patterns: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.module[0](_standard(patterns, self.mean, self.scale, None, self.frame))
        return features

    def _head(self) -> Head:
        return self.module[1]  # type: ignore[return-value]

    def loss(self, index: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        patterns, direction = augmented(self.patterns[index], self.direction[index], self.frame, self.parts, generator)
        return self._head().loss(self._features(patterns), direction)

    def validate(self) -> float:
        parts = zip(*(torch.split(each, FORWARD) for each in self.validation), strict=True)
        losses = [float(self._head().loss(self._features(patterns), direction)) * len(patterns) for patterns, direction in parts]
        return sum(losses) / len(self.validation[0])

    def validation_scores(self) -> NDArray[np.float32]:
        with torch.inference_mode():
            parts = [self._head()(self._features(patterns)).cpu() for patterns in torch.split(self.validation[0], FORWARD)]
        return torch.cat(parts).numpy()


def _run(module: nn.Module, learnt: Learnt, rows: NDArray[np.float32], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """What a trained network, or its backbone, makes of patterns (n, pixel) in its frame."""
    device = next(module.parameters()).device
    mean, scale, known = learnt.mean.to(device), learnt.tensors["scale"].to(device), torch.from_numpy(seen).to(device)
    with torch.inference_mode():
        parts = torch.split(torch.from_numpy(rows).to(device), FORWARD)
        return np.concatenate([module(_standard(part, mean, scale, known, learnt.frame)).float().cpu().numpy() for part in parts])


def _standard(patterns: torch.Tensor, mean: torch.Tensor, scale: torch.Tensor, seen: torch.Tensor | None, frame: Frame) -> torch.Tensor:
    """What the network sees (n, 1, ky, kx) of patterns (n, pixel): deviations of their shares from the mean training pattern's.

    Pixels that are not `seen` have none, and take no part in the shares.
    """
    if seen is None or bool(seen.all()):
        deviation = (shares(patterns) - mean) / scale
    else:
        total = patterns.sum(-1, keepdim=True).clamp_min(1e-30)
        deviation = (patterns * (mean[seen].sum() / total) - mean) * seen / scale
    return deviation.reshape(-1, 1, *frame.shape)


def _fingerprint(model: Network, samples: Samples, parts: Sequence[Perturbation], seed: int) -> str:
    """What must be the same for a training to go on: everything but how many epochs it may take."""
    data = hashlib.sha256(samples.patterns.numpy().tobytes() + samples.direction_deg.numpy().tobytes()).hexdigest()[:16]
    own: dict[str, Any] = {**{field.name: getattr(model, field.name) for field in dataclasses.fields(model) if field.init}, "epochs": None}
    return f"{type(model).__name__} {own} seed {seed} augmentation {list(parts)} patterns {tuple(samples.patterns.shape)} {data}"
