"""The training loop: Adam, early stopping on a validation loss, the best state kept, resumable to the bit."""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from pathlib import Path
from typing import Any, Final, Protocol

import torch

from polwidgets.progress import Progress
from polwidgets.training.tensor_file import load_tensors, save_tensors

CHECKPOINT_SECONDS: Final = 60.0  # work that a kill may cost
SEEDS: Final = 1_000_003  # epochs of neighbouring seeds draw apart


class Task(Protocol):
    """What is learnt, whatever the network and the data are."""

    count: int
    """Training samples."""

    def loss(self, index: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Mean loss of the training samples with these indices (n,); the generator draws their augmentation."""

    def validate(self) -> float:
        """Mean loss of the validation samples, the module in evaluation mode."""


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long and how fast to train."""

    epochs: int = 20
    batch: int = 128
    learning_rate: float = 2e-4
    weight_decay: float = 1e-4
    patience: int = 5
    decay: bool = False
    """Whether the learning rate falls to zero over the epochs, along half a cosine."""


@dataclasses.dataclass
class History:
    """Mean losses, epoch by epoch."""

    training: list[float] = dataclasses.field(default_factory=list)
    validation: list[float] = dataclasses.field(default_factory=list)

    @property
    def best(self) -> int:
        """The epoch with the least validation loss; -1 before the first."""
        return min(range(len(self.validation)), key=self.validation.__getitem__, default=-1)


def train(
    module: torch.nn.Module,
    task: Task,
    schedule: Schedule,
    *,
    seed: int,
    progress: Progress,
    label: str = "train",
    checkpoint: str | Path | None = None,
    run: str = "",
) -> History:
    """Train until the validation loss has not fallen for `patience` epochs; the module is left at its best, in evaluation mode.

    Parameters
    ----------
    seed : int
        Draws the order of samples and the augmentation, epoch by epoch.
    progress : callable
        Told after every batch; may raise to cancel, which loses nothing where there is a checkpoint.
    checkpoint : path, optional
        Kept up to date here, at most a minute old; where the file exists, training goes on from it exactly as if it had
        never stopped.
    run : str
        What the checkpoint belongs to; one of another run is refused.

    Raises
    ------
    ValueError
        The loss is not finite, or the checkpoint belongs to another run.
    """
    optimizer = torch.optim.Adam(module.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay, fused=True)
    state = _State(module, optimizer, checkpoint, run)
    while len(state.history.training) < schedule.epochs and not _stale(state.history, schedule.patience):
        module.train()
        _learn(task, schedule, state, seed, progress, label)
        module.eval()
        with torch.inference_mode():
            state.end_epoch(task.count, _finite(task.validate(), "validation loss", schedule))
        state.keep()
    module.load_state_dict(state.best)
    module.eval()
    progress(label, 1.0)
    return state.history


def _learn(task: Task, schedule: Schedule, state: _State, seed: int, progress: Progress, label: str) -> None:
    """One epoch, or what is left of it."""
    epoch = len(state.history.training)
    own_seed = seed * SEEDS + epoch
    device = next(state.module.parameters()).device
    generator = torch.Generator(device).manual_seed(own_seed)
    if state.generator is not None:
        generator.set_state(state.generator)
    # nearly equal parts: no batch of one is left over
    order = torch.randperm(task.count, generator=torch.Generator().manual_seed(own_seed))
    parts = order.tensor_split(math.ceil(task.count / schedule.batch))
    while state.batch < len(parts):
        index = parts[state.batch]
        _set_learning_rate(state.optimizer, schedule, (epoch + state.batch / len(parts)) / schedule.epochs)
        state.optimizer.zero_grad(set_to_none=True)
        loss = task.loss(index.to(device), generator)
        value = _finite(float(loss.detach()), f"loss of epoch {epoch + 1}, batch {state.batch + 1},", schedule)
        loss.backward()  # type: ignore[no-untyped-call]
        state.optimizer.step()
        state.batch, state.total, state.generator = state.batch + 1, state.total + value * len(index), generator.get_state()
        if time.monotonic() - state.kept > CHECKPOINT_SECONDS:
            state.keep()
        try:
            progress(label, (epoch + state.batch / len(parts)) / schedule.epochs)
        except BaseException:
            state.keep()
            raise


def _set_learning_rate(optimizer: torch.optim.Optimizer, schedule: Schedule, done: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = schedule.learning_rate * ((1 + math.cos(math.pi * done)) / 2 if schedule.decay else 1)


def _finite(loss: float, name: str, schedule: Schedule) -> float:
    if not math.isfinite(loss):
        raise ValueError(
            f"the {name} became {loss}: lower learning_rate (now {schedule.learning_rate:g}), or weaken an augmentation that leaves "
            "nothing of the patterns"
        )
    return loss


def _stale(history: History, patience: int) -> bool:
    return len(history.validation) - 1 - history.best >= patience


class _State:
    """Everything that training goes on from."""

    def __init__(self, module: torch.nn.Module, optimizer: torch.optim.Optimizer, path: str | Path | None, run: str) -> None:
        self.module, self.optimizer, self.path, self.run = module, optimizer, path, run
        self.best = copy.deepcopy(module.state_dict())
        self.history = History()
        self.start_epoch()
        if path is not None and Path(path).exists():
            self.load(path)
        self.keep()

    def start_epoch(self) -> None:
        self.batch, self.total = 0, 0.0
        self.generator: torch.Tensor | None = None

    def keep(self) -> None:
        """Write the checkpoint, where there is to be one."""
        self.kept = time.monotonic()
        if self.path is not None:
            self.save(self.path)

    def end_epoch(self, count: int, validation: float) -> None:
        self.history.training.append(self.total / count)
        self.history.validation.append(validation)
        if self.history.best == len(self.history.validation) - 1:
            self.best = copy.deepcopy(self.module.state_dict())
        self.start_epoch()

    def save(self, path: str | Path) -> None:
        entries = self.optimizer.state_dict()["state"].items()
        moments = {f"{index}.{name}": value for index, entry in entries for name, value in entry.items()}
        groups = {"module": self.module.state_dict(), "best": self.best, "optimizer": moments}
        tensors = {f"{group}/{name}": value for group, values in groups.items() for name, value in values.items()}
        if self.generator is not None:
            tensors["generator"] = self.generator
        about = {"run": self.run, "batch": self.batch, "total": self.total, **dataclasses.asdict(self.history)}
        save_tensors(path, tensors, {"checkpoint": about})

    def load(self, path: str | Path) -> None:
        tensors, metadata = load_tensors(path)
        about: dict[str, Any] = metadata.get("checkpoint", {})
        if about.get("run") != self.run:
            raise ValueError(
                f"{path} is no checkpoint of this training but of {about.get('run', 'nothing')!r}, expected {self.run!r}; "
                "delete it to start anew, or go on with the options it was made with"
            )
        self.generator = tensors.pop("generator", None)
        groups: dict[str, dict[str, torch.Tensor]] = {"module": {}, "best": {}, "optimizer": {}}
        for name, tensor in tensors.items():
            group, _, rest = name.partition("/")
            groups[group][rest] = tensor
        self.module.load_state_dict(groups["module"])
        self.best = groups["best"]
        moments: dict[int, dict[str, torch.Tensor]] = {}
        weights = self.optimizer.param_groups[0]["params"]
        for name, tensor in groups["optimizer"].items():
            index, _, rest = name.partition(".")
            # the fused step takes weights and moments to lie alike in memory
            alike = torch.empty_like(weights[int(index)]).copy_(tensor) if tensor.ndim else tensor
            moments.setdefault(int(index), {})[rest] = alike.detach()
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
        self.batch, self.total = about["batch"], about["total"]
        self.history = History(about["training"], about["validation"])
