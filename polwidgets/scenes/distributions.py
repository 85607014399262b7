"""Distributions that parameters are drawn from: small, explicit, and readable from a recipe file."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class Distribution(Protocol):
    """Something that a value can be drawn from."""

    def draw(self, rng: np.random.Generator) -> Any:
        """One value."""


@dataclasses.dataclass(frozen=True)
class Always:
    """One value, every time."""

    value: Any

    def draw(self, rng: np.random.Generator) -> Any:  # noqa: ARG002
        """The value."""
        return self.value


@dataclasses.dataclass(frozen=True)
class Uniform:
    """Evenly from low to high; between whole numbers a whole number, both included."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_range(self.low, self.high)

    def draw(self, rng: np.random.Generator) -> float:
        """One value."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return int(rng.integers(self.low, self.high + 1))
        return float(rng.uniform(self.low, self.high))


@dataclasses.dataclass(frozen=True)
class LogUniform:
    """Evenly in the logarithm from low to high, both positive."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_range(self.low, self.high)
        if self.low <= 0:
            raise ValueError(f"a log-uniform distribution starts at {self.low}, expected more than 0")

    def draw(self, rng: np.random.Generator) -> float:
        """One value."""
        return float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))


@dataclasses.dataclass(frozen=True)
class Normal:
    """Normal about the mean, drawn again until it lies between low and high."""

    mean: float
    deviation: float
    low: float = -np.inf
    high: float = np.inf

    def __post_init__(self) -> None:
        _check_range(self.low, self.high)
        if self.deviation < 0 or not self.low <= self.mean <= self.high:
            raise ValueError(f"{self}: expected a deviation of at least 0 and a mean between low and high")

    def draw(self, rng: np.random.Generator) -> float:
        """One value."""
        while True:  # the mean is inside, so about half of the tries at least are good, unless the range is a sliver
            value = float(rng.normal(self.mean, self.deviation))
            if self.low <= value <= self.high:
                return value


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of the values, by their weights; evenly without."""

    values: tuple[Any, ...]
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a choice needs at least one value")
        if self.weights and (len(self.weights) != len(self.values) or min(self.weights) < 0 or sum(self.weights) <= 0):
            raise ValueError(f"{len(self.weights)} weights {self.weights} for {len(self.values)} values, expected one each, not negative")

    def draw(self, rng: np.random.Generator) -> Any:
        """One value."""
        shares = np.array(self.weights or np.ones(len(self.values)), float)
        return self.values[int(rng.choice(len(self.values), p=shares / shares.sum()))]


_KINDS: Final = {"uniform": Uniform, "log_uniform": LogUniform, "normal": Normal, "choice": Choice, "always": Always}


def as_distribution(value: Any) -> Distribution:
    """The distribution that a plain value stands for, as written in Python or TOML.

    Parameters
    ----------
    value : Distribution, number, str, sequence or mapping
        A number or a word: always that. Two numbers ``[low, high]``: evenly between. Any other list: one of its entries. A
        table ``{distribution = "normal", mean = 40.0, deviation = 8.0, low = 20.0, high = 60.0}``: the kind named (uniform,
        log_uniform, normal, choice, always) with its own fields.
    """
    if isinstance(value, Distribution):
        return value
    if isinstance(value, Mapping):
        return _from_table(dict(value))
    if isinstance(value, (list, tuple)):
        if len(value) == 2 and all(isinstance(end, (int, float)) and not isinstance(end, bool) for end in value):
            return Uniform(*value)
        return Choice(tuple(value))
    return Always(value)


def _from_table(table: dict[str, Any]) -> Distribution:
    kind = table.pop("distribution", None)
    if kind not in _KINDS:
        raise ValueError(f"a distribution of kind {kind!r}, expected one of {', '.join(_KINDS)} under the key 'distribution'")
    known = [field.name for field in dataclasses.fields(_KINDS[kind])]
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise ValueError(f"a {kind} distribution has no {', '.join(unknown)}; it has {', '.join(known)}")
    fields = {name: tuple(entry) if isinstance(entry, list) else entry for name, entry in table.items()}
    return _KINDS[kind](**fields)  # type: ignore[no-any-return]


def _check_range(low: float, high: float) -> None:
    if not low <= high:
        raise ValueError(f"a range from {low} to {high}, expected low to be at most high")
