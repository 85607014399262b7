"""Residual networks (He et al. 2016, doi:10.1109/CVPR.2016.90) with one input channel."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Final

import torch
from torch import nn

from polwidgets.models.base import models
from polwidgets.models.heads import Classifier, Prototype, Regressor
from polwidgets.models.imagenet import Pretrained, narrowed
from polwidgets.registry import parameter

STAGES: Final = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}


class Basic(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

    expansion: ClassVar[int] = 1

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(channels, width, stride)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps (n, width, rows, columns)."""
        inner = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(maps)))))
        return torch.relu(inner + self.downsample(maps))


class Bottleneck(nn.Module):
    """A 3 x 3 convolution between two 1 x 1 ones, beside a shortcut."""

    expansion: ClassVar[int] = 4

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)
        self.downsample = _shortcut(channels, width * self.expansion, stride)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Maps (n, 4 width, rows, columns)."""
        inner = torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(maps))))))
        return torch.relu(self.bn3(self.conv3(inner)) + self.downsample(maps))


def _shortcut(channels: int, width: int, stride: int) -> nn.Module:
    if stride == 1 and channels == width:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))


class Layers(nn.Module):
    """The layers below the last one, named as in torchvision, whose weights fit."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        block = Basic if depth == 18 else Bottleneck
        self.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        for number, (width, blocks) in enumerate(zip((64, 128, 256, 512), STAGES[depth], strict=True)):
            layer = nn.Sequential()
            for index in range(blocks):
                layer.append(block(channels, width, 2 if number and not index else 1))
                channels = width * block.expansion
            self.add_module(f"layer{number + 1}", layer)
        self.channels = channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, patterns: torch.Tensor) -> torch.Tensor:
        """Means of the last maps (n, channel)."""
        maps = torch.relu(self.bn1(self.conv1(patterns)))
        maps = nn.functional.max_pool2d(maps, 3, 2, 1)
        for number in range(len(STAGES[18])):
            maps = self.get_submodule(f"layer{number + 1}")(maps)
        return maps.mean((2, 3))


@dataclasses.dataclass
class ResNet(Pretrained):
    """A residual network, its features narrowed to 256 and widened to 512 as in the study."""

    depth: int = parameter(18, "layers; the study's is 50", choices=tuple(STAGES))

    def backbone(self, shape: tuple[int, int]) -> nn.Module:  # noqa: ARG002, maps of any size are averaged
        """From patterns (n, 1, ky, kx) to features (n, 512)."""
        layers = Layers(self.depth)
        return narrowed(layers, layers.channels)

    @property
    def published(self) -> str:
        """Name of the network in torchvision."""
        return f"resnet{self.depth}"


@models.register("resnet_classifier")
@dataclasses.dataclass
class ResNetClassifier(Classifier, ResNet):
    """A residual network, naming a class."""


@models.register("resnet_regressor")
@dataclasses.dataclass
class ResNetRegressor(Regressor, ResNet):
    """A residual network, pointing in a direction."""


@models.register("resnet_prototype")
@dataclasses.dataclass
class ResNetPrototype(Prototype, ResNet):
    """A residual network, asking for the nearest prototype."""
