"""What lies behind a position or a region of a map: its probabilities, and what is taken for what."""

from __future__ import annotations

from typing import Final

import numpy as np
from bokeh.models import ColumnDataSource, FactorRange, Range1d
from numpy.typing import NDArray

from polwidgets.directions import NAMES
from polwidgets.widgets.map_region import shares
from polwidgets.widgets.map_style import SIDE_PX, class_colors, color_mapper, plot

COUNT_COLOR: Final = "#111111"


class ProbabilityBars:
    """The eight probabilities as bars in the colours of their directions.

    Parameters
    ----------
    colormap : str
        Cyclic map of the directions, known to `cmap`.
    width, height : int
        Of the frame, pixels.
    """

    def __init__(self, colormap: str, width: int = SIDE_PX, height: int = SIDE_PX, *, title: str = "Probabilities") -> None:
        colors = class_colors(colormap)
        self.source = ColumnDataSource(
            {"direction": list(colors), "color": list(colors.values()), "probability": np.full(len(colors), np.nan)}
        )
        # the first direction on top
        ranges = {"x_range": Range1d(start=0, end=1), "y_range": FactorRange(factors=list(colors)[::-1])}
        self.figure = plot(title, width, height, tools="save", **ranges)
        self.figure.hbar(y="direction", right="probability", height=0.8, color="color", source=self.source)

    def show(self, probability: NDArray[np.float64]) -> None:
        """Show other probabilities (direction,)."""
        self.source.data = {**self.source.data, "probability": np.asarray(probability, float)}


class ConfusionFigure:
    """True against predicted classes: colours are shares of the true class, numbers count positions."""

    def __init__(self) -> None:
        names = list(NAMES)
        # lighter than the numbers' ink, whatever the share
        colors = color_mapper("Blues")
        colors.palette = colors.palette[:170]
        colors.nan_color = "#ffffff00"  # classes that do not occur
        rows, columns = np.indices((len(names), len(names)))
        self.source = ColumnDataSource({"true": np.array(names)[rows.ravel()], "predicted": np.array(names)[columns.ravel()]})
        self.figure = plot(
            "Confusion, positions", tools="save", x_range=FactorRange(factors=names), y_range=FactorRange(factors=names[::-1])
        )
        self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = "predicted", "true"
        self.figure.xaxis.major_label_orientation = np.pi / 4
        self.figure.rect(
            "predicted", "true", width=1, height=1, source=self.source, line_color=None, fill_color={"field": "share", "transform": colors}
        )
        ink = {"text_color": COUNT_COLOR, "text_font_size": "8pt", "text_align": "center", "text_baseline": "middle"}
        self.figure.text("predicted", "true", text="count", source=self.source, **ink)

    def show(self, confusion: NDArray[np.int64]) -> None:
        """Show other counts (true, predicted)."""
        counts = [str(count) if count else "" for count in confusion.ravel()]
        self.source.data = {**self.source.data, "share": shares(confusion).ravel(), "count": counts}
