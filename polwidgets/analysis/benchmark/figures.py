"""The study's two figures: maps of the classes, and how often each class is named."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from polwidgets.analysis.benchmark.run import Result
from polwidgets.analysis.benchmark.table import Way, way_title, ways
from polwidgets.directions import NAMES
from polwidgets.training.tensor_file import save_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# round the colour circle, evenly bright, so that opposite directions are complementary
COLORS: Final = ("#e8604c", "#e59a2f", "#b8b02e", "#5fae4f", "#2fa8a0", "#3f8fd2", "#7d74d8", "#c565b5")
SIDE: Final = 0.62  # inches of a panel
DPI: Final = 100


def class_maps(results: Sequence[Result], path: Path) -> None:
    """Class of every position by majority over seeds, a row for every way to make a map, a column for every test set."""

    def draw(axes: Axes, members: list[Result]) -> None:
        axes.imshow(_colored(majority_map(members)), interpolation="nearest")

    def truth(axes: Axes, member: Result) -> None:
        axes.imshow(_colored(member.truth), interpolation="nearest")

    _save(_panels(results, draw, truth), path)


def distributions(results: Sequence[Result], path: Path) -> None:
    """Share of the positions of all seeds that each class gets; the true classes are marked below."""

    def bars(axes: Axes, share: NDArray[np.float64]) -> None:
        axes.bar(range(len(NAMES)), share, color=COLORS, width=0.9)
        axes.set_xlim(-0.6, len(NAMES) - 0.4)
        axes.set_ylim(0, 1)

    def draw(axes: Axes, members: list[Result]) -> None:
        count = sum(np.bincount(result.direction.ravel(), minlength=len(NAMES)) for result in members)
        bars(axes, np.asarray(count / np.sum(count)))

    def truth(axes: Axes, member: Result) -> None:
        bars(axes, np.bincount(member.truth.ravel(), minlength=len(NAMES)) / member.truth.size)

    _save(_panels(results, draw, truth), path)


def majority_map(results: Sequence[Result]) -> NDArray[np.int8]:
    """Class (scan_y, scan_x) that most seeds name at a position; ties go to the first."""
    votes = np.stack([(np.stack([result.direction for result in results]) == index).sum(0) for index in range(len(NAMES))])
    return np.asarray(votes.argmax(0), np.int8)


def _panels(results: Sequence[Result], draw: Any, truth: Any) -> Figure:
    """One panel for every way and set, the truth above them."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    rows: dict[Way, dict[str, list[Result]]] = ways(results)
    first = {result.record["set"]: result for result in reversed(results)}
    sets = list(dict.fromkeys(result.record["set"] for result in results))
    names = ["truth", *(way_title(way) for way in rows)]
    margin = 0.066 * max(len(name) for name in names) + 0.1
    figure = Figure(figsize=(margin + SIDE * len(sets) + 0.1, SIDE * len(names) + 0.55), dpi=DPI)
    grid = figure.subplots(len(names), len(sets), squeeze=False)
    for row, name in enumerate(names):
        for axes, column in zip(grid[row], sets, strict=True):
            axes.set_xticks([])
            axes.set_yticks([])
            if row == 0:
                axes.set_title(column, fontsize=8)
                truth(axes, first[column])
            elif column in (members := list(rows.values())[row - 1]):
                draw(axes, members[column])
            else:
                axes.axis("off")
        grid[row, 0].text(-0.1, 0.5, name, ha="right", va="center", fontsize=7, transform=grid[row, 0].transAxes)
    width, height = figure.get_size_inches()
    figure.subplots_adjust(margin / width, 0.3 / height, 1 - 0.05 / width, 1 - 0.25 / height, wspace=0.06, hspace=0.06)
    handles = [Patch(color=color, label=name) for color, name in zip(COLORS, NAMES, strict=True)]
    figure.legend(handles=handles, loc="lower right", ncols=len(NAMES), fontsize=7, frameon=False, handlelength=1, columnspacing=0.9)
    return figure


def _colored(classes: NDArray[np.int8]) -> NDArray[np.uint8]:
    palette = np.array([[int(color[place : place + 2], 16) for place in (1, 3, 5)] for color in COLORS], np.uint8)
    return np.asarray(palette[classes])


def _save(figure: Figure, path: Path) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", pil_kwargs={"optimize": True})
    save_bytes(path, buffer.getvalue())
