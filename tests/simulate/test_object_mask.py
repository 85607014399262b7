"""Masks of atoms in known places."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from polwidgets.scenes.scene import Scene
from polwidgets.simulate.object_mask import object_mask

MakeScene = Callable[..., Scene]
BOX = (20.0, 30.0, 10.0)


def pixels(step_A: float = 0.25, top_A: float = 0.0, left_A: float = 0.0, height_A: float = 20.0, width_A: float = 30.0) -> xr.DataArray:
    places = {"y": np.arange(top_A, top_A + height_A, step_A), "x": np.arange(left_A, left_A + width_A, step_A)}
    coords = {dim: (dim, values, {"units": "angstrom"}) for dim, values in places.items()}
    return xr.DataArray(np.zeros([len(values) for values in places.values()]), coords, ("y", "x"))


@pytest.mark.parametrize("closing_A", [0.0, 2.0])
def test_one_atom_covers_a_disk(make_scene: MakeScene, closing_A: float) -> None:
    mask = object_mask(make_scene([(79, 7.1, 21.3, 5.0)], BOX), "thing", like=pixels(), radius_A=2.0, closing_A=closing_A)
    distance = np.hypot(mask["y"] - 7.1, mask["x"] - 21.3)
    assert bool(mask.where(distance < 1.7, True).all())
    assert not bool(mask.where(distance > 2.3, False).any())


def test_it_reaches_across_periodic_edges_only(make_scene: MakeScene) -> None:
    atoms = [(79, 0.2, 15.0, 5.0)]
    around, cut = (object_mask(make_scene(atoms, BOX, periodic=periodic), "thing", like=pixels()) for periodic in (True, False))
    assert bool(around.sel(y=19.5, x=15.0))
    assert not bool(cut.sel(y=19.5, x=15.0))
    np.testing.assert_array_equal(around[:40], cut[:40])


def test_holes_and_narrow_gaps_are_closed_and_wide_gaps_stay(make_scene: MakeScene) -> None:
    angles = np.arange(24) * 2 * np.pi / 24
    ring = [(6, 10.0 + 6 * np.sin(angle), 8.0 + 6 * np.cos(angle), 5.0) for angle in angles]
    beside = [(6, 10.0, 24.0, 5.0), (6, 13.5, 24.0, 5.0), (6, 2.0, 24.0, 5.0)]
    mask = object_mask(make_scene(ring + beside, BOX), "thing", like=pixels(), radius_A=1.5, closing_A=1.5)
    assert bool(mask.sel(y=10.0, x=8.0))
    assert bool(mask.sel(y=11.75, x=24.0))
    assert not bool(mask.sel(y=6.0, x=24.0))


def test_a_cut_image_gets_the_cut_mask(make_scene: MakeScene) -> None:
    lattice = np.stack(np.meshgrid(np.arange(3, 17, 2.3), np.arange(5, 16, 2.1), indexing="ij"), -1).reshape(-1, 2)
    scene = make_scene([(6, down, right, 5.0) for down, right in lattice], BOX)
    whole = object_mask(scene, "thing", like=pixels())
    part = object_mask(scene, "thing", like=pixels(top_A=4.0, left_A=7.5, height_A=10.0, width_A=12.0))
    np.testing.assert_array_equal(part, whole.sel(y=part["y"], x=part["x"]))
    assert 0.3 < float(part.mean()) < 0.95


def test_objects_by_name(make_scene: MakeScene) -> None:
    scene = dataclasses.replace(
        make_scene([(79, 5.0, 5.0, 5.0), (6, 5.0, 25.0, 5.0)], BOX), objects=np.array([1, 0]), names=("film", "particle")
    )
    mask = object_mask(scene, "particle", like=pixels())
    assert bool(mask.sel(y=5.0, x=5.0))
    assert not bool(mask.sel(y=5.0, x=25.0))
    assert not bool(object_mask(scene.select(scene.objects == 0), "particle", like=pixels()).any())
    with pytest.raises(KeyError, match="film, particle"):
        object_mask(scene, "rod", like=pixels())
    with pytest.raises(ValueError, match="no scale along y"):
        object_mask(scene, "film", like=pixels().drop_vars("y"))
