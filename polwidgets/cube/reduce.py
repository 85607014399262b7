"""Reductions of a cube: virtual images, centre of mass, mean pattern.

All of them are one pass in blocks (`polwidgets.cube.stream`): patterns are converted to float in a small buffer that
stays in the processor's cache and multiplied there with every mask at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.cube.detectors import Detector
from polwidgets.cube.schema import validate
from polwidgets.cube.stream import map_blocks

BUFFER_BYTES: Final = 4 * 2**20  # fits the cache; measured best on 64 x 64 to 256 x 256 patterns
EXACT_PIXELS: Final = 1024


def virtual_image(cube: xr.DataArray, detector: Detector) -> xr.DataArray:
    """Intensity on a virtual detector at every probe position.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
        NumPy or dask; streamed.
    detector : Detector
        For example ``Annulus(inner=1.5)`` in the units of the cube's detector coords; see `detectors.in_mrad` for mrad.

    Returns
    -------
    DataArray (scan_y, scan_x)
    """
    return virtual_images(cube, {"image": detector})["image"].rename(type(detector).__name__.lower())


def virtual_images(cube: xr.DataArray, detectors: Mapping[str, Detector]) -> xr.Dataset:
    """Intensities on several virtual detectors in one pass; a Dataset of images (scan_y, scan_x) by name."""
    validate(cube)
    if not detectors:
        raise ValueError("no detectors were given; for example virtual_images(cube, {'dark': Annulus(inner=1.5)})")
    images = project(cube, np.stack([_checked_mask(name, detector, cube) for name, detector in detectors.items()]))
    return xr.Dataset({name: _labelled(image, cube) for name, image in zip(detectors, images, strict=True)})


def center_of_mass(cube: xr.DataArray, detector: Detector | None = None) -> xr.Dataset:
    """Centre of mass of every pattern.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
    detector : Detector, optional
        Restricts the patterns, for example to the central disk.

    Returns
    -------
    Dataset
        ``com_ky``, ``com_kx`` (scan_y, scan_x) in the units of the detector coords, ky growing downward as everywhere,
        NaN for an empty pattern; and ``intensity``, what was summed.
    """
    validate(cube)
    weight = np.ones(cube.shape[2:], np.float32) if detector is None else _checked_mask("detector", detector, cube)
    ky, kx = (cube[dim].values for dim in ("ky", "kx"))
    # moments about the middle of the detector keep float32 sums exact enough wherever k = 0 lies
    middle = ky.mean(), kx.mean()
    masks = np.stack([weight, weight * (ky - middle[0])[:, None], weight * (kx - middle[1])[None, :]])
    total, moment_y, moment_x = project(cube, masks.astype(np.float32))
    with np.errstate(invalid="ignore", divide="ignore"):
        center = [np.where(total > 0, m / total + c, np.nan) for m, c in zip((moment_y, moment_x), middle, strict=True)]
    units = cube["ky"].attrs["units"]
    return xr.Dataset(
        {
            "com_ky": _labelled(center[0], cube).assign_attrs(units=units),
            "com_kx": _labelled(center[1], cube).assign_attrs(units=units),
            "intensity": _labelled(total, cube),
        }
    )


def mean_pattern(cube: xr.DataArray) -> xr.DataArray:
    """Mean over the scan (the position-averaged pattern, PACBED), DataArray (ky, kx) with the cube's attrs."""
    validate(cube)
    total = sum(part for _, part in map_blocks(cube, _sum_patterns, label="mean pattern"))
    mean = np.asarray(total) / (cube.shape[0] * cube.shape[1])
    coords = {dim: cube[dim] for dim in ("ky", "kx")}
    return xr.DataArray(mean, dims=("ky", "kx"), coords=coords, name="intensity", attrs=dict(cube.attrs))


def project(cube: xr.DataArray, masks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sums of every pattern over weights (masks, ky, kx); returns (masks, scan_y, scan_x)."""
    rows, columns = (_support(np.flatnonzero(masks.any(axis=(0, other)))) for other in (2, 1))
    weights = np.ascontiguousarray(masks[:, rows, columns].reshape(len(masks), -1).T)

    def reduce_block(patterns: NDArray[Any]) -> NDArray[np.float64]:
        return _project_block(patterns[:, :, rows, columns], weights)

    images = np.empty((len(masks), *cube.shape[:2]))
    for block, part in map_blocks(cube, reduce_block, label="virtual images"):
        images[:, block.scan_y, block.scan_x] = np.moveaxis(part, -1, 0)
    return images


def _project_block(patterns: NDArray[Any], weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """(y, x, ky, kx) patterns times (ky * kx, masks) weights -> (y, x, masks)."""
    height, width = patterns.shape[:2]
    exact = np.float64 if patterns.dtype.itemsize > 4 else np.float32
    tile = max(1, BUFFER_BYTES // (4 * weights.shape[0]))
    buffer = np.empty((min(tile, width), *patterns.shape[2:]), exact)
    sums = np.zeros((height, width, weights.shape[1]))
    exactly = weights.astype(exact, copy=False)
    starts = range(0, len(weights), EXACT_PIXELS)
    for y in range(height):
        for x in range(0, width, tile):
            part = patterns[y, x : x + tile]
            filled = buffer[: len(part)]
            np.copyto(filled, part, casting="unsafe")
            rows = filled.reshape(len(part), -1)
            # float32 sums of a thousand pixels are good to 1e-6, those of a whole detector are not
            sums[y, x : x + tile] = sum((rows[:, at : at + EXACT_PIXELS] @ exactly[at : at + EXACT_PIXELS]).astype(float) for at in starts)
    return sums


def _sum_patterns(patterns: NDArray[Any]) -> NDArray[np.float64]:
    """Sum over (y, x), in a buffer that stays in the cache."""
    rows = patterns.reshape(-1, patterns.shape[2] * patterns.shape[3])
    exact = np.float64 if patterns.dtype.itemsize > 4 else np.float32
    tile = max(1, BUFFER_BYTES // (4 * rows.shape[1]))
    buffer = np.empty((min(tile, len(rows)), rows.shape[1]), exact)
    total: NDArray[np.float64] = np.zeros(rows.shape[1])
    for start in range(0, len(rows), tile):
        part = rows[start : start + tile]
        np.copyto(buffer[: len(part)], part, casting="unsafe")
        total += np.asarray(np.ones(len(part), exact) @ buffer[: len(part)], float)
    return total.reshape(patterns.shape[2:])


def _support(indices: NDArray[np.int64]) -> slice:
    """The smallest slice that holds every index, so that small detectors are cheap."""
    return slice(indices[0], indices[-1] + 1) if len(indices) else slice(0, 1)


def _checked_mask(name: str, detector: Detector, cube: xr.DataArray) -> NDArray[np.float32]:
    mask = np.asarray(detector.mask(cube), np.float32)
    if mask.shape != cube.shape[2:]:
        raise ValueError(f"the mask of {name!r} has shape {mask.shape}, the detector {cube.shape[2:]}")
    if not mask.any():
        reach = {dim: (float(cube[dim].min()), float(cube[dim].max())) for dim in ("ky", "kx")}
        units = cube["ky"].attrs["units"]
        raise ValueError(f"{name!r} ({detector}) lies outside the detector, which covers {reach} {units}; mind its units")
    return mask


def _labelled(image: NDArray[np.float64], cube: xr.DataArray) -> xr.DataArray:
    return xr.DataArray(image, dims=("scan_y", "scan_x"), coords={dim: cube[dim] for dim in ("scan_y", "scan_x")})
