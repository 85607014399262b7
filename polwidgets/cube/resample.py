"""Patterns on a straightened detector: every pattern moved, all of them unstretched, in one interpolation."""

from __future__ import annotations

from typing import Any, Final

import dask.array as da
import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from polwidgets.cube.schema import validate
from polwidgets.cube.stream import BLOCK_BYTES, lazy

GRID_BYTES: Final = BLOCK_BYTES


def straighten(
    cube: xr.DataArray, centers_px: NDArray[np.float64], *, center_px: tuple[float, float], stretch: NDArray[np.float64] | None = None
) -> xr.DataArray:
    """Bring every pattern's centre to one place and undo an elliptic distortion, lazily.

    Bicubic interpolation, once; what comes from beyond the detector's edge is zero. Counts become float32, and may dip
    slightly below zero beside a sharp edge.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
    centers_px : array (scan_y, scan_x, 2)
        Where the centre is now, (row, column) in pixels.
    center_px : (row, column)
        Where it is to be.
    stretch : array (2, 2), optional
        Distortion that is undone: it takes undistorted to recorded (row, column) offsets from the centre.

    Returns
    -------
    DataArray
        Backed by dask; the same coords and attrs.
    """
    validate(cube)
    matrix = np.eye(2) if stretch is None else np.asarray(stretch, float)
    patterns = cube.data if cube.chunks else lazy(cube.data)
    patterns = patterns.rechunk({2: -1, 3: -1})
    centers = da.from_array(centers_px, chunks=(*patterns.chunks[:2], 2), name=False)
    moved = da.blockwise(
        _move,
        "yxuv",
        patterns,
        "yxuv",
        centers,
        "yxc",
        center=center_px,
        matrix=matrix,
        concatenate=True,
        dtype=np.float32,
        meta=np.empty((0,) * 4, np.float32),
    )
    return cube.copy(data=moved)


def stretch_matrix(ellipticity: float, angle_deg: float) -> NDArray[np.float64]:
    """Area-preserving stretch of (row, column) offsets along an axis `angle_deg` anticlockwise on screen from +kx."""
    angle = np.deg2rad(angle_deg)
    along = np.array([-np.sin(angle), np.cos(angle)])
    across = np.array([np.cos(angle), np.sin(angle)])
    long = np.sqrt(1 + ellipticity)
    return np.asarray(long * np.outer(along, along) + np.outer(across, across) / long)


def _move(
    patterns: NDArray[Any], centers: NDArray[np.float64], *, center: tuple[float, float], matrix: NDArray[np.float64]
) -> NDArray[np.float32]:
    height, width = patterns.shape[2:]
    offsets = np.stack(np.meshgrid(np.arange(height) - center[0], np.arange(width) - center[1], indexing="ij"), -1) @ matrix.T
    flat, places = patterns.reshape(-1, 1, height, width), centers.reshape(-1, 1, 1, 2)
    moved = np.empty(flat.shape, np.float32)
    step = max(1, GRID_BYTES // (16 * height * width))
    for start in range(0, len(flat), step):
        part = slice(start, start + step)
        # torch counts from -1 to 1 between the outer pixels' middles, and wants (column, row)
        grid = (offsets + places[part])[..., ::-1] / [max(width - 1, 1), max(height - 1, 1)] * 2 - 1
        source = torch.from_numpy(np.ascontiguousarray(flat[part], dtype=np.float32))
        target = torch.nn.functional.grid_sample(
            source, torch.from_numpy(grid.astype(np.float32)), mode="bicubic", padding_mode="zeros", align_corners=True
        )
        moved[part] = target.numpy()
    return moved.reshape(patterns.shape)
