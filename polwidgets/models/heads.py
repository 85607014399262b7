"""What a network's features are turned into: scores of the eight classes, and the loss by which they are learnt.

Classes lie along the crystal's own axes; directions here are relative to them. Probabilities of a head's scores are
their softmax, divided by a temperature that validation finds, so every head can be compared, pooled and left undecided.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from polwidgets.directions import ANGLES_DEG, direction_to_vector, vector_to_direction
from polwidgets.registry import parameter

EMBEDDING: Final = 128


class ClassifierHead(nn.Module):
    """Cross-entropy of the nearest class."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.scores = nn.Linear(features, len(ANGLES_DEG))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Scores (n, 8)."""
        scores: torch.Tensor = self.scores(features)
        return scores

    def loss(self, features: torch.Tensor, direction_deg: torch.Tensor) -> torch.Tensor:
        """Mean loss of patterns (n, feature) with these directions (n,)."""
        return functional.cross_entropy(self(features), classes_of(direction_deg))


class RegressorHead(nn.Module):
    """Mean square error of a vector to the direction's unit vector; scores are its projections on the eight directions.

    Their softmax is a von Mises distribution over the classes, whose concentration is the vector's length over the
    temperature.
    """

    units: torch.Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.vector = nn.Linear(features, 2)
        self.register_buffer("units", unit_vectors(torch.tensor(ANGLES_DEG)), persistent=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Scores (n, 8)."""
        return torch.tanh(self.vector(features)) @ self.units.T

    def loss(self, features: torch.Tensor, direction_deg: torch.Tensor) -> torch.Tensor:
        """Mean loss of patterns (n, feature) with these directions (n,)."""
        return functional.mse_loss(torch.tanh(self.vector(features)), unit_vectors(direction_deg))


class PrototypeHead(nn.Module):
    """Kullback-Leibler divergence of the softmax of minus the distances to the prototypes from a circular Gaussian.

    The prototypes are weights like others: kept with them, the same in training and at test, and none is lost when its
    class is missing from a batch.
    """

    def __init__(self, features: int, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma
        self.embedding = nn.Linear(features, EMBEDDING)
        self.prototypes = nn.Parameter(torch.randn(len(ANGLES_DEG), EMBEDDING) / EMBEDDING**0.5)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Scores (n, 8): minus the Euclidean distances."""
        apart = self.embedding(features)[:, None] - self.prototypes
        # the root has no slope at zero
        distance: torch.Tensor = (apart.square().sum(-1) + 1e-12).sqrt()
        return -distance

    def loss(self, features: torch.Tensor, direction_deg: torch.Tensor) -> torch.Tensor:
        """Mean loss of patterns (n, feature) with these directions (n,)."""
        target = soft_labels(direction_deg, self.sigma)
        return functional.kl_div(functional.log_softmax(self(features), -1), target, reduction="batchmean")


Head = ClassifierHead | RegressorHead | PrototypeHead


@dataclasses.dataclass
class Classifier:
    """A model that names one of eight classes."""

    head_name: ClassVar[str] = "classifier"

    def head(self, features: int) -> Head:
        """The last part of the network."""
        return ClassifierHead(features)


@dataclasses.dataclass
class Regressor:
    """A model that points in a direction."""

    head_name: ClassVar[str] = "regressor"

    def head(self, features: int) -> Head:
        """The last part of the network."""
        return RegressorHead(features)

    def direction_deg(self, log_probability: NDArray[np.float64]) -> NDArray[np.float64]:
        """Direction along the crystal's axes from log probabilities (..., 8): that of the vector of which they are projections."""
        return vector_to_direction(log_probability @ direction_to_vector(ANGLES_DEG))


@dataclasses.dataclass
class Prototype:
    """A model that asks which class's prototype is nearest."""

    head_name: ClassVar[str] = "prototype"
    sigma: float = parameter(1.25, "width of the soft labels", min=0.1, max=4.0, step=0.05, unit="classes")

    def head(self, features: int) -> Head:
        """The last part of the network."""
        return PrototypeHead(features, self.sigma)


def classes_of(direction_deg: torch.Tensor) -> torch.Tensor:
    """Nearest class (n,) of directions (n,) in degrees."""
    return torch.round(direction_deg / 45.0).long() % len(ANGLES_DEG)


def unit_vectors(direction_deg: torch.Tensor) -> torch.Tensor:
    """(cos, sin) of directions in degrees, (n, 2)."""
    angle = torch.deg2rad(direction_deg.float())
    return torch.stack([torch.cos(angle), torch.sin(angle)], -1)


def soft_labels(direction_deg: torch.Tensor, sigma: float) -> torch.Tensor:
    """Circular Gaussian over the classes about directions (n,), `sigma` in classes; (n, 8), rows add up to one."""
    apart = (torch.tensor(ANGLES_DEG, device=direction_deg.device) - direction_deg[:, None].float() + 180.0) % 360.0 - 180.0
    weight = torch.exp(-0.5 * (apart / 45.0 / sigma) ** 2)
    return weight / weight.sum(-1, keepdim=True)
