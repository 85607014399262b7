"""Ground truth of images: where the atoms of an object are, seen along the beam."""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr
from scipy.ndimage import binary_fill_holes

from polwidgets.cube.schema import LENGTH, step_of
from polwidgets.scenes.scene import Scene

RADIUS_A: Final = 1.6  # a little more than half the distance of neighbours in metals


def object_mask(scene: Scene, name: str, *, like: xr.DataArray, radius_A: float = RADIUS_A) -> xr.DataArray:
    """Pixels whose middle is within a radius of one of the object's atoms in projection, holes between them filled.

    Parameters
    ----------
    scene : Scene
    name : str
        The object, one of ``scene.names``.
    like : DataArray (..., y, x)
        Image or wave of the scene, or a part of one: the mask is on its pixels.
    radius_A : float

    Returns
    -------
    bool DataArray (y, x)
        Atoms reach across the edges along which the scene is periodic.

    Raises
    ------
    KeyError
        The scene has no such object.
    ValueError
        The image has no scale.
    """
    for dim in ("y", "x"):
        units = like[dim].attrs.get("units") if dim in like.coords else None
        if units != LENGTH:
            raise ValueError(f"the image has no scale along {dim} (units {units!r}); give it a coord in {LENGTH}, as pw.hrtem_images does")
    places = scene.positions_A[scene.of_object(name), :2]
    for axis in (0, 1):
        if scene.periodic[axis]:
            shift = np.eye(2)[axis] * scene.box_A[axis]
            places = np.concatenate([places - shift, places, places + shift])
    steps, corner = (np.array(pair) for pair in ((step_of(like, "y"), step_of(like, "x")), (like["y"].values[0], like["x"].values[0])))
    shape = np.array([like.sizes["y"], like.sizes["x"]])
    places = (places - corner) / steps
    reach = np.ceil(radius_A / steps).astype(int)
    places = places[((places > -reach - 1) & (places < shape + reach)).all(1)]
    first = np.floor(places).astype(int)
    covered = np.zeros(shape + 2 * reach + 3, bool)
    for down in range(-reach[0], reach[0] + 2):
        for right in range(-reach[1], reach[1] + 2):
            pixel = first + np.array([down, right])
            near = (((pixel - places) * steps) ** 2).sum(1) <= radius_A**2
            row, column = (pixel[near] + reach + 1).T
            covered[row, column] = True
    top, left = reach + 1
    mask = binary_fill_holes(covered[top : top + shape[0], left : left + shape[1]])
    return xr.DataArray(mask, {dim: like[dim] for dim in ("y", "x")}, ("y", "x"), "mask")
