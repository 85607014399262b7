"""Probabilities that mean what they say: of single patterns, and of patterns pooled over a unit cell."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

CELL_SIZES: Final = (16, 49, 144)  # patterns in a cell, as scans have them
DRAWS: Final = 4  # cells of a size that are drawn from the patterns of one specimen and direction
FEWEST: Final = 4  # patterns that make a cell
LOG_TEMPERATURE: Final = (-5.0, 7.0)
LOG_CORRELATION: Final = (np.log(1e-4), 0.0)


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What a validation set says about a model's scores.

    Attributes
    ----------
    temperature : float
        By which scores are divided before they become probabilities (Guo et al. 2017, arXiv:1706.04599).
    correlation : float
        Of the evidence of two patterns of one cell. They share the model's own error, so `n` of them are worth
        ``n / (1 + (n - 1) * correlation)`` independent ones (Kish 1965, Survey Sampling: the design effect).
    validated_on : str
        What the validation patterns did not share with the training patterns: ``"specimen"`` or ``"position"``.
    """

    temperature: float = 1.0
    correlation: float = 0.0
    validated_on: str = ""

    def log_probability(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """Log probabilities of the classes (..., class) of single patterns."""
        return np.asarray(log_softmax(np.asarray(scores, float) / self.temperature, axis=-1))

    def pooled(self, evidence: NDArray[np.float64], patterns: float) -> NDArray[np.float64]:
        """Log probabilities (..., class) of cells, from the sum of the log probabilities of so many patterns."""
        return np.asarray(log_softmax(evidence / (1 + (max(patterns, 1.0) - 1) * self.correlation), axis=-1))


def calibrate_scores(
    scores: NDArray[np.floating], label: NDArray[np.integer], specimen: NDArray[np.generic], *, validated_on: str, seed: int
) -> Calibration:
    """Fit temperature and correlation to a validation set by maximum likelihood.

    Parameters
    ----------
    scores : array (pattern, class)
    label : int array (pattern,)
        True classes.
    specimen : array (pattern,)
        Patterns of one specimen and one class make cells.
    """
    temperature = fit_temperature(scores, label)
    evidence = Calibration(temperature).log_probability(scores)
    return Calibration(temperature, fit_correlation(evidence, label, specimen, seed=seed), validated_on)


def fit_temperature(scores: NDArray[np.floating], label: NDArray[np.integer]) -> float:
    """Temperature at which the true classes are most probable."""
    values = np.asarray(scores, float)
    target = _doubted(label, values.shape[1], len(label))

    def loss(log_temperature: float) -> float:
        return -float((target * log_softmax(values / np.exp(log_temperature), axis=-1)).sum(-1).mean())

    return float(np.exp(minimize_scalar(loss, bounds=LOG_TEMPERATURE, method="bounded").x))


def fit_correlation(evidence: NDArray[np.float64], label: NDArray[np.integer], specimen: NDArray[np.generic], *, seed: int) -> float:
    """Correlation at which cells drawn from the patterns of a specimen and a class are most probably of that class.

    Where no specimen has patterns enough for a cell, a cell counts as one pattern.
    """
    rng = np.random.default_rng(seed)
    _, group = np.unique(np.stack([np.unique(specimen, return_inverse=True)[1], label]), axis=1, return_inverse=True)
    means, truths, sizes = [], [], []
    for number in range(group.max() + 1):
        members = np.flatnonzero(group == number)
        # a group smaller than a cell gives what it has
        for size in sorted({min(size, len(members)) for size in CELL_SIZES} - set(range(FEWEST))):
            for _ in range(DRAWS):
                means.append(evidence[rng.choice(members, size, replace=False)].mean(0))
                truths.append(label[members[0]])
                sizes.append(size)
    if not means:
        return 1.0
    # cells of one specimen are not independent
    target = _doubted(np.array(truths), evidence.shape[1], int(group.max()) + 1)
    mean, patterns = np.array(means), np.array(sizes, float)[:, None]

    def loss(log_correlation: float) -> float:
        pooled = patterns * mean / (1 + (patterns - 1) * np.exp(log_correlation))
        return -float((target * log_softmax(pooled, axis=-1)).sum(-1).mean())

    return float(np.exp(minimize_scalar(loss, bounds=LOG_CORRELATION, method="bounded").x))


def _doubted(label: NDArray[np.integer], classes: int, seen: int) -> NDArray[np.float64]:
    """True classes (n, class), no surer than Laplace's rule of succession allows when so many cases were seen."""
    doubt = 1.0 / (seen + 2)
    target = np.full((len(label), classes), doubt / (classes - 1))
    target[np.arange(len(label)), label] = 1 - doubt
    return target
