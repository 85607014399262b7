"""Losses and scores of the three heads, against what they are by definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from polwidgets.models.base import models
from polwidgets.models.heads import ClassifierHead, PrototypeHead, RegressorHead, classes_of, soft_labels
from polwidgets.models.network import Network

FEATURES = torch.randn(6, 16, generator=torch.Generator().manual_seed(0))
DIRECTIONS = torch.tensor([0.0, 45.0, 315.0, 180.0, 359.0, 100.0])


@pytest.mark.parametrize("sigma", [0.4, 1.25, 3.0])
def test_soft_labels_are_circular_gaussians(sigma: float) -> None:
    found = soft_labels(torch.tensor([0.0, 270.0, 50.0]), sigma).numpy()
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)
    weight = np.exp(-0.5 * (np.array([0, 1, 2, 3, 4, 3, 2, 1]) / sigma) ** 2)
    np.testing.assert_allclose(found[0], weight / weight.sum(), rtol=1e-5)
    np.testing.assert_allclose(found[1], np.roll(found[0], 6), rtol=1e-5)
    # between classes, the nearer one gets more
    assert found[2, 1] / found[2, 2] == pytest.approx(np.exp(0.5 * ((40 / 45) ** 2 - (5 / 45) ** 2) / sigma**2), rel=1e-4)


def test_classes_are_the_nearest() -> None:
    assert classes_of(DIRECTIONS).tolist() == [0, 1, 7, 4, 0, 2]


def test_cross_entropy() -> None:
    head = ClassifierHead(16)
    probability = torch.softmax(head(FEATURES), -1)[range(6), [0, 1, 7, 4, 0, 2]]
    torch.testing.assert_close(head.loss(FEATURES, DIRECTIONS), -probability.log().mean())


def test_the_regressor_is_scored_by_angle() -> None:
    head = RegressorHead(16)
    vector = torch.tanh(head.vector(FEATURES)).detach().numpy()
    angle = np.rad2deg(np.arctan2(vector[:, 1], vector[:, 0])) % 360
    assert head(FEATURES).argmax(-1).tolist() == (np.round(angle / 45).astype(int) % 8).tolist()
    truth = np.exp(1j * np.deg2rad(DIRECTIONS.numpy()))
    truth = np.stack([truth.real, truth.imag], -1)
    assert head.loss(FEATURES, DIRECTIONS).item() == pytest.approx(((vector - truth) ** 2).mean(), rel=1e-5)


def test_prototypes_are_as_far_in_training_as_at_test() -> None:
    head = PrototypeHead(16, sigma=1.25)
    training, test = head.train()(FEATURES), head.eval()(FEATURES)
    torch.testing.assert_close(training, test)
    torch.testing.assert_close(test, -torch.cdist(head.embedding(FEATURES), head.prototypes), atol=1e-4, rtol=1e-4)
    target = soft_labels(DIRECTIONS, 1.25)
    divergence = (target * (target.log() - torch.log_softmax(test, -1))).sum(-1).mean()
    torch.testing.assert_close(head.loss(FEATURES, DIRECTIONS), divergence)


@pytest.mark.parametrize("head", [ClassifierHead(16), RegressorHead(16), PrototypeHead(16, 1.25)], ids=lambda head: type(head).__name__)
def test_a_batch_may_hold_one_class_only(head: torch.nn.Module) -> None:
    head.loss(FEATURES, torch.full((6,), 90.0)).backward()  # type: ignore[operator]
    assert all(torch.isfinite(weight.grad).all() for weight in head.parameters() if weight.grad is not None)
    assert all(weight.grad is not None for weight in head.parameters())


def test_a_pattern_on_its_prototype_does_no_harm() -> None:
    head = PrototypeHead(16, 1.25)
    with torch.no_grad():
        head.prototypes[3] = head.embedding(FEATURES[:1])[0]
    head.loss(FEATURES, DIRECTIONS).backward()
    assert torch.isfinite(head.prototypes.grad).all()


@pytest.mark.parametrize("name", [name for name in models if issubclass(models[name], Network)])
def test_every_network_names_its_head(name: str) -> None:
    assert name.endswith(f"_{models[name].head_name}")
