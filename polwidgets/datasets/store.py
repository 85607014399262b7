"""Labelled images in a zarr folder: written scene by scene, resumable, read lazily."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any, Final, TypeAlias

import xarray as xr
import zarr

from polwidgets.datasets.recipe import Recipe
from polwidgets.simulate.imaging import ImagingConditions

KIND: Final = "labelled images"
Arrays: TypeAlias = dict[str, Any]
"""The zarr arrays of a set, by name."""
COLUMNS: Final = ("pixel_A", "voltage_kV", *(field.name for field in dataclasses.fields(ImagingConditions)))
"""What every image knows of itself, a number each."""


def open_dataset(path: str | os.PathLike[str]) -> xr.Dataset:
    """Open a set of labelled images, lazily.

    Parameters
    ----------
    path : path
        As `make_dataset` wrote it.

    Returns
    -------
    Dataset (sample, y, x)
        ``image`` float32, intensity with the incident beam's being one; ``mask`` uint8, 0 where none of the objects is and 1
        for the first of them. Coords along ``sample``: the imaging conditions, ``pixel_A``, ``voltage_kV``, and ``scene``, the
        index of the structure: samples of one scene show the same atoms, so split by it. Attrs: ``recipe`` as JSON,
        ``objects``, ``seed``, ``version``.

    Raises
    ------
    FileNotFoundError, ValueError
        Nothing there, or no finished set of labelled images.
    """
    path = Path(path).expanduser()
    if not path.exists():
        begun = unfinished(path)
        hint = f"; {begun} is unfinished: run the same command again to go on" if begun.exists() else ""
        raise FileNotFoundError(f"there is no {path}{hint}")
    try:
        group = zarr.open_group(path, mode="r")
    except Exception as error:  # zarr raises whatever its codecs and its JSON parser raise
        raise ValueError(f"{path} is not a readable zarr folder ({error}); expected what pw.make_dataset writes") from error
    missing = sorted({"image", "mask", "scene", *COLUMNS} - set(group.array_keys()))
    if group.attrs.get("kind") != KIND or missing:
        lacks = f"it lacks {', '.join(missing)}" if missing else f"its kind is {group.attrs.get('kind')!r}"
        raise ValueError(f"{path} holds no labelled images: {lacks}; expected what pw.make_dataset writes")
    opened: xr.Dataset = xr.open_zarr(path, consolidated=False).drop_vars("done")
    lengths = {opened[name].shape for name in ("image", "mask")}
    if len(lengths) > 1 or opened["image"].dims != ("sample", "y", "x"):
        raise ValueError(f"{path} is damaged: image is {dict(opened['image'].sizes)}, mask {dict(opened['mask'].sizes)}; make it anew")
    # columns are small, and what one selects by
    return opened.assign_coords({name: opened[name].load() for name in ("scene", *COLUMNS)})


def unfinished(path: Path) -> Path:
    """Where a set that will lie at `path` is written until it is complete."""
    return path.with_name(f".{path.name}.unfinished")


def create(path: Path, recipe: Recipe, *, n: int, seed: int, version: str) -> Arrays:
    """An empty set at `path`, or the one begun there if it was to become the same."""
    attrs: dict[str, Any] = {
        "kind": KIND, "recipe": recipe.to_json(), "objects": ", ".join(recipe.objects), "n": n, "seed": seed, "version": version
    }  # fmt: skip
    if path.exists():
        begun = zarr.open_group(path, mode="a")
        differing = [key for key, value in attrs.items() if begun.attrs.get(key) != value]
        if differing:
            raise FileExistsError(
                f"{path} was begun with another {', '.join(differing)}; go on with the same, or pass overwrite=True to begin anew"
            )
        return {name: begun[name] for name in begun.array_keys()}
    group = zarr.create_group(path, attributes=attrs)
    each, pixels = min(recipe.image["conditions_a_scene"], n), recipe.image["pixels"]
    scenes = -(-n // each)

    def array(name: str, dtype: str, shape: tuple[int, ...], chunks: tuple[int, ...], dims: tuple[str, ...]) -> Any:
        return group.create_array(name, dtype=dtype, shape=shape, chunks=chunks, dimension_names=dims)

    square, of_a_scene, dims = (n, pixels, pixels), (each, pixels, pixels), ("sample", "y", "x")
    arrays = {"image": array("image", "float32", square, of_a_scene, dims), "mask": array("mask", "uint8", square, of_a_scene, dims)}
    for name in ("scene", *COLUMNS):
        # a column is written a scene at a time, but read at once
        arrays[name] = array(name, "int64" if name == "scene" else "float64", (n,), (n,), ("sample",))
    arrays["done"] = array("done", "bool", (scenes,), (scenes,), ("structure",))
    return arrays


def write(arrays: Arrays, images: xr.Dataset, *, index: int) -> None:
    """Put a scene's images in their place, and then note that they are there."""
    n, each = arrays["image"].shape[0], arrays["image"].chunks[0]
    place = slice(index * each, min((index + 1) * each, n))
    for name in ("image", "mask", *COLUMNS):
        arrays[name][place] = images[name].values[: place.stop - place.start]
    arrays["scene"][place] = index
    arrays["done"][index] = True


def to_do(arrays: Arrays) -> list[int]:
    """Scenes that are not there yet."""
    return [index for index, done in enumerate(arrays["done"][:]) if not done]


def recipe_of(dataset: xr.Dataset) -> Recipe:
    """The recipe that a set was made from."""
    tables = json.loads(dataset.attrs["recipe"])
    return Recipe(**{**tables, "objects": tuple(tables["objects"])})
