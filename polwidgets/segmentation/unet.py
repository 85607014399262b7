"""A U-Net small enough for a laptop's processor."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import torch
from torch import nn

CLASSES: Final = 3  # background, a particle whose outline is seen, one out of focus or covered by others
CHANNELS: Final = (16, 24, 32, 48, 64)


class UNet(nn.Module):
    """Logits of the classes for every pixel.

    A first convolution halves the image, which makes everything after it four times as fast; outlines stay finer than a
    pixel because logits, not classes, are enlarged again. Levels below halve it further, so that one sees a few hundred
    pixels around.

    Parameters
    ----------
    channels : tuple of int
        From the finest level to the coarsest.
    """

    def __init__(self, channels: tuple[int, ...] = CHANNELS) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, channels[0], 4, stride=2, padding=1)
        self.down = nn.ModuleList(_block(channels[max(level - 1, 0)], width) for level, width in enumerate(channels))
        self.up = nn.ModuleList(_block(fine + coarse, fine) for fine, coarse in pairwise(channels))
        self.head = nn.Conv2d(channels[0], CLASSES, 1)
        # half as fast again on a processor
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.multiple = 2 ** len(channels)
        """Image sides are to be multiples of this."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(n, 1, y, x) to logits (n, 3, y, x)."""
        x = self.stem(image)
        passed = []
        for level, block in enumerate(self.down):
            x = block(nn.functional.max_pool2d(x, 2) if level else x)
            passed.append(x)
        for level in reversed(range(len(self.up))):
            x = self.up[level](torch.cat([passed[level], _twice(x)], 1))
        return _twice(self.head(x))


def _block(inward: int, outward: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inward, outward, 3, padding=1, bias=False), nn.BatchNorm2d(outward), nn.ReLU(inplace=True),
        nn.Conv2d(outward, outward, 3, padding=1, bias=False), nn.BatchNorm2d(outward), nn.ReLU(inplace=True),
    )  # fmt: skip


def _twice(x: torch.Tensor) -> torch.Tensor:
    return nn.functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
