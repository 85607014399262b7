"""Direction as colour: hue for the angle, lightness for how sure it is."""

from __future__ import annotations

from typing import Final

import cmap
import numpy as np
from numpy.typing import ArrayLike, NDArray

COLORMAP: Final = "cmocean:phase"  # cyclic, and of one lightness all around, so that lightness is free to mean confidence
UNSURE: Final = (0.96, 0.96, 0.96)

# linear sRGB -> cone responses -> OKLab, https://bottosson.github.io/posts/oklab
_TO_CONES: Final = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]]
)
_TO_LAB: Final = np.array(
    [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099], [0.0259040371, 0.7827717662, -0.8086757660]]
)


def direction_colors(direction_deg: ArrayLike, confidence: ArrayLike = 1.0, *, colormap: str = COLORMAP) -> NDArray[np.float64]:
    """Colours of directions.

    Parameters
    ----------
    direction_deg : array (...)
        Degrees anticlockwise on screen from +scan_x; NaN where there is none.
    confidence : array, broadcast against it
        1: the pure hue, 0: nearly white; mixed in a perceptual colour space, so that half as sure looks half as strong.
    colormap : str
        A cyclic map known to `cmap`.

    Returns
    -------
    array (..., 3)
        sRGB from 0 to 1.
    """
    table = cmap.Colormap(colormap)
    if table.category != "cyclic":
        raise ValueError(f"directions need a cyclic colormap, {colormap!r} is {table.category}; use 'cmocean:phase' or 'colorcet:CET_C6'")
    direction = np.asarray(direction_deg, float)
    # a table has 0 and 360 degrees as its two ends; 256 entries are finer than the eye
    hue = table.lut(256)[np.round(np.nan_to_num(direction) % 360.0 / 360.0 * 255).astype(int), :3]
    sure = np.where(np.isfinite(direction), np.clip(np.nan_to_num(np.asarray(confidence, float)), 0, 1), 0.0)[..., None]
    return _lab_to_srgb(sure * _srgb_to_lab(hue) + (1 - sure) * _srgb_to_lab(np.array(UNSURE)))


def wheel(size: int = 160, *, hole: float = 0.3, colormap: str = COLORMAP) -> NDArray[np.uint8]:
    """The legend: direction around, confidence from 0 at the hole to 1 at the rim; (size, size, 4) RGBA, row 0 on top."""
    middle = (size - 1) / 2
    down, right = np.mgrid[:size, :size] - middle
    radius = np.hypot(down, right) / middle
    confidence = (radius - hole) / (1 - hole)
    colors = direction_colors(np.rad2deg(np.arctan2(-down, right)), confidence, colormap=colormap)
    # one pixel of soft edge at either rim
    opaque = np.clip((1 - radius) * middle, 0, 1) * np.clip((radius - hole) * middle, 0, 1)
    return np.rint(np.concatenate([colors, opaque[..., None]], axis=-1) * 255).astype(np.uint8)


def _srgb_to_lab(color: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _TO_CONES.T) @ _TO_LAB.T


def _lab_to_srgb(lab: NDArray[np.float64]) -> NDArray[np.float64]:
    linear = np.clip((lab @ np.linalg.inv(_TO_LAB).T) ** 3 @ np.linalg.inv(_TO_CONES).T, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
