"""What a segmenter learns from labelled images: random crops, turned and mirrored, under cross-entropy and Dice."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import nn

from polwidgets.segmentation.picture import standardise
from polwidgets.segmentation.unet import CLASSES, UNet

HELD_OUT: Final = 0.1  # of the images, the last ones, for validation


class SegmentationTask:
    """Training and validation images in memory; see `polwidgets.training.loop.Task`."""

    def __init__(self, network: UNet, images: xr.Dataset, crop: int) -> None:
        self.network, self.crop = network, crop
        standard = np.stack([standardise(image) for image in images["image"].values])
        classes = images["mask"].values.astype(np.uint8)
        self.count = _training_count(images)
        self._images, self._classes = torch.from_numpy(standard), torch.from_numpy(classes)

    def loss(self, index: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Cross-entropy and Dice of one random crop of each image."""
        pairs = [self._view(int(sample), generator) for sample in index]
        image, classes = (torch.stack(part) for part in zip(*pairs, strict=True))
        # cameras and programs differ in gain and offset
        gain = torch.exp(0.2 * torch.randn(len(image), 1, 1, generator=generator))
        image = image * gain + 0.2 * torch.randn(len(image), 1, 1, generator=generator)
        return segmentation_loss(self.network(_as_batch(image)), classes.long())

    def validate(self) -> float:
        """Mean loss of the images held out, their middle crop."""
        held_out = range(self.count, len(self._images))
        top, left = ((side - self.crop) // 2 for side in self._images.shape[1:])
        inner = (slice(top, top + self.crop), slice(left, left + self.crop))
        losses = [
            float(segmentation_loss(self.network(_as_batch(self._images[part][:, *inner])), self._classes[part][:, *inner].long()))
            * len(part)
            for part in torch.tensor_split(torch.arange(held_out.start, held_out.stop), -(-len(held_out) // 16))
        ]
        return sum(losses) / len(held_out)

    def _view(self, sample: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        rows, columns = self._images.shape[1:]
        top = int(torch.randint(rows - self.crop + 1, (), generator=generator))
        left = int(torch.randint(columns - self.crop + 1, (), generator=generator))
        turns, mirror = int(torch.randint(4, (), generator=generator)), int(torch.randint(2, (), generator=generator))
        inner = (sample, slice(top, top + self.crop), slice(left, left + self.crop))
        image, classes = (torch.rot90(whole[inner], turns) for whole in (self._images, self._classes))
        return (image.flip(1), classes.flip(1)) if mirror else (image, classes)


def _training_count(images: xr.Dataset) -> int:
    """How many of the first images to learn from; images of one structure stay on one side."""
    count = images.sizes["sample"]
    wanted = count - max(round(HELD_OUT * count), 1)
    if "scene" not in images.coords:
        return wanted
    scene = images["scene"].values
    starts = np.flatnonzero(np.diff(scene)) + 1
    if not len(starts):
        raise ValueError("all images show one structure; expected several, so that one can be held out: raise n")
    return int(starts[np.searchsorted(starts, wanted, side="right") - 1] if starts[0] <= wanted else starts[0])


def segmentation_loss(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the classes, and one less the Dice overlap of outlined and of all particles.

    Parameters
    ----------
    logits : tensor (n, 3, y, x)
    classes : tensor (n, y, x) of 0, 1, 2
    """
    probability = logits.softmax(1)
    truth = nn.functional.one_hot(classes, CLASSES).movedim(-1, 1).to(probability.dtype)
    outlined = _dice(probability[:, 1], truth[:, 1])
    every = _dice(1 - probability[:, 0], 1 - truth[:, 0])
    return nn.functional.cross_entropy(logits, classes) + 1 - (outlined + every) / 2


def _dice(probability: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Overlap over a batch: images without a particle would leave none of their own."""
    return (2 * (probability * truth).sum() + 1) / (probability.sum() + truth.sum() + 1)


def _as_batch(images: torch.Tensor) -> torch.Tensor:
    return images[:, None].contiguous(memory_format=torch.channels_last)


def check_labelled(images: xr.Dataset, crop: int) -> None:
    """Refuse what a segmenter cannot learn from."""
    for name in ("image", "mask"):
        if name not in images or images[name].dims != ("sample", "y", "x"):
            got = images[name].dims if name in images else ", ".join(map(str, images.data_vars)) or "nothing"
            raise ValueError(f"labelled images need {name} on (sample, y, x), got {got}; make them with `polwidgets dataset`")
    if images.sizes["sample"] < 4:
        raise ValueError(f"got {images.sizes['sample']} labelled images, expected at least four: some are held out for validation")
    if min(images.sizes["y"], images.sizes["x"]) < crop:
        raise ValueError(f"images of {images.sizes['y']} x {images.sizes['x']} pixels are smaller than crops of {crop}; set crop to less")
    present: NDArray[np.generic] = np.unique(images["mask"].values)
    if not set(present.tolist()) <= set(range(CLASSES)) or 1 not in present:
        raise ValueError(
            f"masks hold {present[:8].tolist()}, expected 0 (background), 1 (particle) and 2 (unresolved particle), and some 1"
        )
