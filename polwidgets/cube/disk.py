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
from scipy import fft
from scipy.ndimage import gaussian_filter
from scipy.optimize import least_squares
from threadpoolctl import threadpool_limits

Array = NDArray[np.float64]

COARSE_PX: Final = 96  # the circle is sought on a pattern binned to about this size
SEARCH_RADIUS_PX: Final = 64.0  # then on one whose radius is about this
SHARP_PX: Final = 2.0  # where only what is sharper than this counts
RING_PX: Final = 0.7  # half width of the circles that are tried
FINE_RADIUS_PX: Final = 32.0  # and fitted on one binned so that its radius is at most about this
HARMONICS: Final = 8  # of the intensity around either side of the edge
MINIMUM_EVIDENCE: Final = 7.0


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
    center_y, center_x, radius, fall = _strongest_circle(values, radius_px)
    factor = max(1, int(radius / FINE_RADIUS_PX))
    fine, weight = _binned(values, factor), _binned(good.astype(float), factor)
    parameters = np.array([(center_y + 0.5) / factor - 0.5, (center_x + 0.5) / factor - 0.5, radius / factor, np.log(0.6), 0.0, 0.0])
    # first the circle in a wide ring, then the ellipse in one that the edge width chooses; so many small products of
    # matrices lose more by waiting for a second thread than they gain
    with threadpool_limits(1, user_api="blas"):
        parameters, edge = _fit_both(fine, weight, parameters)
    # a smooth maximum has no sharp edge; noise has edges (their product is up to 5.5), but none that stands out both ways
    if fall * edge.significance < MINIMUM_EVIDENCE or edge.contrast <= 0 or np.exp(parameters[3]) > 0.18 * parameters[2]:
        raise ValueError(
            f"no disk stands out of the pattern: across the best circle (radius {parameters[2] * factor:.1f}, edge width "
            f"{np.exp(parameters[3]) * factor:.1f} pixels) it falls by {edge.contrast:.0%}, "
            f"with an evidence of {fall * max(edge.significance, 0):.1f} where {MINIMUM_EVIDENCE:g} is needed; "
            "average more patterns, or give radius_px"
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


def _strongest_circle(values: Array, radius_px: float | None) -> tuple[float, float, float, float]:
    """Centre and radius of the circle across which the intensity falls, and how strongly it does, against noise.

    The first search, on a coarse pattern, finds where the intensity is; what falls most there may be a smooth maximum
    inside the disk. The second, on a finer one, keeps only what is sharp and gives faint parts of the edge the same say.
    """
    factor = max(1, round(max(values.shape) / COARSE_PX))
    # the square root evens out bright reflections
    image = gaussian_filter(np.sqrt(np.clip(_binned(values, factor), 0, None)), 1.0)
    radii = np.geomspace(2.0, 0.55 * max(image.shape), 48) if radius_px is None else radius_px / factor * np.linspace(0.8, 1.25, 15)
    row, column, radius, _ = _best_circle(image, radii)
    row, column, radius = (row + 0.5) * factor - 0.5, (column + 0.5) * factor - 0.5, radius * factor

    factor = max(1, round(radius / SEARCH_RADIUS_PX))
    image = gaussian_filter(np.sqrt(np.clip(_binned(values, factor), 0, None)), 0.7)
    image = image - gaussian_filter(image, SHARP_PX)
    strength = np.sqrt(gaussian_filter(image**2, 2 * SHARP_PX))
    image = image / (strength + 0.1 * strength.max())
    rough = radius / factor
    within = max(1.5, 0.2 * rough)
    radii = np.geomspace(max(2.0, 0.65 * rough), 1.7 * rough, 64) if radius_px is None else radius_px / factor * np.linspace(0.85, 1.2, 29)
    middle = [round((place + 0.5) / factor - 0.5) for place in (row, column)]
    reach = int(radii[-1] + within + 6)
    top, left = (max(0, place - reach) for place in middle)
    part = image[top : middle[0] + reach + 1, left : middle[1] + reach + 1]
    row, column, radius, fall = _best_circle(part, radii, around=(middle[0] - top, middle[1] - left), within=within)
    return (row + top + 0.5) * factor - 0.5, (column + left + 0.5) * factor - 0.5, radius * factor, fall


def _best_circle(
    image: Array, radii: Array, *, around: tuple[float, float] | None = None, within: float = np.inf
) -> tuple[float, float, float, float]:
    """Centre and radius, of those given, of the circle across which the image falls most, outward; and that fall.

    The fall is the mean along the circle times the square root of the radius: noise has the same at any radius.
    """
    slope_y, slope_x = np.gradient(image)
    # one hot pixel must not outvote an edge
    size = np.hypot(slope_y, slope_x)
    slope = (slope_y + 1j * slope_x) * np.minimum(1.0, np.quantile(size, 0.98) / np.maximum(size, 1e-30))
    rows, columns = np.indices(image.shape)
    allowed = np.ones(image.shape, bool) if around is None else np.hypot(rows - around[0], columns - around[1]) <= within
    shape = [fft.next_fast_len(size + int(radii[-1]) + 4) for size in image.shape]
    # single precision is plenty for a search, and twice as fast
    spectrum = fft.fft2(slope.astype(np.complex64), shape)
    down, right = (fft.fftfreq(size, 1 / size) for size in shape)
    distance = np.maximum(np.hypot(down[:, None], right[None, :]), 1e-9)
    normal = ((down[:, None] + 1j * right[None, :]) / distance).astype(np.complex64)
    distance = distance.astype(np.float32)
    best, found = -np.inf, (0.0, 0.0, 1.0, 0.0)
    for radius in radii:
        ring = np.exp(-0.5 * ((distance - radius) / RING_PX) ** 2)
        # the real part of slope times conjugate normal is their scalar product
        fall = -fft.ifft2(spectrum * fft.fft2(ring * normal).conj()).real[: image.shape[0], : image.shape[1]]
        score = np.where(allowed, fall / ring.sum() * np.sqrt(radius), -np.inf)
        if score.max() > best:
            best = float(score.max())
            row, column = divmod(int(score.argmax()), score.shape[1])
            found = (float(row), float(column), float(radius), best)
    return found


def _fit_both(values: Array, weight: Array, parameters: Array) -> tuple[Array, _Edge]:
    parameters, _ = _fit_edge(values, weight, parameters, half_width=max(3.5, 0.1 * parameters[2]), free=4)
    near = float(np.clip(4 * np.exp(parameters[3]), 2.5, 0.1 * parameters[2] + 2))
    return _fit_edge(values, weight, parameters, half_width=near, free=6)


@dataclasses.dataclass(frozen=True)
class _Edge:
    contrast: float
    significance: float
    center_error: float
    radius_error: float


def _fit_edge(values: Array, weight: Array, parameters: Array, *, half_width: float, free: int) -> tuple[Array, _Edge]:
    """Least squares over the first `free` of (row, column, radius, log width, two of ellipticity).

    The intensities on both sides of the edge, harmonics of the azimuth with a slope along the radius, are eliminated
    linearly at every step.
    """
    rows, columns = np.mgrid[: values.shape[0], : values.shape[1]]
    near: NDArray[np.bool_] = np.abs(_radius(rows - parameters[0], columns - parameters[1], parameters) - parameters[2]) < half_width
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
        scaled = _edge_design(y - full[0], x - full[1], full, harmonics) * noise[:, None]
        gram = scaled.T @ scaled
        gram.flat[:: len(gram) + 1] += 1e-9 * gram.trace() / len(gram)
        solution = np.linalg.solve(gram, scaled.T @ (intensity * noise))
        return intensity * noise - scaled @ solution, solution, gram

    scale = np.array([1.0, 1.0, 1.0, 0.5, 0.05, 0.05])[:free]
    reach = np.array([0.5 * half_width, 0.5 * half_width, 0.5 * half_width, 3.0, 0.3, 0.3])[:free]
    low, high = start - reach, start + reach
    low[3], high[3] = min(np.log(0.15), start[3] - 0.01), max(np.log(half_width), start[3] + 0.01)
    fit = least_squares(
        lambda trial: solve(trial)[0],
        start,
        x_scale=scale,
        bounds=(low, high),
        loss="soft_l1",
        f_scale=_spread(solve(start)[0]),
        xtol=1e-6,
        max_nfev=40,
    )
    residual, solution, gram = solve(fit.x)
    covariance = np.linalg.pinv(fit.jac.T @ fit.jac) * (residual**2).mean()
    final = np.concatenate([fit.x, parameters[free:]])
    inner, outer = solution[0], solution[len(solution) // 2]
    contrast = 1 - outer / inner if inner > 0 else 0.0
    difference = np.zeros(len(solution))
    difference[0], difference[len(solution) // 2] = 1.0, -1.0
    scatter = np.sqrt(difference @ np.linalg.solve(gram, difference) * (residual**2).mean())
    errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    return final, _Edge(float(contrast), float((inner - outer) / max(scatter, 1e-30)), float(max(errors[:2])), float(errors[2]))


def _edge_design(down: Array, right: Array, parameters: Array, harmonics: int) -> Array:
    """Columns: harmonics of the azimuth and a slope, inside the edge; the same outside."""
    offset = _radius(down, right, parameters) - parameters[2]
    inside = 1 / (1 + np.exp(np.clip(offset / np.exp(parameters[3]), -50, 50)))
    azimuth = np.arctan2(-down, right)
    orders = np.arange(1, harmonics + 1)
    turns = azimuth[:, None] * orders
    around = np.concatenate([np.ones((len(azimuth), 1)), np.cos(turns), np.sin(turns), offset[:, None]], 1)
    return np.concatenate([around * inside[:, None], around * (1 - inside)[:, None]], 1)


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
