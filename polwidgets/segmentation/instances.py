"""Particles told apart: a watershed on the distance to the outline, basins with a shallow pass between them joined."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

PASS: Final = 0.8  # height of the pass over the lower summit, above which two basins are one particle
SMOOTH: Final = 1.0  # pixels; steps of the outline make summits otherwise


def separate(mask: NDArray[np.bool_], *, min_area: int = 20) -> NDArray[np.int32]:
    """Number the particles of a mask, touching ones apart.

    Parameters
    ----------
    mask : array (y, x) of bool
    min_area : int
        Pixels; smaller particles are left out, smaller holes filled.

    Returns
    -------
    array (y, x) of int
        0 background, then 1, 2, ... from the top.

    Notes
    -----
    Two parts are told apart where their neck is narrower than 0.8 of the lesser one's width.
    """
    if mask.ndim != 2:
        raise ValueError(f"the mask has shape {mask.shape}, expected (y, x)")
    mask = _without_small(mask.astype(bool), min_area)
    mask = ~_without_small(~mask, min_area)
    if not mask.any():
        return np.zeros(mask.shape, np.int32)
    # what goes on beyond the image's edge is no outline
    distance = ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1]
    height = np.where(mask, ndimage.gaussian_filter(distance, SMOOTH), 0)
    joined = np.where(mask, _join(_climb(height), height), 0)
    return _in_order(joined, min_area)


def _climb(height: NDArray[np.float64]) -> NDArray[np.int64]:
    """For every pixel the flat index of the summit that the steepest way up ends at."""
    padded = np.pad(height, 1, constant_values=-1)
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).reshape(*height.shape, 9)
    # the pixel itself first, so that a flat stretch is its own summit
    steepest = np.array([4, 0, 1, 2, 3, 5, 6, 7, 8])[around[..., [4, 0, 1, 2, 3, 5, 6, 7, 8]].argmax(-1)]
    index = np.arange(height.size).reshape(height.shape)
    target = (index + (steepest // 3 - 1) * height.shape[1] + steepest % 3 - 1).ravel()
    while ((farther := target[target]) != target).any():
        target = farther
    return np.asarray(target.reshape(height.shape))


def _join(summits: NDArray[np.int64], height: NDArray[np.float64]) -> NDArray[np.int64]:
    """Number basins from 1; those whose pass is nearly as high as the lower summit become one."""
    names, basins = np.unique(summits, return_inverse=True)
    basins = basins.reshape(height.shape)
    summit = height.ravel()[names]
    first, second, over = [], [], []
    for a, b in (
        ((slice(1, None), slice(None)), (slice(None, -1), slice(None))),
        ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
    ):
        edge = (basins[a] != basins[b]) & (height[a] > 0) & (height[b] > 0)
        first.append(np.minimum(basins[a][edge], basins[b][edge]))
        second.append(np.maximum(basins[a][edge], basins[b][edge]))
        over.append(np.minimum(height[a][edge], height[b][edge]))
    pairs = np.stack([np.concatenate(first), np.concatenate(second)], axis=1)
    unique, inverse = np.unique(pairs, axis=0, return_inverse=True)
    saddle = np.zeros(len(unique))
    np.maximum.at(saddle, inverse.ravel(), np.concatenate(over))
    shallow = unique[saddle >= PASS * summit[unique].min(axis=1, initial=np.inf)]
    links = coo_array((np.ones(len(shallow)), (shallow[:, 0], shallow[:, 1])), shape=(len(names), len(names)))
    _, group = connected_components(links, directed=False)
    return np.asarray(group[basins] + 1, np.int64)


def _without_small(mask: NDArray[np.bool_], min_area: int) -> NDArray[np.bool_]:
    parts, _ = ndimage.label(mask)
    large = np.bincount(parts.ravel()) >= min_area
    large[0] = False
    return np.asarray(large[parts])


def _in_order(labels: NDArray[np.int64], min_area: int) -> NDArray[np.int32]:
    """Numbers 1, 2, ... as met from the top; those too small become background."""
    _, first, inverse, area = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    kept = area >= min_area
    kept[labels.ravel()[first] == 0] = False
    order = np.full(len(first), 0)
    order[np.flatnonzero(kept)[np.argsort(first[kept])]] = np.arange(1, kept.sum() + 1)
    return np.asarray(order[inverse].reshape(labels.shape), np.int32)


def touching_border(labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Whether each number, 0 included, has a pixel at the image's edge; 0 never counts."""
    touching = np.zeros(int(labels.max()) + 1, bool)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        touching[edge] = True
    touching[0] = False
    return touching
