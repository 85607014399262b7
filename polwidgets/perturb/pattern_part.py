"""What perturbations of single patterns share: who meets them, and how strongly."""

from __future__ import annotations

import abc
import dataclasses
from typing import ClassVar, Literal

import torch

from polwidgets.perturb.base import Batch
from polwidgets.registry import parameter


@dataclasses.dataclass(frozen=True, kw_only=True)
class PatternPart(abc.ABC):
    """A perturbation that every pattern meets by itself.

    With its defaults, `probability` 1 and `least` 1, it does to all patterns exactly what its fields say: an experiment's
    model. With less it is an augmentation, drawn anew for every pattern.
    """

    acts_on: ClassVar[Literal["pattern", "scan"]] = "pattern"
    strengths: ClassVar[tuple[str, ...]]
    """Fields that are drawn, each by itself, between `least` times their value and their value; all zero is the identity."""

    probability: float = parameter(1.0, "share of the patterns that meet it", min=0.0, max=1.0, step=0.05)
    least: float = parameter(
        1.0,
        "weakest strength that is drawn, as a share of the one given; 1 draws nothing, -1 draws both signs",
        min=-1.0,
        max=1.0,
        step=0.05,
    )

    @property
    def once(self) -> bool:
        """Whether one draw holds for all patterns."""
        return False

    @property
    def margin_rows(self) -> int:
        """None: patterns do not mix."""
        return 0

    @abc.abstractmethod
    def apply(self, batch: Batch, strength: torch.Tensor, *, generator: torch.Generator) -> Batch:
        """Perturb every pattern of a batch that is never empty.

        Parameters
        ----------
        strength : float tensor (strengths, 1 or n, 1, 1)
            What was drawn, once for all patterns or for each; broadcasts against (n, ky, kx) along its first axis.
        """

    def __call__(self, batch: Batch, *, generator: torch.Generator) -> Batch:
        """The perturbed batch; patterns that do not meet it are left as they are."""
        draws = 1 if self.once else len(batch.patterns)
        met = batch.uniform(draws, generator=generator) < self.probability if self.probability < 1 else None
        if not len(batch.patterns) or not any(getattr(self, name) for name in self.strengths) or (met is not None and not met.any()):
            return batch
        if met is None or self.once:
            return self.apply(batch, self._strength(batch, draws, generator=generator), generator=generator)
        index = met.nonzero()[:, 0]
        chosen = dataclasses.replace(batch, patterns=batch.patterns[index], direction_deg=batch.direction_deg[index])
        changed = self.apply(chosen, self._strength(batch, len(index), generator=generator), generator=generator)
        return dataclasses.replace(
            batch,
            patterns=batch.patterns.index_copy(0, index, changed.patterns),
            direction_deg=batch.direction_deg.index_copy(0, index, changed.direction_deg),
        )

    def share(self, uniform: torch.Tensor) -> torch.Tensor:
        """Share of the full strength, from a number drawn evenly from 0 to 1."""
        return self.least + (1 - self.least) * uniform

    def _strength(self, batch: Batch, draws: int, *, generator: torch.Generator) -> torch.Tensor:
        full = batch.patterns.new_tensor([float(getattr(self, name)) for name in self.strengths]).reshape(-1, 1, 1, 1)
        if self.least == 1:
            return full
        return full * self.share(batch.uniform(len(full), draws, 1, 1, generator=generator))
