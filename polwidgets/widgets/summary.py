"""A map as one picture, for those who are not in a notebook."""

from __future__ import annotations

from typing import Final

import numpy as np
import xarray as xr
from PIL import Image, ImageDraw, ImageFont

from polwidgets.directions import NAMES
from polwidgets.widgets.colors import direction_colors, wheel

SIDE_PX: Final = 512
MARGIN_PX: Final = 24
LEGEND_PX: Final = 260
WHEEL_PX: Final = 140
INK: Final = (60, 60, 60)


def summary_picture(prediction: xr.Dataset) -> Image.Image:
    """The map with its colour wheel, the shares of the directions and what was fitted.

    Parameters
    ----------
    prediction : Dataset on (scan_y, scan_x)
        As `pw.map_polarization` makes it.

    Returns
    -------
    PIL.Image.Image
        RGB; the map's pixels are enlarged, never smoothed.
    """
    colors = direction_colors(prediction["direction_deg"].values, prediction["confidence"].values)
    enlarged = max(1, SIDE_PX // max(colors.shape[:2]))
    pixels = np.rint(colors * 255).astype(np.uint8).repeat(enlarged, 0).repeat(enlarged, 1)
    picture = Image.fromarray(pixels)
    height = max(picture.height, WHEEL_PX + 320)
    sheet = Image.new("RGB", (picture.width + LEGEND_PX + 3 * MARGIN_PX, height + 2 * MARGIN_PX), "white")
    sheet.paste(picture, (MARGIN_PX, MARGIN_PX))
    left = picture.width + 2 * MARGIN_PX
    legend = Image.fromarray(wheel(WHEEL_PX))
    sheet.paste(legend, (left, MARGIN_PX), legend)
    text = "\n".join([*shares(prediction), "", *facts(prediction)])
    ImageDraw.Draw(sheet).multiline_text((left, MARGIN_PX + WHEEL_PX + 16), text, fill=INK, font=ImageFont.load_default(14), spacing=6)
    return sheet


def shares(prediction: xr.Dataset) -> list[str]:
    """How much of the map each direction has, the largest first, in words."""
    share = np.bincount(prediction["direction"].values.ravel(), minlength=8) / prediction["direction"].size
    order = np.argsort(-share, kind="stable")
    return [f"{NAMES[index]}  {share[index]:.1%}" for index in order if share[index] > 0]


def facts(prediction: xr.Dataset) -> list[str]:
    """What was fitted, in words."""
    attrs = prediction.attrs
    lines = [f"confidence, median  {float(prediction['confidence'].median()):.2f}"]
    if "displacement_pm" in prediction:
        lines.append(f"displacement, median  {float(prediction['displacement_pm'].median()):.1f} pm")
    if "thickness_A" in attrs:
        lines.append(f"thickness  {attrs['thickness_A'] / 10:.1f} nm")
    if "tilt_y_mrad" in attrs:
        lines.append(f"mistilt  {np.hypot(attrs['tilt_y_mrad'], attrs['tilt_x_mrad']):.1f} mrad")
    return lines + [f"{name}  {attrs[name]}" for name in ("crystal", "model", "context") if name in attrs]
