"""Networks that may start from weights learnt on photographs, where torchvision is installed."""

from __future__ import annotations

import abc
import dataclasses
import importlib

import torch
from torch import nn

from polwidgets.models.network import FEATURES, Network
from polwidgets.registry import parameter

NARROW = 256


@dataclasses.dataclass
class Pretrained(Network, abc.ABC):
    """A network of a published architecture."""

    imagenet: bool = parameter(False, "start from weights learnt on photographs (needs torchvision, and the network)")

    @property
    @abc.abstractmethod
    def published(self) -> str:
        """Name of the network in torchvision."""

    def initialise(self, module: nn.Sequential) -> None:
        """Take published weights over where they are asked for; the three colours' first filters add up to one."""
        if not self.imagenet:
            return
        try:
            published = importlib.import_module("torchvision.models")
        except ImportError as error:
            raise ImportError(
                "ImageNet weights come with torchvision, which is not installed; install the build that fits your torch, or leave imagenet "
                "off"
            ) from error
        weights: dict[str, torch.Tensor] = published.get_model(self.published, weights="DEFAULT").state_dict()
        layers: nn.Module = module[0][0]  # type: ignore[index]
        first = next(iter(layers.state_dict()))
        own = {name: weights[name] for name in layers.state_dict()}
        own[first] = own[first].sum(1, keepdim=True)
        layers.load_state_dict(own)


def narrowed(layers: nn.Module, channels: int) -> nn.Sequential:
    """Layers, then the study's two dense ones."""
    return nn.Sequential(layers, nn.Linear(channels, NARROW), nn.ReLU(), nn.Linear(NARROW, FEATURES), nn.ReLU())
