"""Calibration against scores whose faults were planted."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from polwidgets.training.calibration import Calibration, calibrate_scores, fit_correlation, fit_temperature


def honest(count: int, rng: np.random.Generator, strength: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Log probabilities (count, 8), and classes drawn by them."""
    scores = rng.normal(0, strength, (count, 8))
    cumulated = softmax(scores, -1).cumsum(-1)
    return log_softmax(scores, -1), (rng.random((count, 1)) > cumulated).sum(-1)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 7.0])
def test_a_planted_temperature_is_found(temperature: float) -> None:
    scores, label = honest(20_000, np.random.default_rng(0))
    assert fit_temperature(scores * temperature, label) == pytest.approx(temperature, rel=0.05)
    probability = np.exp(Calibration(temperature).log_probability(scores * temperature))
    np.testing.assert_allclose(probability, np.exp(scores))


def independent_cells(rng: np.random.Generator, cells: int, patterns: int, shared: float) -> tuple[np.ndarray, ...]:
    """Evidence of patterns about their cells' classes: Gaussian readings whose errors are `shared` in part within a cell."""
    label = rng.integers(0, 8, cells)
    means = np.eye(8)[label]
    error = np.sqrt(shared) * rng.normal(size=(cells, 1, 8)) + np.sqrt(1 - shared) * rng.normal(size=(cells, patterns, 8))
    # log likelihood of reading x for class c, up to what all classes share
    evidence = log_softmax(2.0 * (means[:, None] + 2.0 * error) / 8.0, -1)
    return evidence.reshape(-1, 8), np.repeat(label, patterns), np.repeat(np.arange(cells), patterns)


def test_independent_patterns_count_in_full_and_copies_once() -> None:
    rng = np.random.default_rng(1)
    found = [fit_correlation(*independent_cells(rng, 400, 40, shared), seed=0) for shared in (0.0, 0.2, 1.0)]
    assert found[0] < 0.03
    assert 0.1 < found[1] < 0.4
    assert found[2] > 0.8


def test_pooled_probabilities_of_correlated_patterns_are_right_as_often_as_they_say() -> None:
    rng = np.random.default_rng(2)
    correlation = fit_correlation(*independent_cells(rng, 400, 49, 0.2), seed=0)
    evidence, label, cell = independent_cells(rng, 4000, 49, 0.2)
    total = evidence.reshape(4000, 49, 8).sum(1)
    truth = label[np.flatnonzero(np.diff(cell, prepend=-1))]
    for calibration, honest_within in ((Calibration(1.0, correlation), 0.05), (Calibration(), None)):
        log_probability = calibration.pooled(total, 49)
        gap = np.exp(log_probability.max(-1)).mean() - (log_probability.argmax(-1) == truth).mean()
        if honest_within is None:
            assert gap > 0.2  # what is overconfident without
        else:
            assert abs(gap) < honest_within


def test_few_specimens_leave_doubt() -> None:
    """Single patterns are half right; every cell is, but there are only eight."""
    scores, label = honest(8 * 400, np.random.default_rng(4))
    found = calibrate_scores(scores, label, np.zeros(len(label)), validated_on="position", seed=0)
    own = found.log_probability(scores[label == 3])
    confidence = np.exp(found.pooled(own.mean(0) * 144, 144).max())
    assert 0.4 < np.exp(found.log_probability(scores).max(-1)).mean() < 0.6
    assert 0.7 < confidence < 0.99
    assert found.validated_on == "position"


def test_where_no_cell_can_be_made_a_cell_counts_as_a_pattern() -> None:
    scores, label = honest(24, np.random.default_rng(3))
    found = calibrate_scores(scores, label, np.arange(24), validated_on="specimen", seed=0)
    assert found.correlation == 1.0
    evidence = found.log_probability(scores)
    np.testing.assert_allclose(found.pooled(9 * evidence, 9), evidence)
