"""The study's own small network (doi:10.48550/arXiv.2603.15582)."""

from __future__ import annotations

import dataclasses

from torch import nn

from polwidgets.models.base import models
from polwidgets.models.heads import Classifier, Prototype, Regressor
from polwidgets.models.network import FEATURES, Network


@dataclasses.dataclass
class CNN(Network):
    """Three convolutions, the second and third pooled, and one dense layer."""

    def backbone(self, shape: tuple[int, int]) -> nn.Module:
        """From patterns (n, 1, ky, kx) of this shape to features (n, 512)."""
        pooled = (shape[0] // 4) * (shape[1] // 4)
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(64 * pooled, FEATURES), nn.ReLU(inplace=True),
        )  # fmt: skip


@models.register("cnn_classifier")
@dataclasses.dataclass
class CNNClassifier(Classifier, CNN):
    """The study's network, naming a class."""


@models.register("cnn_regressor")
@dataclasses.dataclass
class CNNRegressor(Regressor, CNN):
    """The study's network, pointing in a direction."""


@models.register("cnn_prototype")
@dataclasses.dataclass
class CNNPrototype(Prototype, CNN):
    """The study's network, asking for the nearest prototype."""
