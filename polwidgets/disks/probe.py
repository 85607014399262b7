"""The probe without specimen: the shape that every Bragg disk is a copy of."""

from __future__ import annotations

import dataclasses
import functools
from typing import Final, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import shift
from scipy.optimize import least_squares
from scipy.special import ndtr

from polwidgets.cube.disk import fit_disk

Array = NDArray[np.float64]

SHARPEST_PX: Final = 0.25
TABLE_PX: Final = 0.02
BEYOND_PX: Final = 4.0  # the tables' reach past the edge
SMALLEST_RADIUS_PX: Final = 1.5


@dataclasses.dataclass(frozen=True)
class DiskProbe:
    """A disk's shape: an ellipse with a radial profile, lengths in detector pixels.

    Attributes
    ----------
    image : array (ky, kx)
        Of unit sum, on the detector of the patterns, centred on pixel ``n // 2``.
    radius_px, edge_px : float
        Middle of the edge, and its standard deviation.
    shape : array (2, 2)
        Takes an offset (down, right) from the middle to the circle of the same radius.
    profile, slope : array (radius,)
        Intensity, 1 inside, and minus its derivative, at radii `TABLE_PX` apart from zero on.
    misfit : float
        Share of the measured probe's intensity that the profile does not describe.
    """

    image: Array
    radius_px: float
    edge_px: float
    shape: Array
    profile: Array
    slope: Array
    misfit: float

    @functools.cached_property
    def longest_px(self) -> float:
        """Long half axis, edge included: no disk reaches farther."""
        return float((self.radius_px + 2 * self.edge_px) / np.linalg.svd(self.shape, compute_uv=False).min())


def measured_probe(image: xr.DataArray | Array, shape: tuple[int, int]) -> DiskProbe:
    """The probe of a measured vacuum pattern.

    Parameters
    ----------
    image : array (ky, kx)
        Counts or intensities, the disk anywhere in it.
    shape : (int, int)
        Of the patterns that it is to be compared with.

    Raises
    ------
    ValueError
        It is empty, has another shape, or no disk stands out.
    """
    values = np.nan_to_num(np.asarray(image, float))
    if values.shape != shape:
        raise ValueError(
            f"the probe has shape {values.shape} and the patterns {shape}; record both on the same detector, or crop them alike"
        )
    if not (values > 0).any():
        raise ValueError("the probe is empty; give a vacuum pattern, or leave it out to have one estimated")
    values = values - np.median(values[values < 0.1 * values.max()]) if (values < 0.1 * values.max()).mean() > 0.5 else values
    fit = _fit(values)
    if fit.radius < SMALLEST_RADIUS_PX:
        raise ValueError(
            f"the probe's disk has a radius of {fit.radius:.2g} pixels, expected at least {SMALLEST_RADIUS_PX:g}; "
            "check that it is the vacuum probe on the same detector, or record with a longer camera length"
        )
    middle = np.array(shape) // 2
    centred = np.clip(shift(values, middle - fit.center, order=1), 0, None)
    return _probe(centred / centred.sum(), fit.radius, fit.edge, fit.tails, fit.matrix, fit.misfit)


def synthetic_probe(radius_px: float, shape: tuple[int, int], *, edge_px: float = 0.5, matrix: Array | None = None) -> DiskProbe:
    """An evenly filled disk with a Gaussian-blurred edge; `matrix` takes it to a circle where it is elliptical."""
    if not SMALLEST_RADIUS_PX <= radius_px <= min(shape) / 2:
        raise ValueError(
            f"a disk of {radius_px:.3g} pixels radius was wanted on patterns of {shape[0]} x {shape[1]}, expected {SMALLEST_RADIUS_PX:g} "
            "to half of them; check semiangle_mrad, voltage_kV and the detector's sampling"
        )
    matrix = np.eye(2) if matrix is None else matrix
    down, right = np.indices(shape)
    offset = np.stack([down - shape[0] // 2, right - shape[1] // 2], -1) @ matrix.T
    image = ndtr((radius_px - np.linalg.norm(offset, axis=-1)) / edge_px)
    return _probe(image / image.sum(), radius_px, edge_px, (0.0, 0.0), matrix, 0.0)


def estimated_probe(mean_pattern: Array, *, radius_px: float | None = None) -> DiskProbe:
    """The probe from the undiffracted disk of a mean pattern, whose contrast inside averages out.

    Raises
    ------
    ValueError
        No disk stands out.
    """
    fit = fit_disk(mean_pattern, radius_px=radius_px)
    # a logistic edge has a standard deviation of pi / sqrt(3) scales
    edge = float(np.clip(fit.edge_width_px * 1.81, SHARPEST_PX, 0.3 * fit.radius_px))
    angle = np.deg2rad(fit.ellipticity_angle_deg)
    long_axis = np.array([-np.sin(angle), np.cos(angle)])
    ratio = np.sqrt(1 + fit.ellipticity)
    matrix = np.outer(long_axis, long_axis) / ratio + (np.eye(2) - np.outer(long_axis, long_axis)) * ratio
    return synthetic_probe(fit.radius_px, mean_pattern.shape, edge_px=edge, matrix=matrix)


class _Fit(NamedTuple):
    center: Array
    radius: float
    edge: float
    tails: tuple[float, float]
    matrix: Array
    misfit: float


def _probe(image: Array, radius: float, edge: float, tails: tuple[float, float], matrix: Array, misfit: float) -> DiskProbe:
    table = np.arange(0, radius + 8 * edge + BEYOND_PX, TABLE_PX)
    profile = _profile(table, radius, edge, tails)
    return DiskProbe(image, radius, edge, matrix, profile, -np.gradient(profile, TABLE_PX), misfit)


def _profile(distance: Array, radius: float, edge: float, tails: tuple[float, float]) -> Array:
    """An edge that is Gaussian but for its third and fourth Hermite terms (Gram and Charlier)."""
    z = (radius - distance) / edge
    bell = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    return np.asarray(ndtr(z) - bell * (tails[0] * (z**2 - 1) + tails[1] * (z**3 - 3 * z)))


def _fit(values: Array) -> _Fit:
    """Centre, ellipse and edge of the one disk in a pattern, by least squares."""
    down, right = np.indices(values.shape).astype(float)
    level = float(np.median(values[values > 0.5 * values.max()]))
    bright = values > 0.5 * level
    radius = float(np.sqrt(bright.sum() / np.pi))
    start = [down[bright].mean(), right[bright].mean(), radius, 0.5, level, 0.0, 0.0, 0.0, 0.0]
    weight = 1 / np.sqrt(np.maximum(values, 0.003 * level))
    near = np.hypot(down - start[0], right - start[1]) < radius + 6
    points = np.stack([down[near], right[near]], -1)

    def model(parameters: Array) -> Array:
        center, radius, edge, height = parameters[:2], parameters[2], max(parameters[3], SHARPEST_PX), parameters[4]
        distance = np.linalg.norm((points - center) @ _unit_determinant(*parameters[5:7]).T, axis=-1)
        return np.asarray(height * _profile(distance, radius, edge, (parameters[7], parameters[8])))

    scale = [1, 1, 1, 0.3, level, 0.05, 0.05, 0.05, 0.05]
    fit = least_squares(lambda parameters: (model(parameters) - values[near]) * weight[near], start, x_scale=scale, max_nfev=60)
    misfit = float(np.abs(model(fit.x) - values[near]).sum() / values[near].sum())
    edge = max(float(fit.x[3]), SHARPEST_PX)
    return _Fit(fit.x[:2], float(fit.x[2]), edge, (float(fit.x[7]), float(fit.x[8])), _unit_determinant(*fit.x[5:7]), misfit)


def _unit_determinant(stretch: float, shear: float) -> Array:
    """Symmetric and positive definite: the exponential of a traceless symmetric matrix."""
    size = float(np.hypot(stretch, shear))
    factor = np.sinh(size) / size if size > 1e-12 else 1.0
    return np.asarray(np.cosh(size) * np.eye(2) + factor * np.array([[stretch, shear], [shear, -stretch]]))
