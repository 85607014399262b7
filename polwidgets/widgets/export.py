"""A map to take away: table, archive, picture."""

from __future__ import annotations

import base64
import csv
import io
import tempfile
import zipfile
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr
from PIL import Image

from polwidgets.directions import NAMES
from polwidgets.models.prediction import save_prediction
from polwidgets.widgets.arrows import mean_arrows
from polwidgets.widgets.colors import direction_colors, wheel
from polwidgets.widgets.summary import facts, shares, summary_picture

SIDE_PX: Final = 512
WHEEL_PX: Final = 140


def as_csv(prediction: xr.Dataset) -> bytes:
    """One line a probe position: place, direction, class, confidence, displacement where known, and the eight probabilities."""
    maps = [name for name in prediction if prediction[name].dims == ("scan_y", "scan_x")]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    unit = str(prediction["scan_x"].attrs.get("units", "pixel"))
    writer.writerow(["row", "column", f"scan_y_{unit}", f"scan_x_{unit}", *maps, *(f"probability_{name}" for name in NAMES)])
    y, x = prediction["scan_y"].values, prediction["scan_x"].values
    columns = [prediction[name].values for name in maps]
    for row, column in np.ndindex(len(y), len(x)):
        values = [y[row], x[column], *(values[row, column] for values in columns), *prediction["probability"].values[row, column]]
        writer.writerow([row, column, *(f"{float(value):.6g}" for value in values)])
    return text.getvalue().encode()


def as_zarr(prediction: xr.Dataset) -> bytes:
    """The whole map, attributes included, as a zip of zarr, which `xarray.open_zarr` reads."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "map.zarr"
        save_prediction(prediction, root)
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(root.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(root))
    return stream.getvalue()


def as_png(prediction: xr.Dataset) -> bytes:
    """Map, colour wheel and what was fitted, as a picture."""
    stream = io.BytesIO()
    summary_picture(prediction).save(stream, "PNG")
    return stream.getvalue()


def as_svg(prediction: xr.Dataset) -> bytes:
    """The same for print: arrows and words are lines and text, the map's pixels stay pixels."""
    direction, confidence = prediction["direction_deg"].values, prediction["confidence"].values
    height, width = direction.shape
    zoom = SIDE_PX / max(height, width)
    pixels = np.rint(direction_colors(direction, confidence) * 255).astype(np.uint8)
    arrows = mean_arrows(direction, confidence)
    half = 0.42 * -(-max(height, width) // 16) * zoom
    lines = [
        f'<line x1="{x - half * right:.1f}" y1="{y - half * down:.1f}" x2="{x + half * right:.1f}" y2="{y + half * down:.1f}"/>'
        for y, x, down, right in zip((arrows.row + 0.5) * zoom, (arrows.column + 0.5) * zoom, arrows.down, arrows.right, strict=True)
    ]
    left = width * zoom + 30
    words = [*shares(prediction), "", *facts(prediction)]
    text = [f'<text x="{left:.0f}" y="{WHEEL_PX + 30 + 20 * place}">{escape(line)}</text>' for place, line in enumerate(words)]
    size = f'width="{left + 260:.0f}" height="{max(height * zoom, WHEEL_PX + 40 + 20 * len(words)):.0f}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="14" fill="#3c3c3c">',
            f'<image width="{width * zoom:.1f}" height="{height * zoom:.1f}"',
            f'style="image-rendering:pixelated" href="{embedded(pixels)}"/>',
            '<defs><marker id="tip" orient="auto" refX="4" refY="2" markerWidth="5" markerHeight="4">',
            '<path d="M0,0L5,2L0,4z"/></marker></defs>',
            '<g stroke="#1a1a1a" stroke-width="1.5">',
            *(line.replace("/>", ' marker-end="url(#tip)"/>') for line in lines),
            "</g>",
            f'<image x="{left:.0f}" width="{WHEEL_PX}" height="{WHEEL_PX}" href="{embedded(wheel(WHEEL_PX))}"/>',
            *text,
            "</svg>",
        ]
    ).encode()


def embedded(pixels: np.ndarray) -> str:
    """Pixels (row, column, channel) as the address of a PNG that holds them."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


FORMATS: Final[dict[str, tuple[str, Callable[[xr.Dataset], bytes]]]] = {
    "map, zarr": ("map.zarr.zip", as_zarr),
    "map, CSV": ("map.csv", as_csv),
    "picture, PNG": ("map.png", as_png),
    "picture, SVG": ("map.svg", as_svg),
}
