"""The study's two figures: maps of the classes, and how often each class is named."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from polwidgets.analysis.benchmark.run import Result
from polwidgets.analysis.benchmark.table import way_title, ways
from polwidgets.directions import NAMES
from polwidgets.training.tensor_file import save_bytes

# round the colour circle, about evenly bright, so that opposite directions are complementary
COLORS: Final = ("#e8604c", "#e59a2f", "#b8b02e", "#5fae4f", "#2fa8a0", "#3f8fd2", "#7d74d8", "#c565b5")
EMPTY: Final = "#f2f2f2"
SIDE: Final = 60  # pixels of a panel
GAP: Final = 6
LINE: Final = 18
TEXT: Final = 12  # size of the font

Panel = Callable[[Sequence[NDArray[np.int8]]], Image.Image]


def class_maps(results: Sequence[Result], path: Path) -> None:
    """Class of every position by majority over seeds, a row for every way to make a map, a column for every test set."""
    _save(_figure(results, _map_panel), path)


def distributions(results: Sequence[Result], path: Path) -> None:
    """Share of the positions of all seeds that each class gets, in the order of `polwidgets.directions.NAMES`."""
    _save(_figure(results, _share_panel), path)


def majority_map(classes: Sequence[NDArray[np.int8]]) -> NDArray[np.int8]:
    """Class (scan_y, scan_x) that most maps name at a position; ties go to the first class."""
    votes = np.stack([(np.stack(classes) == index).sum(0) for index in range(len(NAMES))])
    return np.asarray(votes.argmax(0), np.int8)


def _map_panel(classes: Sequence[NDArray[np.int8]]) -> Image.Image:
    image = Image.fromarray(np.array([_rgb(color) for color in COLORS], np.uint8)[majority_map(classes)])
    scale = SIDE / max(image.size)
    whole = image.resize((round(scale * image.width), round(scale * image.height)), Image.Resampling.NEAREST)
    panel = Image.new("RGB", (SIDE, SIDE), "white")
    panel.paste(whole, (0, (SIDE - whole.height) // 2))
    return panel


def _share_panel(classes: Sequence[NDArray[np.int8]]) -> Image.Image:
    count = np.bincount(np.concatenate([each.ravel() for each in classes]), minlength=len(NAMES))
    panel = Image.new("RGB", (SIDE, SIDE), EMPTY)
    draw = ImageDraw.Draw(panel)
    width = SIDE / len(NAMES)
    for index, share in enumerate(count / count.sum()):
        if share > 0:
            box = (round(index * width), round((1 - share) * (SIDE - 1)), round((index + 1) * width) - 1, SIDE - 1)
            draw.rectangle(box, fill=COLORS[index])
    return panel


def _figure(results: Sequence[Result], panel: Panel) -> Image.Image:
    """A panel for every way and set, the truth above them, the classes' colours below."""
    font = ImageFont.load_default(TEXT)
    truths = {result.record["set"]: [result.truth] for result in results}
    rows = {"truth": truths}
    rows |= {
        way_title(way): {name: [each.direction for each in found] for name, found in by_set.items()}
        for way, by_set in ways(results).items()
    }
    left = GAP + round(max(font.getlength(title) for title in rows)) + GAP
    size = (max(left + len(truths) * (SIDE + GAP), len(NAMES) * 50 + GAP), LINE + len(rows) * (SIDE + GAP) + LINE)
    figure = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(figure)
    for column, name in enumerate(truths):
        draw.text((left + column * (SIDE + GAP) + SIDE // 2, LINE // 2), name, "black", font, anchor="mm")
    for row, (title, by_set) in enumerate(rows.items()):
        top = LINE + row * (SIDE + GAP)
        draw.text((left - GAP, top + SIDE // 2), title, "black", font, anchor="rm")
        for column, name in enumerate(truths):
            if name in by_set:
                figure.paste(panel(by_set[name]), (left + column * (SIDE + GAP), top))
    for index, (name, color) in enumerate(zip(NAMES, COLORS, strict=True)):
        x, y = size[0] - 50 * (len(NAMES) - index), size[1] - LINE // 2
        draw.rectangle((x, y - 5, x + 10, y + 5), fill=color)
        draw.text((x + 14, y), name, "black", font, anchor="lm")
    return figure


def _rgb(color: str) -> tuple[int, ...]:
    return tuple(int(color[place : place + 2], 16) for place in (1, 3, 5))


def _save(figure: Image.Image, path: Path) -> None:
    # few colours make small files: the classes', and greys for letters
    palette = Image.new("P", (1, 1))
    palette.putpalette(
        [part for color in (*map(_rgb, COLORS), *((grey,) * 3 for grey in range(0, 256, 13)), _rgb(EMPTY)) for part in color]
    )
    buffer = io.BytesIO()
    figure.quantize(palette=palette, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    save_bytes(path, buffer.getvalue())
