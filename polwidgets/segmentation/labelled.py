"""Labelled images from several folders as one set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr


def open_labelled(paths: Sequence[str | Path]) -> xr.Dataset:
    """Images and masks of one or several sets, in memory, each set spread evenly over the whole.

    Parameters
    ----------
    paths : sequence of paths
        Zarr folders with ``image`` and ``mask`` on (sample, y, x), all of one image size.

    Returns
    -------
    Dataset on (sample, y, x)
        ``image`` float32, ``mask`` uint8, and the coord ``scene``: images of one structure have one number. Every set has the
        same share in every stretch of it, so that what is held out at the end is of all sets.
    """
    if not paths:
        raise ValueError("no labelled images given; name at least one zarr folder")
    sets = [_open(Path(path)) for path in paths]
    shapes = {(part.sizes["y"], part.sizes["x"]) for part in sets}
    if len(shapes) > 1:
        raise ValueError(
            f"the sets have images of {sorted(shapes)} pixels, expected one size; train on them one after the other, or make them anew"
        )
    images, masks, scenes, place = [], [], [], []
    for number, part in enumerate(sets):
        scene = part["scene"].values if "scene" in part.coords else np.arange(part.sizes["sample"])
        images.append(part["image"].values.astype(np.float32))
        masks.append(part["mask"].values)
        scenes.append(scene * len(sets) + number)
        # a scene's place is that of its first image
        first = np.flatnonzero(np.r_[True, np.diff(scene) != 0])
        place.append(np.repeat(first, np.diff(np.r_[first, len(scene)])) / len(scene))
    order = np.lexsort((np.concatenate(scenes), np.concatenate(place)))
    dims = ("sample", "y", "x")
    attrs = {f"{path.stem}_{name}" if len(paths) > 1 else str(name): str(value)
             for path, part in zip(map(Path, paths), sets, strict=True) for name, value in part.attrs.items()}  # fmt: skip
    return xr.Dataset(
        {"image": (dims, np.concatenate(images)[order]), "mask": (dims, np.concatenate(masks)[order])},
        coords={"scene": ("sample", np.concatenate(scenes)[order])},
        attrs=attrs,
    )


def _open(path: Path) -> xr.Dataset:
    if not path.is_dir():
        raise FileNotFoundError(f"there is no folder {path}; make labelled images with `polwidgets dataset` or `dataset-bright-field`")
    try:
        part: xr.Dataset = xr.open_zarr(path, consolidated=False)
    except Exception as error:  # zarr raises whatever its codecs and its JSON parser raise
        raise ValueError(f"{path} is not a readable zarr folder ({error}); expected labelled images") from error
    for name in ("image", "mask"):
        if name not in part or part[name].dims != ("sample", "y", "x"):
            raise ValueError(f"{path} holds {', '.join(map(str, part.data_vars)) or 'nothing'}, expected image and mask on (sample, y, x)")
    return part
