"""Match one position-averaged pattern (PACBED) whose scale, centre and rotation may be unknown.

A recorded pattern has an unknown gain, shading and often an unknown curve of grey levels. So only its structure inside
the disk is compared, with slow changes taken out of data and model alike.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Final

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from polwidgets.crystal.base import Crystal
from polwidgets.cube.schema import WAVENUMBER, require
from polwidgets.electron import wave_number
from polwidgets.match.conditions import Conditions
from polwidgets.match.least_squares import least_squares
from polwidgets.match.library import PARAELECTRIC, Library
from polwidgets.match.specimen import SpecimenFit
from polwidgets.progress import Progress
from polwidgets.simulate.detector import detector_matrix, detector_points, on_detector, pixel_grid
from polwidgets.simulate.patterns import position_averaged

RADIUS_px: Final = 20.0  # the disk's radius after binning
REACH: Final = 1.2  # disk radii that are compared
SLOW: Final = 0.35  # disk radii: structure wider than this is taken for shading
THICKNESS_STEP_A: Final = 12.0
MESH: Final = 6
ROTATION_STEP_deg: Final = 7.5
STARTS: Final = 3
SCALES: Final = tuple(np.arange(0.88, 1.14, 0.05))
BRIGHT: Final = 0.4  # of the bright disk's intensity: where its edge is taken
FREE: Final = ("thickness_A", "rotation_deg", "k_scale", "center_y", "center_x", "blur", "tilt_y_mrad", "tilt_x_mrad")


@dataclasses.dataclass(frozen=True)
class Target:
    """The pattern, binned, with the wave vectors (pixel, 2) of its pixels and which of them (rows, columns) are compared."""

    image: NDArray[np.float64]
    inside: NDArray[np.bool_]
    k: NDArray[np.float64]
    slow_px: float

    def structure(self, images: NDArray[np.float64]) -> NDArray[np.float64]:
        """What is faster than the shading, inside the compared circle, of images (..., rows, columns); (..., pixel)."""
        width = (0.0,) * (images.ndim - 2) + (self.slow_px,) * 2
        support = gaussian_filter(self.inside.astype(float), self.slow_px)
        slow = gaussian_filter(np.where(self.inside, images, 0.0), width) / np.maximum(support, 1e-6)
        return np.asarray((images - slow)[..., self.inside])


def match_pattern(pattern: xr.DataArray, crystal: Crystal, thickness_range_A: tuple[float, float], *, progress: Progress) -> SpecimenFit:
    """Find the specimen of a lone pattern; see `polwidgets.match.matching.match`."""
    voltage_kV, semiangle_mrad = require(pattern, "voltage_kV", "semiangle_mrad")
    aperture = wave_number(semiangle_mrad, voltage_kV)
    values = np.asarray(pattern.values, float)
    target = find_target(values, aperture)
    library = library_for(crystal, voltage_kV, semiangle_mrad, thickness_range_A)  # type: ignore[arg-type]  # parts are frozen
    progress("simulate", 0.0)
    library.matrix(PARAELECTRIC)
    progress("simulate", 1.0)
    starts = _search(target, library, Conditions(blur=0.03 * aperture), progress)
    fits = []
    for number, start in enumerate(starts):
        fits.append(_refine(target, library, start))
        progress("fit the specimen", (number + 1) / len(starts))
    conditions, errors, score, misfit = max(fits, key=lambda fit: fit[2])
    rows, columns = target.image.shape
    axes = [target.k[::columns, 0], target.k[:columns, 1]]
    coords = {dim: (dim, axis, {"units": WAVENUMBER}) for dim, axis in zip(("ky", "kx"), axes, strict=True)}
    model = library.expected(PARAELECTRIC, conditions, target.k, order=0)[0].reshape(rows, columns)
    patterns = xr.Dataset({"measured": (("ky", "kx"), target.image), "model": (("ky", "kx"), model)}, coords=coords)
    return SpecimenFit(
        crystal=crystal,
        voltage_kV=voltage_kV,
        semiangle_mrad=semiangle_mrad,
        conditions=conditions,
        errors=errors,
        score=score,
        misfit=misfit,
        gain=float("nan"),
        dose=float("nan"),
        background=(),
        patterns=patterns,
    )


@functools.lru_cache(maxsize=2)
def library_for(crystal: Crystal, voltage_kV: float, semiangle_mrad: float, thickness_range_A: tuple[float, float]) -> Library:
    """Kept, since patterns of one specimen are often matched one after the other."""
    return Library(
        crystal,
        voltage_kV=voltage_kV,
        semiangle_mrad=semiangle_mrad,
        thicknesses_A=np.arange(thickness_range_A[0], thickness_range_A[1] + THICKNESS_STEP_A, THICKNESS_STEP_A),
        k_outgoing=REACH * wave_number(semiangle_mrad, voltage_kV),
        mesh=MESH,
        k_limit=2.7,
    )


def find_target(values: NDArray[np.float64], aperture: float) -> Target:
    """A lone pattern, binned and cropped around its bright disk, whose place and radius need to be known to a tenth only.

    Parameters
    ----------
    values : array (ky, kx)
    aperture : float
        Radius of the bright disk in 1/angstrom.
    """
    bright = gaussian_filter(values, 2e-3 * max(values.shape)) > BRIGHT * np.quantile(values, 0.99)
    radius_px = float(np.sqrt(bright.sum() / np.pi))
    if not 4 < radius_px < 0.6 * min(values.shape):
        raise ValueError(f"no disk was found in the pattern: {bright.sum()} of {values.size} pixels are bright; expected one bright disk")
    middle = [float(place.mean()) for place in np.nonzero(bright)]
    factor = max(1, round(radius_px / RADIUS_px))
    rows, columns = (n // factor for n in values.shape)
    image = values[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor).mean((1, 3))
    step = aperture / radius_px
    k = pixel_grid(*(((np.arange(n) + 0.5) * factor - 0.5 - center) * step for n, center in ((rows, middle[0]), (columns, middle[1]))))
    near = np.abs(k).max(1) <= 1.5 * REACH * aperture
    keep_rows, keep_columns = near.reshape(rows, columns).any(1), near.reshape(rows, columns).any(0)
    k = k.reshape(rows, columns, 2)[keep_rows][:, keep_columns]
    image = image[keep_rows][:, keep_columns]
    inside = np.hypot(k[..., 0], k[..., 1]) <= REACH * aperture
    return Target(image / image.max(), inside, k.reshape(-1, 2), SLOW * radius_px / factor)


def _search(target: Target, library: Library, start: Conditions, progress: Progress) -> list[Conditions]:
    """Best starts over rotation, scale and thickness, on the zone axis."""
    matrix = library.matrix(PARAELECTRIC)
    probe = library.probe(start)
    meshes = torch.stack([position_averaged(matrix, probe=probe, thickness_index=i) for i in range(len(library.thicknesses_A))])
    data = target.structure(target.image)
    data = data / np.linalg.norm(data)
    rotations = np.arange(0.0, 90.0 if library.fourfold else 180.0, ROTATION_STEP_deg)
    found = []
    for number, rotation in enumerate(rotations):
        for scale in SCALES:
            points = detector_points(target.k, rotation_deg=float(rotation), scale=scale)
            onto = detector_matrix(points, k_step=matrix.k_step, half_width=matrix.half_width, blur=start.blur)
            models = target.structure(on_detector(onto, meshes).numpy().reshape(-1, *target.image.shape))
            scores = models @ data / np.linalg.norm(models, axis=1)
            found += [
                (float(score), dataclasses.replace(start, thickness_A=float(thickness), rotation_deg=float(rotation), k_scale=scale))
                for score, thickness in zip(scores, library.thicknesses_A, strict=True)
            ]
        progress("search thickness and rotation", (number + 1) / len(rotations))
    found.sort(key=lambda item: -item[0])
    chosen: list[Conditions] = []
    for _, trial in found:
        if all(abs(trial.thickness_A - other.thickness_A) > 2.5 * THICKNESS_STEP_A for other in chosen):
            chosen.append(trial)
        if len(chosen) == STARTS:
            break
    return chosen


def _refine(target: Target, library: Library, start: Conditions) -> tuple[Conditions, dict[str, float], float, float]:
    """Least squares over everything; conditions, errors, correlation and the part of the structure that is not explained."""
    data = target.structure(target.image)
    data = data / np.linalg.norm(data)

    def shape(conditions: Conditions) -> NDArray[np.float64]:
        picture = library.expected(PARAELECTRIC, conditions, target.k, order=0)[0].reshape(target.image.shape)
        return target.structure(picture)

    def residual(conditions: Conditions) -> NDArray[np.float64]:
        model = shape(conditions)
        return data - model * (model @ data) / (model @ model)

    found = least_squares(residual, start, free=FREE, steps=25)
    model = shape(found.conditions)
    # neighbouring pixels of a smooth misfit are not independent: count a tenth
    freedom = max(len(data) / 10 - len(FREE) - 1, 1)
    return found.conditions, found.errors(FREE, found.square / freedom), float(model @ data / np.linalg.norm(model)), found.square
