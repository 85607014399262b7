"""Ground truth of images: where the atoms of an object are, seen along the beam."""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr
from scipy.ndimage import binary_fill_holes, distance_transform_edt

from polwidgets.cube.schema import LENGTH, step_of
from polwidgets.scenes.scene import Scene

RADIUS_A: Final = 1.6  # a little more than half the distance of neighbours in metals
CLOSING_A: Final = 2.0  # about the distance of lattice rows: an edge is smooth where rows of atoms end


def object_mask(scene: Scene, name: str, *, like: xr.DataArray, radius_A: float = RADIUS_A, closing_A: float = CLOSING_A) -> xr.DataArray:
    """Pixels that an object's atoms cover in projection, gaps and holes between them closed.

    Parameters
    ----------
    scene : Scene
    name : str
        The object, one of ``scene.names``.
    like : DataArray (..., y, x)
        Image or wave of the scene, or a part of one: the mask is on its pixels.
    radius_A : float
        An atom covers the pixels whose middle is so near.
    closing_A : float
        Gaps of up to twice this width are closed; wider holes are closed where the object surrounds them.

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
    margin = reach + np.ceil(2 * closing_A / steps).astype(int) + 1
    places = places[((places > reach - margin) & (places < shape + margin - reach - 1)).all(1)]
    first = np.floor(places).astype(int)
    covered = np.zeros(shape + 2 * margin, bool)
    for down in range(-reach[0], reach[0] + 2):
        for right in range(-reach[1], reach[1] + 2):
            pixel = first + np.array([down, right])
            near = (((pixel - places) * steps) ** 2).sum(1) <= radius_A**2
            row, column = (pixel[near] + margin).T
            covered[row, column] = True
    if closing_A and covered.any():
        grown = distance_transform_edt(~covered, sampling=steps) <= closing_A
        # an eroded picture loses its own border, which the margin holds
        covered |= distance_transform_edt(grown, sampling=steps) > closing_A
    mask = binary_fill_holes(covered[margin[0] : margin[0] + shape[0], margin[1] : margin[1] + shape[1]])
    return xr.DataArray(mask, {dim: like[dim] for dim in ("y", "x")}, ("y", "x"), "mask")
