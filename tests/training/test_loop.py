"""The training loop on problems whose course is known."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from polwidgets.progress import silent
from polwidgets.training import loop
from polwidgets.training.loop import Schedule, train
from polwidgets.training.tensor_file import save_tensors

SCHEDULE = Schedule(epochs=3, batch=8, learning_rate=0.05)


class Line:
    """A line through noisy points; augmentation moves them."""

    def __init__(self, count: int = 27) -> None:
        generator = torch.Generator().manual_seed(0)
        self.module = torch.nn.Linear(2, 1)
        with torch.no_grad():
            self.module.weight.fill_(0.1)
            self.module.bias.fill_(0.0)
        self.x = torch.randn(count, 2, generator=generator)
        self.y = self.x @ torch.tensor([[1.0], [-2.0]])
        self.count = count
        self.sizes: list[int] = []

    def loss(self, index: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        self.sizes.append(len(index))
        x = self.x[index] + 0.1 * torch.randn(len(index), 2, generator=generator)
        return (self.module(x) - self.y[index]).square().mean()

    def validate(self) -> float:
        assert not self.module.training
        return float((self.module(self.x) - self.y).square().mean())


class Stop(Exception):
    pass


@pytest.mark.parametrize("steps", [0, 1, 4, 5, 9])
def test_resumed_training_is_what_it_would_have_been(steps: int, tmp_path: Path) -> None:
    whole = Line()
    history = train(whole.module, whole, SCHEDULE, seed=4, progress=silent)
    told: list[float] = []

    def interrupt(_: str, fraction: float) -> None:
        told.append(fraction)
        if len(told) > steps:
            raise Stop

    path = tmp_path / "run.checkpoint"
    broken = Line()
    with pytest.raises(Stop):
        train(broken.module, broken, SCHEDULE, seed=4, progress=interrupt, checkpoint=path, run="mine")
    again = Line()
    resumed = train(again.module, again, SCHEDULE, seed=4, progress=silent, checkpoint=path, run="mine")
    assert resumed == history
    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, again.module.state_dict()[name])
    # nothing that was learnt is learnt again
    assert len(again.sizes) == len(whole.sizes) - steps - 1


@pytest.mark.parametrize(("seconds", "lost"), [(0.0, 1), (60.0, 3)], ids=["every batch", "every epoch"])
def test_training_that_was_killed_goes_on_from_the_last_checkpoint(
    seconds: float, lost: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", seconds)
    whole, broken, again = Line(), Line(), Line()
    train(whole.module, whole, SCHEDULE, seed=4, progress=silent)
    own = broken.loss

    def killed(index: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        loss = own(index, generator)
        if len(broken.sizes) == 7:
            raise KeyboardInterrupt
        return loss

    broken.loss = killed  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        train(broken.module, broken, SCHEDULE, seed=4, progress=silent, checkpoint=tmp_path / "c", run="mine")
    train(again.module, again, SCHEDULE, seed=4, progress=silent, checkpoint=tmp_path / "c", run="mine")
    assert torch.equal(whole.module.weight, again.module.weight)
    assert len(again.sizes) == len(whole.sizes) - 7 + lost


def test_a_finished_training_goes_on_when_more_epochs_are_allowed(tmp_path: Path) -> None:
    whole, part = Line(), Line()
    train(whole.module, whole, Schedule(epochs=5, batch=8), seed=1, progress=silent)
    for epochs in (2, 5):
        part = Line()
        history = train(part.module, part, Schedule(epochs=epochs, batch=8), seed=1, progress=silent, checkpoint=tmp_path / "c", run="r")
        assert len(history.training) == epochs
    assert torch.equal(whole.module.weight, part.module.weight)


def test_the_best_state_is_kept_and_training_ends_when_nothing_gets_better() -> None:
    line = Line()
    losses = iter([3.0, 1.0, 2.0, 1.5, 0.1])
    weights = []

    def validate() -> float:
        weights.append(line.module.weight.detach().clone())
        return next(losses)

    line.validate = validate  # type: ignore[method-assign]
    history = train(line.module, line, Schedule(epochs=20, batch=9, patience=2), seed=0, progress=silent)
    assert history.validation == [3.0, 1.0, 2.0, 1.5]
    assert history.best == 1
    assert torch.equal(line.module.weight, weights[1])
    assert not line.module.training


def test_no_sample_is_left_over_alone() -> None:
    line = Line(count=17)
    train(line.module, line, Schedule(epochs=1, batch=8), seed=0, progress=silent)
    assert sorted(line.sizes) == [5, 6, 6]


def test_progress_ends_at_one() -> None:
    told: list[float] = []
    line = Line()
    train(line.module, line, SCHEDULE, seed=0, progress=lambda _, fraction: told.append(fraction))
    assert told[-1] == 1.0
    assert told == sorted(told)


def test_a_loss_that_is_no_number_says_what_to_do() -> None:
    line = Line()
    line.y[3] = torch.nan
    with pytest.raises(ValueError, match=r"loss of epoch 1, batch \d, became nan: lower learning_rate \(now 0\.05\)"):
        train(line.module, line, SCHEDULE, seed=0, progress=silent)


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.checkpoint"
    line = Line()
    train(line.module, line, SCHEDULE, seed=0, progress=silent, checkpoint=path, run="first")
    with pytest.raises(ValueError, match=r"no checkpoint of this training but of 'first', expected 'second'"):
        train(line.module, line, SCHEDULE, seed=0, progress=silent, checkpoint=path, run="second")
    save_tensors(path, {"mean": torch.zeros(3)}, {"model": "other"})
    with pytest.raises(ValueError, match="no checkpoint of this training but of 'nothing'"):
        train(line.module, line, SCHEDULE, seed=0, progress=silent, checkpoint=path, run="second")
    path.write_bytes(b"broken")
    with pytest.raises(ValueError, match="no whole safetensors file"):
        train(line.module, line, SCHEDULE, seed=0, progress=silent, checkpoint=path, run="second")


@pytest.mark.parametrize("decay", [False, True])
def test_the_learning_rate_falls_along_half_a_cosine_where_it_is_asked_to(decay: bool) -> None:
    class Slope:
        """A constant gradient: each of Adam's steps is the learning rate."""

        def __init__(self) -> None:
            self.module, self.count, self.seen = torch.nn.Linear(1, 1, bias=False), 8, []

        def loss(self, _: torch.Tensor, __: torch.Generator) -> torch.Tensor:
            self.seen.append(self.module.weight.item())
            return self.module.weight.sum()

        def validate(self) -> float:
            return 1.0 / len(self.seen)

    slope = Slope()
    train(slope.module, slope, Schedule(epochs=4, batch=8, learning_rate=0.1, weight_decay=0.0, decay=decay), seed=0, progress=silent)
    steps = -torch.tensor([*slope.seen, slope.module.weight.item()]).diff()
    expected = [0.1 * (1 + math.cos(math.pi * n / 4)) / 2 if decay else 0.1 for n in range(4)]
    torch.testing.assert_close(steps, torch.tensor(expected), rtol=1e-3, atol=1e-6)
