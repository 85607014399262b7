"""Probabilities of images of any size: overlapping tiles, blended, seen in turned and mirrored views."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from polwidgets.progress import Progress
from polwidgets.segmentation.unet import CLASSES, UNet

TILE: Final = 512
OVERLAP: Final = 64
VIEWS: Final = (1, 2, 4, 8)


def class_probability(
    network: UNet, image: NDArray[np.float32], *, views: int, progress: Progress, tile: int = TILE, overlap: int = OVERLAP
) -> NDArray[np.float32]:
    """Probability of every class at every pixel, the mean over views.

    Parameters
    ----------
    image : array (y, x)
        Standardised grey levels; sides need not be multiples of anything.
    views : {1, 2, 4, 8}
        One; also mirrored; quarter turns; quarter turns, also mirrored.
    tile, overlap : int
        Pixels; tiles are blended by weights that fall to nearly nothing at their edges.

    Returns
    -------
    array (3, y, x)
        Sums to one over the classes.
    """
    if views not in VIEWS:
        raise ValueError(f"views is {views}, expected one of {VIEWS}")
    turns = range(4) if views > 2 else range(1)
    mirrors = (False, True) if views in (2, 8) else (False,)
    total = np.zeros((CLASSES, *image.shape), np.float32)
    done = 0
    for quarter in turns:
        for mirror in mirrors:
            view = np.rot90(image[:, ::-1] if mirror else image, quarter)
            seen = np.rot90(_tiled(network, np.ascontiguousarray(view), tile, overlap), -quarter, axes=(1, 2))
            total += seen[:, :, ::-1] if mirror else seen
            done += 1
            progress("segment", done / views)
    return np.asarray(total / views, np.float32)


def entropy(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    """Binary entropy in bits of a probability: 0 sure, 1 open."""
    p = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.asarray(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)), np.float32)


def _tiled(network: UNet, image: NDArray[np.float32], tile: int, overlap: int) -> NDArray[np.float32]:
    """Blend of the tiles' probabilities; what sticks out of the image is its mirror image."""
    tile = min(tile, max(_up(side, network.multiple) for side in image.shape))
    tile = _up(max(tile, overlap + network.multiple), network.multiple)
    starts = [_starts(side, tile, overlap) for side in image.shape]
    padded_shape = [max(start[-1] + tile, side) for start, side in zip(starts, image.shape, strict=True)]
    tile_y, tile_x = (min(tile, _up(side, network.multiple)) for side in image.shape)
    padded = np.pad(image, [(0, target - side) for target, side in zip(padded_shape, image.shape, strict=True)], mode="symmetric")
    total = np.zeros((CLASSES, *padded.shape), np.float32)
    weight = np.zeros(padded.shape, np.float32)
    window = np.minimum(_ramp(tile_y, overlap)[:, None], _ramp(tile_x, overlap)[None, :])
    with torch.inference_mode():
        for top in starts[0]:
            for left in starts[1]:
                part = (slice(top, top + tile_y), slice(left, left + tile_x))
                batch = torch.from_numpy(padded[part][None, None].copy()).contiguous(memory_format=torch.channels_last)
                total[:, *part] += network(batch)[0].softmax(0).numpy() * window
                weight[part] += window
    rows, columns = image.shape
    return np.asarray(total[:, :rows, :columns] / weight[:rows, :columns], np.float32)


def _starts(side: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin, evenly, so that the last one ends with the side."""
    if side <= tile:
        return [0]
    count = -(-(side - overlap) // (tile - overlap))
    return [round(index * (side - tile) / (count - 1)) for index in range(count)]


def _ramp(side: int, overlap: int) -> NDArray[np.float32]:
    """Weight across a tile: one inside, falling along the overlap at both ends."""
    distance = np.minimum(np.arange(side), np.arange(side)[::-1]) + 0.5
    return np.asarray(np.clip(distance / max(overlap, 1), 1e-3, 1), np.float32)


def _up(value: int, multiple: int) -> int:
    """The next multiple."""
    return -(-value // multiple) * multiple
