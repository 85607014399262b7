"""High-resolution images of drawn scenes, with masks: every scene reproducible by itself."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import xarray as xr
from scipy.fft import next_fast_len

from polwidgets.cube.schema import step_of
from polwidgets.datasets.recipe import Recipe
from polwidgets.scenes.distributions import as_distribution
from polwidgets.scenes.draw import draw_scenes
from polwidgets.scenes.scene import Scene
from polwidgets.simulate.exit_wave import exit_wave
from polwidgets.simulate.imaging import ImagingConditions, hrtem_images
from polwidgets.simulate.object_mask import object_mask


@dataclasses.dataclass(frozen=True)
class Plan:
    """All that is drawn for one scene's images, but for the scene itself.

    Attributes
    ----------
    wave : dict
        Keywords of `exit_wave`.
    pixel_A : float
    conditions : list of ImagingConditions
    corner : (float, float)
        Where the image lies in the box, (down, right), as fractions of the room that is left.
    seed : int
        Of phonons and counts.
    """

    wave: dict[str, Any]
    pixel_A: float
    conditions: list[ImagingConditions]
    corner: tuple[float, float]
    seed: int


def plan(recipe: Recipe, *, seed: int, index: int) -> Plan:
    """What is drawn for scene `index`: from (seed, index) alone."""
    rng = np.random.default_rng((seed, index, 1))
    return Plan(
        wave=recipe.draw_wave(rng),
        pixel_A=float(as_distribution(recipe.image["pixel_A"]).draw(rng)),
        corner=(float(rng.random()), float(rng.random())),
        seed=int(rng.integers(2**31)),
        conditions=recipe.draw_conditions(rng, recipe.image["conditions_a_scene"]),
    )


def scene_images(recipe: Recipe, *, seed: int, index: int) -> xr.Dataset:
    """Images and masks of one scene under all of its imaging conditions.

    Parameters
    ----------
    recipe : Recipe
    seed, index : int
        The scene's images depend on these alone.

    Returns
    -------
    Dataset (sample, y, x)
        ``image`` float32, ``mask`` uint8, and along ``sample`` the imaging conditions, ``pixel_A`` and ``voltage_kV``.
    """
    drawn = plan(recipe, seed=seed, index=index)
    name, ranges = recipe.scene["prefab"], {key: value for key, value in recipe.scene.items() if key != "prefab"}
    scene = next(draw_scenes(name, 1, seed=seed, first=index, **ranges))
    wanted = [entry for entry in recipe.objects if entry not in scene.names]
    if wanted:
        raise ValueError(f"the prefab {name} made no object {', '.join(wanted)}; it made {', '.join(scene.names)}: mend 'objects'")
    binning = recipe.image["points_a_pixel"]
    pixel_A = _pixel(scene, drawn.pixel_A, recipe.image["pixels"])
    wave = exit_wave(scene, sampling_A=pixel_A / binning, seed=drawn.seed, **drawn.wave)
    images = hrtem_images(wave, drawn.conditions, seed=drawn.seed, binning=binning)
    images = _cut(images, recipe.image["pixels"], drawn.corner)
    mask = np.zeros(images.shape[1:], np.uint8)
    for label, entry in enumerate(recipe.objects, 1):
        mask[object_mask(scene, entry, like=images)] = label
    dims = ("sample", "y", "x")
    columns = {field.name: ("sample", images[field.name].values) for field in dataclasses.fields(ImagingConditions)}
    everywhere = {"pixel_A": step_of(images, "x"), "voltage_kV": drawn.wave["voltage_kV"]}
    columns |= {key: ("sample", np.full(len(images), value)) for key, value in everywhere.items()}
    return xr.Dataset({"image": (dims, images.values), "mask": (dims, np.repeat(mask[None], len(images), 0))}, columns)


def _pixel(scene: Scene, pixel_A: float, pixels: int) -> float:
    """The pixel next to the wanted one, at most a few percent smaller, of which the box holds a number that transforms fast."""
    edge_A = min(scene.box_A[:2])
    count = next_fast_len(round(edge_A / pixel_A))
    if count < pixels:
        raise ValueError(
            f"the box of {scene.box_A[0]:g} x {scene.box_A[1]:g} angstrom holds {count} pixels of {pixel_A:.3g}, the image has {pixels}; "
            f"make the box at least {pixels * pixel_A:.0f} angstrom, the pixel at most {edge_A / pixels:.3f}, or the image smaller"
        )
    return float(edge_A / count)


def _cut(images: xr.DataArray, pixels: int, corner: tuple[float, float]) -> xr.DataArray:
    """A square out of the images, at these fractions of the room that is left around it."""
    top, left = (int(part * (size - pixels + 1)) for part, size in zip(corner, images.shape[1:], strict=True))
    return images[:, top : top + pixels, left : left + pixels]
