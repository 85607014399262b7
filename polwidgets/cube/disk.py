"""The bright-field disk: its centre, radius, edge width and ellipticity, sub-pixel, from one pattern.

The disk of a crystal has strong contrast inside, other disks overlap it, and diffuse scattering surrounds it. So nothing
is assumed of the inside but that the intensity falls across one ellipse: that circle is found first, by the mean fall
along every circle, then a sigmoid edge is fitted whose two sides vary freely around it.
"""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter
from scipy.optimize import least_squares
from scipy.signal import fftconvolve

Array = NDArray[np.float64]

COARSE_PX: Final = 96  # the circle is sought on a pattern binned to about this size
FINE_RADIUS_PX: Final = 32.0  # and fitted on one binned so that its radius is at most about this
HARMONICS: Final = 8  # of the intensity around either side of the edge


@dataclasses.dataclass(frozen=True)
class DiskFit:
    """A fitted disk, lengths in detector pixels (the middle of the first pixel is 0).

    Attributes
    ----------
    center_y_px, center_x_px : float
        Row and column of the centre.
    radius_px : float
        Geometric mean of the two half axes, at half height of the edge.
    edge_width_px : float
        Scale of the sigmoid: the intensity falls from 88 to 12 % of the edge over four of it.
    ellipticity : float
        Long over short axis, minus one.
    ellipticity_angle_deg : float
        Of the long axis, anticlockwise on screen from +kx, in [0, 180).
    center_error_px, radius_error_px : float
        One standard deviation, from the fit.
    contrast : float
        Fall across the edge over the intensity inside, averaged around the disk: 1 for a disk in vacuum.
    """

    center_y_px: float
    center_x_px: float
    radius_px: float
    edge_width_px: float
    ellipticity: float
    ellipticity_angle_deg: float
    center_error_px: float
    radius_error_px: float
    contrast: float


def fit_disk(pattern: xr.DataArray | ArrayLike, *, radius_px: float | None = None) -> DiskFit:
    """Fit the bright-field disk of a pattern, best a mean over the scan.

    Parameters
    ----------
    pattern : array (ky, kx)
        Intensities, with or without labels. NaN pixels are left out.
    radius_px : float, optional
        Roughly, where known: keeps a weak disk from being taken for a stronger one of another size.

    Returns
    -------
    DiskFit

    Raises
    ------
    ValueError
        No disk stands out.
    """
    values = np.asarray(pattern, float)
    if values.ndim != 2 or min(values.shape) < 8:
        raise ValueError(f"a disk is fitted to one pattern (ky, kx) of at least 8 x 8 pixels, got shape {values.shape}")
    good = np.isfinite(values)
    values = np.where(good, values, 0.0)
    if not values.any() or values[good].std() == 0:
        raise ValueError("the pattern is empty or flat; select a region with signal")
    center_y, center_x, radius = _strongest_circle(values, radius_px)
    factor = max(1, int(radius / FINE_RADIUS_PX))
    fine, weight = _binned(values, factor), _binned(good.astype(float), factor)
    parameters = np.array([(center_y + 0.5) / factor - 0.5, (center_x + 0.5) / factor - 0.5, radius / factor, np.log(1.0), 0.0, 0.0])
    # first the circle in a wide ring, then the ellipse in one that the edge width chooses
    parameters, _ = _fit_edge(fine, weight, parameters, half_width=max(4.0, 0.25 * parameters[2]), free=4)
    width = np.exp(parameters[3])
    parameters, edge = _fit_edge(fine, weight, parameters, half_width=float(np.clip(4 * width, 3.0, 0.35 * parameters[2] + 2)), free=6)
    if edge.contrast < 0.1 or not 0.5 < parameters[2] * factor / radius < 2 or edge.radius_error > 0.2 * parameters[2]:
        raise ValueError(
            f"no disk stands out of the pattern (fall across the best edge {edge.contrast:.0%}, radius "
            f"{parameters[2] * factor:.1f} +- {edge.radius_error * factor:.1f} pixels); average more patterns, or give radius_px"
        )
    stretch = float(np.hypot(parameters[4], parameters[5]))
    return DiskFit(
        center_y_px=float((parameters[0] + 0.5) * factor - 0.5),
        center_x_px=float((parameters[1] + 0.5) * factor - 0.5),
        radius_px=float(parameters[2] * factor),
        edge_width_px=float(np.exp(parameters[3]) * factor),
        ellipticity=float(np.expm1(stretch)),
        ellipticity_angle_deg=float(np.rad2deg(np.arctan2(parameters[5], parameters[4])) / 2 % 180),
        center_error_px=edge.center_error * factor,
        radius_error_px=edge.radius_error * factor,
        contrast=edge.contrast,
    )


def _strongest_circle(values: Array, radius_px: float | None) -> tuple[float, float, float]:
    """Centre and radius of the circle across which the square root of the intensity falls most."""
    factor = max(1, round(max(values.shape) / COARSE_PX))
    # the square root evens out bright reflections
    image = gaussian_filter(np.sqrt(np.clip(_binned(values, factor), 0, None)), 1.0)
    slope_y, slope_x = np.gradient(image)
    # one hot pixel must not outvote an edge
    size = np.hypot(slope_y, slope_x)
    clip = np.minimum(1.0, np.quantile(size, 0.98) / np.maximum(size, 1e-30))
    slope_y, slope_x = slope_y * clip, slope_x * clip
    largest = 0.55 * max(image.shape)
    radii = np.geomspace(2.0, largest, 48) if radius_px is None else radius_px / factor * np.linspace(0.8, 1.25, 15)
    best, found = -np.inf, (0.0, 0.0, 1.0)
    for radius in radii:
        reach = int(np.ceil(radius + 3))
        down, right = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(float)
        distance = np.maximum(np.hypot(down, right), 1e-9)
        ring = np.exp(-0.5 * (distance - radius) ** 2)
        # correlation is convolution with the reversed kernel, and reversing turns the normals round: the fall is outward
        fall = fftconvolve(slope_y, ring * down / distance, mode="same") + fftconvolve(slope_x, ring * right / distance, mode="same")
        # the mean along the circle, with some credit for longer ones; what lies off the detector counts as no fall
        score = fall / np.sqrt(ring.sum())
        if score.max() > best:
            best = float(score.max())
            row, column = np.unravel_index(score.argmax(), score.shape)
            found = (float(row), float(column), float(radius))
    return (found[0] + 0.5) * factor - 0.5, (found[1] + 0.5) * factor - 0.5, found[2] * factor


@dataclasses.dataclass(frozen=True)
class _Edge:
    contrast: float
    center_error: float
    radius_error: float


def _fit_edge(values: Array, weight: Array, parameters: Array, *, half_width: float, free: int) -> tuple[Array, _Edge]:
    """Least squares over the first `free` of (row, column, radius, log width, two of ellipticity).

    The intensities on both sides of the edge, harmonics of the azimuth with a slope along the radius, are eliminated
    linearly at every step.
    """
    rows, columns = np.indices(values.shape)
    near = np.abs(_radius(rows - parameters[0], columns - parameters[1], parameters) - parameters[2]) < half_width
    near &= weight > 0.5
    if near.sum() < 40:
        raise ValueError("the disk leaves the detector or is smaller than about three pixels; bin less, or use a larger detector")
    y, x, intensity = rows[near].astype(float), columns[near].astype(float), values[near]
    # Poisson weights from a smooth version, so that noise does not weigh itself
    noise = 1 / np.sqrt(np.maximum(gaussian_filter(values, 1.0)[near], 0.02 * intensity.mean() + 1e-30))
    start = parameters[:free]
    # fewer harmonics where there are few pixels around the edge
    harmonics = int(np.clip(parameters[2] / 2, 1, HARMONICS))

    def solve(trial: Array) -> tuple[Array, Array, Array]:
        full = np.concatenate([trial, parameters[free:]])
        design, inside = _edge_design(y - full[0], x - full[1], full, harmonics)
        scaled = design * noise[:, None]
        gram = scaled.T @ scaled
        gram.flat[:: len(gram) + 1] += 1e-9 * gram.trace() / len(gram)
        solution = np.linalg.solve(gram, scaled.T @ (intensity * noise))
        return intensity * noise - scaled @ solution, design @ solution, inside

    scale = np.array([1.0, 1.0, 1.0, 0.5, 0.05, 0.05])[:free]
    reach = np.array([half_width, half_width, half_width, 3.0, 0.3, 0.3])[:free]
    low, high = start - reach, start + reach
    low[3], high[3] = min(np.log(0.15), start[3] - 0.01), max(np.log(half_width), start[3] + 0.01)
    fit = least_squares(lambda trial: solve(trial)[0], start, x_scale=scale, bounds=(low, high), loss="soft_l1", f_scale=_spread(solve(start)[0]), xtol=1e-6, max_nfev=40)
    residual, _, _ = solve(fit.x)
    covariance = np.linalg.pinv(fit.jac.T @ fit.jac) * (residual**2).mean()
    final = np.concatenate([fit.x, parameters[free:]])
    radius = _radius(y - final[0], x - final[1], final) - final[2]
    inner, outer = (intensity[side] for side in (radius < -0.5 * half_width, radius > 0.5 * half_width))
    contrast = 1 - outer.mean() / inner.mean() if len(inner) and len(outer) and inner.mean() > 0 else 0.0
    errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    return final, _Edge(float(contrast), float(max(errors[:2])), float(errors[2]))


def _edge_design(down: Array, right: Array, parameters: Array, harmonics: int) -> tuple[Array, Array]:
    """Columns: harmonics of the azimuth and a slope, inside the edge; the same outside."""
    offset = _radius(down, right, parameters) - parameters[2]
    inside = 1 / (1 + np.exp(np.clip(offset / np.exp(parameters[3]), -50, 50)))
    azimuth = np.arctan2(-down, right)
    orders = np.arange(1, harmonics + 1)
    around = np.concatenate([np.ones((len(azimuth), 1)), np.cos(azimuth[:, None] * orders), np.sin(azimuth[:, None] * orders), offset[:, None]], 1)
    return np.concatenate([around * inside[:, None], around * (1 - inside)[:, None]], 1), inside


def _radius(down: Array, right: Array, parameters: Array) -> Array:
    """Elliptic radius: lengths along the long axis, at half the angle of parameters[4:6], count for less."""
    cosine, sine = parameters[4] / 2, parameters[5] / 2
    stretch = np.hypot(cosine, sine)
    grow, ratio = np.cosh(stretch), np.sinh(stretch) / stretch if stretch > 1e-12 else 1.0
    # exp of minus the symmetric traceless matrix ((cosine, sine), (sine, -cosine)) in the frame (right, up)
    up = -down
    along = (grow - ratio * cosine) * right - ratio * sine * up
    across = -ratio * sine * right + (grow + ratio * cosine) * up
    return np.asarray(np.hypot(along, across))


def _spread(residual: Array) -> float:
    return float(1.5 * np.median(np.abs(residual - np.median(residual)))) or 1.0


def _binned(values: Array, factor: int) -> Array:
    """Means over factor x factor pixels; what does not fill a bin at the far edges is dropped."""
    if factor == 1:
        return values
    height, width = (size // factor * factor for size in values.shape)
    return np.asarray(values[:height, :width].reshape(height // factor, factor, width // factor, factor).mean((1, 3)))
