"""Strain maps to take away: table, archive, pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from html import escape
from typing import Final, NamedTuple

import cmap
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from polwidgets.cube.schema import step_of
from polwidgets.widgets.export import as_zarr, embedded

NAMES: Final = ("e_xx", "e_yy", "e_xy", "rotation_deg")
TITLES: Final = ("e_xx (%)", "e_yy (%)", "e_xy (%)", "rotation (°)")
MISSING: Final = (110, 110, 110)
SIDE_PX: Final = 320
MARGIN_PX: Final = 24
BAR_PX: Final = 14
TITLE_PX: Final = 20
LINE_PX: Final = 20
INK: Final = (60, 60, 60)
SCALE_BARS: Final = (1, 2, 5)


def strain_csv(strain: xr.Dataset) -> bytes:
    """One line a probe position: place, strains, rotation, their errors, quality, and the reason in words where they are missing."""
    names = [str(name) for name in strain if strain[name].dims == ("scan_y", "scan_x")]
    unit = str(strain["scan_x"].attrs.get("units", "pixel"))
    words = reasons(strain)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "column", f"scan_y_{unit}", f"scan_x_{unit}", *(name for name in names if name != "reason"), "reason"])
    columns = [strain[name].values for name in names if name != "reason"]
    y, x, reason = strain["scan_y"].values, strain["scan_x"].values, strain["reason"].values
    for row, column in np.ndindex(len(y), len(x)):
        values = [y[row], x[column], *(each[row, column] for each in columns)]
        writer.writerow([row, column, *(f"{float(value):.6g}" for value in values), words[int(reason[row, column])]])
    return text.getvalue().encode()


def strain_png(strain: xr.Dataset) -> bytes:
    """The four maps with their colour bars and what they are, as a picture."""
    sheet, lines = _sheet(strain), facts(strain)
    picture = Image.new("RGB", sheet.size(len(lines)), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    for panel in sheet.panels:
        place = (panel.left, panel.top)
        draw.text(place, panel.title, fill=INK, font=font)
        enlarged = Image.fromarray(panel.pixels).resize((sheet.width, sheet.height), Image.Resampling.NEAREST)
        picture.paste(enlarged, (panel.left, panel.top + TITLE_PX))
        bar = panel.top + TITLE_PX + 6 + sheet.height
        picture.paste(Image.fromarray(_bar(sheet.width)), (panel.left, bar))
        for share, text in panel.ends:
            anchor = "lmr"[round(2 * share)] + "a"
            draw.text((panel.left + share * sheet.width, bar + BAR_PX + 2), text, fill=INK, font=font, anchor=anchor)
    left, foot = MARGIN_PX + 8, MARGIN_PX + TITLE_PX + sheet.height - 8
    draw.line((left, foot, left + sheet.scale_px, foot), fill="black", width=4)
    draw.text((left, foot - 5), sheet.scale_text, fill="black", font=font, anchor="ld")
    for number, line in enumerate(lines):
        draw.text((MARGIN_PX, sheet.foot + LINE_PX * number), line, fill=INK, font=font)
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def strain_svg(strain: xr.Dataset) -> bytes:
    """The same for print: words and bars are text and lines, the maps' pixels stay pixels."""
    sheet, lines = _sheet(strain), facts(strain)
    anchors = ("start", "middle", "end")

    def text(x: float, y: float, words: str, anchor: str = "start") -> str:
        return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'

    def image(x: int, y: int, height: int, pixels: NDArray[np.uint8]) -> str:
        size = f'x="{x}" y="{y}" width="{sheet.width}" height="{height}" preserveAspectRatio="none"'
        return f'<image {size} style="image-rendering:pixelated" href="{embedded(pixels)}"/>'

    parts = []
    for panel in sheet.panels:
        bar = panel.top + TITLE_PX + 6 + sheet.height
        parts += [
            text(panel.left, panel.top + 14, panel.title),
            image(panel.left, panel.top + TITLE_PX, sheet.height, panel.pixels),
            image(panel.left, bar, BAR_PX, _bar(256)),
            *(text(panel.left + share * sheet.width, bar + BAR_PX + 16, words, anchors[round(2 * share)]) for share, words in panel.ends),
        ]
    left, foot = MARGIN_PX + 8, MARGIN_PX + TITLE_PX + sheet.height - 8
    parts.append(f'<path d="M{left},{foot}h{sheet.scale_px:.1f}" stroke="#000" stroke-width="4"/>')
    parts.append(text(left, foot - 7, sheet.scale_text))
    parts += [text(MARGIN_PX, sheet.foot + LINE_PX * number + 14, line) for number, line in enumerate(lines)]
    width, height = sheet.size(len(lines))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
    return "\n".join([f'{head} font-family="sans-serif" font-size="14" fill="#3c3c3c">', *parts, "</svg>"]).encode()


def reasons(strain: xr.Dataset) -> list[str]:
    """What the values of ``reason`` mean, in their order."""
    return [word.replace("_", " ") for word in str(strain["reason"].attrs["flag_meanings"]).split()]


def facts(strain: xr.Dataset) -> list[str]:
    """What is shown and how it was made, in words."""
    attrs = strain.attrs
    good = int((strain["reason"] == 0).sum())
    lines = [
        f"x axis {float(attrs['axis_deg']):g}° from the scan's, against {attrs.get('reference', 'an unknown reference')}",
        f"{good} of {strain['reason'].size} positions" + (", grey: none" if good < strain["reason"].size else ""),
    ]
    errors = [float(strain[f"{name}_error"].median()) for name in NAMES[:3]]
    if np.isfinite(errors).all():
        lines.append("median error " + ", ".join(f"{name} {100 * error:.2g} %" for name, error in zip(NAMES, errors, strict=False)))
    return lines


def limits_of(strain: xr.Dataset) -> tuple[float, float]:
    """Largest strain (one for all three, so that they compare) and rotation (degree) but for a few outliers."""
    strains = np.stack([strain[name].values for name in NAMES[:3]])
    found = []
    for values in (strains, strain["rotation_deg"].values):
        size = np.abs(values[np.isfinite(values)])
        found.append(float(np.quantile(size, 0.98)) if size.size and size.max() > 0 else 0.01)
    return found[0], found[1]


class _Panel(NamedTuple):
    """One map: where it is, its colours, and what stands below its bar at shares of its width."""

    left: int
    top: int
    title: str
    pixels: NDArray[np.uint8]
    ends: tuple[tuple[float, str], ...]


class _Sheet(NamedTuple):
    """Two by two maps of so many pixels, and their scale bar."""

    width: int
    height: int
    panels: list[_Panel]
    scale_px: float
    scale_text: str

    @property
    def foot(self) -> int:
        """Where the words below the maps begin."""
        return self.panels[-1].top + self.height + 3 * MARGIN_PX + BAR_PX

    def size(self, lines: int) -> tuple[int, int]:
        """Of the whole sheet."""
        return 2 * self.width + 3 * MARGIN_PX, self.foot + LINE_PX * lines + MARGIN_PX


def _sheet(strain: xr.Dataset) -> _Sheet:
    largest, turned = limits_of(strain)
    shape = strain["e_xx"].shape
    zoom = max(1, round(SIDE_PX / max(shape)))
    width, height = shape[1] * zoom, shape[0] * zoom
    panels = []
    for index, (name, title) in enumerate(zip(NAMES, TITLES, strict=True)):
        values, limit = (strain[name].values, turned) if name == "rotation_deg" else (100 * strain[name].values, 100 * largest)
        left = MARGIN_PX + (width + MARGIN_PX) * (index % 2)
        top = MARGIN_PX + (height + 3 * MARGIN_PX + BAR_PX) * (index // 2)
        panels.append(_Panel(left, top, title, _colors(values, limit), ((0.0, f"{-limit:.3g}"), (0.5, "0"), (1.0, f"{limit:.3g}"))))
    length, words = _scale_bar(strain)
    return _Sheet(width, height, panels, length * zoom, words)


def _colors(values: NDArray[np.float64], limit: float) -> NDArray[np.uint8]:
    table = np.rint(cmap.Colormap("vik").lut(256)[:, :3] * 255).astype(np.uint8)
    place = np.clip(np.rint((np.nan_to_num(values) / limit + 1) * 127.5), 0, 255).astype(int)
    return np.where(np.isfinite(values)[..., None], table[place], np.array(MISSING, np.uint8))


def _bar(width: int) -> NDArray[np.uint8]:
    return np.broadcast_to(_colors(np.linspace(-1, 1, width), 1.0), (BAR_PX, width, 3)).copy()


def _scale_bar(strain: xr.Dataset) -> tuple[float, str]:
    """Length in positions and in words: the largest nice one below a third of the scan."""
    x = strain["scan_x"]
    step = step_of(x, "scan_x")
    unit, per_unit = ("nm", 10.0) if x.attrs.get("units") == "angstrom" else ("px", 1.0)
    longest = len(x) * step / 3 / per_unit
    power = 10.0 ** np.floor(np.log10(longest))
    nice = max(digit * power for digit in SCALE_BARS if digit * power <= longest * (1 + 1e-9))
    return nice * per_unit / step, f"{nice:g} {unit}"


FORMATS: Final[dict[str, tuple[str, str, Callable[[xr.Dataset], bytes]]]] = {
    "picture, PNG": ("strain.png", "image/png", strain_png),
    "picture, SVG": ("strain.svg", "image/svg+xml", strain_svg),
    "map, CSV": ("strain.csv", "text/csv", strain_csv),
    "map, zarr": ("strain.zarr.zip", "application/zip", as_zarr),
}
