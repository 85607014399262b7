"""Plain deep convolutional networks (Simonyan & Zisserman 2015, arXiv:1409.1556) with one input channel."""

from __future__ import annotations

import dataclasses
from typing import Final

import torch
from torch import nn

from polwidgets.models.base import models
from polwidgets.models.heads import Classifier, Prototype, Regressor
from polwidgets.models.imagenet import Pretrained, narrowed
from polwidgets.registry import parameter

# convolutions in each of five stages, and the stages' widths
STAGES: Final = {11: (1, 1, 2, 2, 2), 16: (2, 2, 3, 3, 3)}
WIDTHS: Final = (64, 128, 256, 512, 512)


class Layers(nn.Module):
    """The convolutions, batch-normalised, named as in torchvision, whose weights fit."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.features = nn.Sequential()
        channels = 1
        for convolutions, width in zip(STAGES[depth], WIDTHS, strict=True):
            for _ in range(convolutions):
                self.features.append(nn.Conv2d(channels, width, 3, padding=1))
                self.features.append(nn.BatchNorm2d(width))
                self.features.append(nn.ReLU(inplace=True))
                channels = width
            # small patterns keep their last row and column
            self.features.append(nn.MaxPool2d(2, ceil_mode=True))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, patterns: torch.Tensor) -> torch.Tensor:
        """Means of the last maps (n, 512)."""
        maps: torch.Tensor = self.features(patterns)
        return maps.mean((2, 3))


@dataclasses.dataclass
class VGG(Pretrained):
    """A plain deep network with batch normalisation, its features narrowed to 256 and widened to 512 as in the study."""

    depth: int = parameter(11, "layers; the study's is 16", choices=tuple(STAGES))

    def backbone(self, shape: tuple[int, int]) -> nn.Module:  # noqa: ARG002, maps of any size are averaged
        """From patterns (n, 1, ky, kx) to features (n, 512)."""
        return narrowed(Layers(self.depth), WIDTHS[-1])

    @property
    def published(self) -> str:
        """Name of the network in torchvision."""
        return f"vgg{self.depth}_bn"


@models.register("vgg_classifier")
@dataclasses.dataclass
class VGGClassifier(Classifier, VGG):
    """A plain deep network, naming a class."""


@models.register("vgg_regressor")
@dataclasses.dataclass
class VGGRegressor(Regressor, VGG):
    """A plain deep network, pointing in a direction."""


@models.register("vgg_prototype")
@dataclasses.dataclass
class VGGPrototype(Prototype, VGG):
    """A plain deep network, asking for the nearest prototype."""
