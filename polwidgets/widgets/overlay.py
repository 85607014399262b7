"""Outlines and areas laid over a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, LinearColorMapper
from numpy.typing import NDArray

from polwidgets.widgets.picture import Picture

CLEAR = "#00000000"


class Overlay:
    """Small whole numbers over a picture, each with its colour; 0 is clear.

    Parameters
    ----------
    picture : Picture
        Laid over the same extent.
    colors : sequence of str
        Of 1, 2, ...
    """

    def __init__(self, picture: Picture, colors: Sequence[str]) -> None:
        self._picture = picture
        self.colors = LinearColorMapper(palette=[CLEAR, *colors], low=-0.5, high=len(colors) + 0.5)
        self._source = ColumnDataSource({"image": [np.zeros((1, 1), np.uint8)]})
        renderer = picture.figure.image("image", source=self._source, color_mapper=self.colors, x=0, y=0, dw=1, dh=1)
        self._glyph = renderer.glyph

    def draw(self, codes: NDArray[np.uint8], extent: tuple[float, float, float, float]) -> None:
        """Show them (row, column) between the outer edges (left, top, right, bottom)."""
        left, top, right, bottom = extent
        self._glyph.update(x=left, y=top, dw=right - left, dh=bottom - top)
        self._source.data = {"image": [codes]}
        pn.io.push_notebook(self._picture.pane)


def outlines(labels: NDArray[np.integer], chosen: int = 0) -> NDArray[np.uint8]:
    """Pixels (row, column) of labelled areas that have a neighbour of another label: 1, or 2 for the chosen label."""
    padded = np.pad(labels, 1, mode="edge")
    middle = padded[1:-1, 1:-1]
    differs = np.zeros(middle.shape, bool)
    for neighbour in (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]):
        differs |= neighbour != middle
    edge = (differs & (middle > 0)).astype(np.uint8)
    if chosen:
        edge[edge.astype(bool) & (middle == chosen)] = 2
    return edge
