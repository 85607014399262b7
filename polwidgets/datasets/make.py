"""Make a set of labelled images from a recipe."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import torch
import xarray as xr

import polwidgets
from polwidgets.cube.stream import workers
from polwidgets.datasets.hrtem import plan, scene_images
from polwidgets.datasets.recipe import Recipe, read_recipe
from polwidgets.datasets.store import create, open_dataset, to_do, unfinished, write
from polwidgets.progress import Progress, reporter


def make_dataset(
    recipe: str | os.PathLike[str] | Recipe,
    path: str | os.PathLike[str],
    *,
    n: int,
    seed: int = 0,
    changes: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: bool | Progress = False,
) -> xr.Dataset:
    """Draw structures and imaging conditions, simulate the images, and write them with their masks.

    The set grows beside its place and is renamed when complete. Interrupted, or cancelled by a `progress` that raises, it
    goes on where it stopped when the same call is made again.

    Parameters
    ----------
    recipe : str, path or Recipe
        See `read_recipe`.
    path : path
        The zarr folder to write.
    n : int
        Images. Those of scene `i` depend on (seed, i) alone: a longer set begins with the shorter one.
    seed : int
    changes : mapping, optional
        Values in place of the recipe's, as ``{"wave.fidelity": "single slice"}``.
    overwrite : bool
        Replace what is there, finished or not.
    progress : bool or callable

    Returns
    -------
    Dataset (sample, y, x)
        As `open_dataset` opens it.

    Raises
    ------
    FileExistsError
        Something is at `path`, or another set was begun for it, and `overwrite` is not set.
    ValueError
        A recipe with misspelt keys or impossible values, or no images asked for.
    """
    path = Path(path).expanduser()
    if n < 1:
        raise ValueError(f"n is {n}, expected at least one image")
    if not path.name.endswith(".zarr"):
        raise ValueError(f"labelled images are saved as a folder .zarr, got {path.name!r}")
    if isinstance(recipe, Recipe) and changes:
        raise ValueError("changes go with a recipe's name or file; a Recipe is changed with dataclasses.replace")
    drawn_from = recipe if isinstance(recipe, Recipe) else read_recipe(recipe, changes)
    aside = unfinished(path)
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; pass overwrite=True to replace it, or choose another name")
    scenes = -(-n // drawn_from.image["conditions_a_scene"])
    for index in range(scenes):
        plan(drawn_from, seed=seed, index=index)  # what cannot be drawn says so before the work
    if overwrite:
        shutil.rmtree(aside, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = create(aside, drawn_from, n=n, seed=seed, version=polwidgets.__version__)
    report = reporter(progress)
    left = to_do(arrays)
    report("simulate images", 1 - len(left) / scenes)
    for number, (index, images) in enumerate(_simulated(drawn_from, seed, left), 1):
        write(arrays, images, index=index)
        report("simulate images", 1 - (len(left) - number) / scenes)
    if path.exists():
        shutil.rmtree(path)
    aside.rename(path)
    return open_dataset(path)


def _simulated(recipe: Recipe, seed: int, indices: list[int]) -> Iterator[tuple[int, xr.Dataset]]:
    """Scenes' images as they are finished, as many at a time as there are cores."""
    threads = torch.get_num_threads()
    # a core each: transforms of this size gain little from being shared
    with ThreadPoolExecutor(workers(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        running: dict[Future[xr.Dataset], int] = {}
        waiting = iter(indices)
        try:
            while True:
                # few ahead of the writer, so that memory stays bounded
                for index in waiting:
                    running[pool.submit(scene_images, recipe, seed=seed, index=index)] = index
                    if len(running) > workers():
                        break
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            torch.set_num_threads(threads)
