"""Particles of an image: outlines, doubt and statistics, while threshold and smallest size are moved."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import panel as pn
import param
import xarray as xr
from bokeh.models import ColumnDataSource, HoverTool, LinearColorMapper
from bokeh.models.annotations import Span
from numpy.typing import ArrayLike, NDArray

from polwidgets.progress import Progress, silent
from polwidgets.registry import parameter
from polwidgets.segmentation.segmentation import MIN_AREA, THRESHOLD, segment, separate_particles
from polwidgets.segmentation.segmenter import SHIPPED, Segmenter
from polwidgets.segmentation.statistics import particle_statistics
from polwidgets.widgets.form import WIDTH_PX, Form, folded, note, words
from polwidgets.widgets.latest import Latest
from polwidgets.widgets.map_style import load_extensions, plot, scale_bar
from polwidgets.widgets.overlay import CLEAR, Overlay, outlines
from polwidgets.widgets.picture import Picture
from polwidgets.widgets.segmentation_export import FORMATS, MEASURES, particle_facts, short, totals
from polwidgets.widgets.view import Page
from polwidgets.widgets.worker import Worker

AREA_COLOR: Final = "#ff9f1c55"
OUTLINE_COLORS: Final = ("#00e5ff", "#ff3df2")
BEHIND: Final = ("uncertainty", "probability", "unresolved")
LONGEST_PX: Final = 1024  # of what a page is sent; a larger image is shown in every second, third, ... pixel
AT_ONCE: Final = 400_000  # pixels; a larger image is separated beside the page while a slider moves
SIDE_PX: Final = 460
SMALL_PX: Final = 300


@dataclasses.dataclass(frozen=True)
class NetworkSettings:
    """What the network is asked, and shown."""

    particles: str = parameter("outlined", "those whose own outline is seen, or all", choices=("outlined", "all"))
    contrast: str = parameter("dark", "of particles against their surroundings", choices=("dark", "bright"))
    zoom: float = parameter(1.0, "the network is shown the image enlarged so many times", min=0.05, max=20.0, step=0.05)
    views: int = parameter(8, "turned and mirrored views that are averaged", choices=(1, 2, 4, 8))


class _Wish(NamedTuple):
    """What the network is asked."""

    image: Any
    weights: str | Path | Segmenter
    settings: NetworkSettings


class _Cut(NamedTuple):
    """What becomes a particle."""

    whole: xr.Dataset
    threshold: float
    min_area: int
    border: bool


def _cut(cut: _Cut, _: Progress = silent) -> tuple[xr.Dataset, xr.Dataset]:
    """The segmentation as it is cut, and its statistics."""
    segmentation = separate_particles(cut.whole, threshold=cut.threshold, min_area=cut.min_area, border=cut.border)
    return segmentation, particle_statistics(segmentation, border=True)


class SegmentationExplorer(Page):
    """An image with the outlines of its particles, how sure the network is, and what the particles are like.

    The network is asked once, beside the page; threshold, smallest diameter and border then work on its stored probability.
    Tinted: all pixels above the threshold; outlined: the particles that count. Tap one for its statistics, or walk through
    them by their number. ``segmentation`` and ``statistics`` are what is shown, as `pw.separate_particles` and
    `pw.particle_statistics` give them; watch them with ``explorer.param.watch``.

    Parameters
    ----------
    image : array (y, x) or (y, x, 3), DataArray, path, or Dataset
        As `pw.segment` takes it; or what `pw.segment` gave, which is shown as it is.
    weights : str, path or Segmenter
        ``"bright_field"``, ``"hrtem"``, or what `pw.train_segmenter` made.
    pixel_size : float, optional
        Edge of a pixel in `unit`; replaces what the image says.
    unit : str
    allowed : callable, optional
        Which file a path that is typed in stands for; raises where it may not be opened.
    **settings
        ``particles``, ``contrast``, ``zoom`` and ``views``, as in `pw.segment`: where their controls begin.
    """

    segmentation = param.ClassSelector(class_=xr.Dataset, default=None, allow_None=True, doc="What is shown.")
    statistics = param.ClassSelector(class_=xr.Dataset, default=None, allow_None=True, doc="One row a particle that counts.")

    def __init__(
        self,
        image: ArrayLike | xr.DataArray | xr.Dataset | str | Path,
        *,
        weights: str | Path | Segmenter = "bright_field",
        pixel_size: float | None = None,
        unit: str = "nm",
        allowed: Callable[[str | Path], str | Path] | None = None,
        **settings: Any,
    ) -> None:
        load_extensions()
        super().__init__()
        self._scale: dict[str, Any] = {"pixel_size": pixel_size, "unit": unit}
        self._allowed = allowed
        self._whole: xr.Dataset | None = None
        self._stride, self._step = 1, 1.0
        self._extent = (0.0, 0.0, 1.0, 1.0)
        self._quiet = False
        self.worker, self._cutting = Worker(), Worker()
        self._network: Latest[_Wish, xr.Dataset] = Latest(self.worker, self._segment, self._show)
        self._cutter: Latest[_Cut, tuple[xr.Dataset, xr.Dataset]] = Latest(self._cutting, _cut, self._separated)
        self._beginning = NetworkSettings(**settings)
        self._make_controls(image, weights)
        self._make_pictures()
        self._lay_out()
        if isinstance(image, xr.Dataset):
            self._image: Any = image["image"]
            self._show(image)
        else:
            self._image = image
            self._ask()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    # controls

    def _make_controls(self, image: Any, weights: str | Path | Segmenter) -> None:
        options: dict[str, Any] = {words(name): name for name in SHIPPED}
        if weights not in tuple(SHIPPED):
            options[Path(weights).name if isinstance(weights, (str, Path)) else "given"] = weights
        wide = {"width": WIDTH_PX - 20}
        path = str(image) if isinstance(image, (str, Path)) else ""
        self._file = pn.widgets.TextInput(label="image file", value=path, placeholder="path, then Enter", **wide)
        self._weights = pn.widgets.Select(label="weights", options=options, value=weights, **wide)
        self._form = Form(self._beginning)
        self._threshold: Any = pn.widgets.FloatSlider(label="threshold", start=0.01, end=0.99, step=0.01, value=THRESHOLD, **wide)
        self._smallest: Any = pn.widgets.FloatSlider(label="smallest diameter", start=0.0, end=1.0, value=0.0, step=0.01, **wide)
        self._border = pn.widgets.Checkbox(label="count particles cut by the edge", value=True, **wide)
        self._reset = pn.widgets.Button(label="Reset", width=70, margin=(5, 10))
        self._kind = pn.widgets.Select(options=list(FORMATS), width=140)
        self._export = pn.widgets.FileDownload(label="Export", width=90, disabled=True, filename=next(iter(FORMATS.values()))[0])
        self._export.callback = lambda: io.BytesIO(self.exported(self._kind.value))
        self._behind = pn.widgets.Select(label="shown", options=list(BEHIND), width=150)
        self._measure: Any = pn.widgets.Select(label="histogram of", options={title: name for name, title in MEASURES.items()}, width=150)
        self._chosen: Any = pn.widgets.IntInput(label="particle", value=0, start=0, step=1, width=90)
        self._file.param.watch(lambda event: self.open(event.new) if event.new.strip() else None, "value")
        self._weights.param.watch(lambda _: self._ask(), "value")
        self._form.param.watch(lambda _: self._ask(), "part")
        for control in (self._threshold, self._smallest, self._border):
            control.param.watch(lambda _: self._separate(), "value")
        self._reset.on_click(lambda _: self.reset())
        self._kind.param.watch(lambda event: self._export.param.update(filename=FORMATS[event.new][0]), "value")
        self._behind.param.watch(lambda _: self._draw_behind(), "value")
        self._measure.param.watch(lambda _: self._draw_histogram(), "value")
        self._chosen.param.watch(lambda _: self._draw_chosen(), "value")

    def _make_pictures(self) -> None:
        self._picture = Picture("image", side=SIDE_PX, colormap="gray")
        self._doubt = Picture("uncertainty", side=SMALL_PX, colormap="viridis")
        self._probability = LinearColorMapper(palette=[AREA_COLOR], low=255 * THRESHOLD, high=255, low_color=CLEAR)
        self._area = ColumnDataSource({"image": [np.zeros((1, 1), np.uint8)]})
        self._area_glyph = self._picture.figure.image(
            "image", source=self._area, color_mapper=self._probability, x=0, y=0, dw=1, dh=1
        ).glyph
        # in the browser alone, so that it follows the finger
        self._threshold.jscallback(args={"mapper": self._probability}, value="mapper.low = 255 * cb_obj.value")
        self._outlines = Overlay(self._picture, OUTLINE_COLORS)
        for picture, value in ((self._picture, "grey level"), (self._doubt, "value")):
            hover = HoverTool(
                renderers=[picture.figure.renderers[0]], tooltips=[("down, right", "$y{0.00}, $x{0.00}"), (value, "@image{0.000}")]
            )
            picture.figure.add_tools(hover)
        self._picture.on_tap(self._tapped)
        self._bars = ColumnDataSource({"left": [], "right": [], "top": []})
        self._histogram = plot("sizes", SMALL_PX, 150, tools="save,reset")
        self._histogram.quad(left="left", right="right", top="top", bottom=0, source=self._bars, fill_color="#4c8bf5", line_color="#ffffff")
        self._histogram.y_range.start = 0
        self._histogram.yaxis.axis_label = "particles"
        self._mark = Span(dimension="height", line_color=OUTLINE_COLORS[1], line_width=2, visible=False)
        self._histogram.add_layout(self._mark)
        self._histogram_pane = pn.pane.Bokeh(self._histogram, margin=2)
        self._totals, self._particle, self._shown = note(), note("tap a particle, or choose its number"), note()

    def _lay_out(self) -> None:
        card = folded("Network", self._form)
        self._layout = pn.Row(
            pn.Column(
                self._file, self._weights, card, self.worker, self._threshold, self._smallest, self._border, self._cutting, self._totals,
                pn.Row(self._kind, self._export, margin=0), self._reset, width=WIDTH_PX + 30,
            ),
            pn.Column(self._picture, self._shown, pn.Row(self._chosen, self._particle, margin=0), width=SIDE_PX + 70),
            pn.Column(self._behind, self._doubt, self._measure, self._histogram_pane, width=SMALL_PX + 90),
        )  # fmt: skip

    # what may be asked from a script, too

    def open(self, path: str | Path) -> None:
        """Look at another image file."""
        self._image = path
        self._ask()

    def reset(self) -> None:
        """Back to the settings of the beginning."""
        self._form.set(self._beginning)
        self._threshold.value, self._border.value = THRESHOLD, True
        self._chosen.value = 0
        self._behind.value, self._measure.value = BEHIND[0], next(iter(MEASURES))
        if self._whole is not None:
            self._smallest.value = self._diameter(MIN_AREA)
        self._separate()

    def exported(self, kind: str) -> bytes:
        """What the export button gives: ``"statistics, CSV"``, ``"masks, npz"`` or ``"everything, zarr"``."""
        if self.segmentation is None or self.statistics is None:
            raise ValueError("nothing is segmented yet: wait for it, in a script with explorer.worker.wait()")
        return FORMATS[kind][1](self.segmentation, self.statistics)

    # beside the page

    def _ask(self) -> None:
        self._network.ask(_Wish(self._image, self._weights.value, self._form.part))

    def _segment(self, wish: _Wish, progress: Progress) -> xr.Dataset:
        image = wish.image.strip() if isinstance(wish.image, str) else wish.image
        if isinstance(image, (str, Path)) and self._allowed is not None:
            image = self._allowed(image)
        asked: dict[str, Any] = dataclasses.asdict(wish.settings)
        return segment(image, weights=wish.weights, **self._scale, **asked, progress=progress)

    # what is shown

    def _show(self, whole: xr.Dataset) -> None:
        """A new segmentation of the network."""
        first = self._whole is None or self._whole["image"].shape != whole["image"].shape or self._pixel != _pixel_of(whole)
        self._whole = whole
        shape = whole["image"].shape
        self._stride = -(-max(shape) // LONGEST_PX)
        factor, unit = (0.1, "nm") if whole.attrs["unit"] == "angstrom" else (1.0, short(whole.attrs["unit"]))
        self._step = factor * float(whole.attrs["pixel_size"])
        if first:
            self._quiet = True
            self._smallest.param.update(
                label=f"smallest diameter ({short(whole.attrs['unit'])})",
                end=self._pixel * max(shape) / 4,
                step=self._pixel / 4,
                value=self._diameter(int(whole.attrs.get("min_area", MIN_AREA))),
            )
            self._chosen.value = 0
            self._quiet = False
        rows, columns = (-(-side // self._stride) * self._stride for side in shape)
        before = -0.5 * self._step
        self._extent = (before, before, before + self._step * columns, before + self._step * rows)
        for picture, side in ((self._picture, SIDE_PX), (self._doubt, SMALL_PX)):
            picture.figure.update(frame_width=round(side * min(1, columns / rows)), frame_height=round(side * min(1, rows / columns)))
            picture.figure.axis.axis_label = unit
            picture.place(self._extent)
        if unit == "nm" and not self._picture.figure.select({"name": "scale bar"}):
            bar = scale_bar(self._picture.figure.x_range)
            bar.name = "scale bar"
            self._picture.figure.add_layout(bar)
        image = self._thin(whole["image"].values)
        low, high = np.nanquantile(image, (0.002, 0.998))
        self._picture.draw(image, (float(low), float(high)), title=f"image, {shape[0]} x {shape[1]} pixels")
        left, top, right, bottom = self._extent
        self._probability.low = 255 * self._threshold.value
        self._area_glyph.update(x=left, y=top, dw=right - left, dh=bottom - top)
        self._area.data = {"image": [np.rint(255 * self._thin(whole["probability"].values)).astype(np.uint8)]}
        self._shown.value = escape(self._about(whole))
        self._export.disabled = False
        self._draw_behind()
        self._separate()

    @property
    def _pixel(self) -> float:
        return 1.0 if self._whole is None else _pixel_of(self._whole)

    def _diameter(self, area: int) -> float:
        """Of the disk of so many pixels, in the image's unit."""
        return float(np.sqrt(4 * area / np.pi)) * self._pixel

    def _thin(self, values: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(values[:: self._stride, :: self._stride])

    def _about(self, whole: xr.Dataset) -> str:
        attrs = whole.attrs
        scale = (
            f"{attrs['pixel_size']:.4g} {short(attrs['unit'])} a pixel" if attrs["unit"] != "pixel" else "no scale: lengths are in pixels"
        )
        thinned = f" · every {self._stride}. pixel is shown, all are counted" if self._stride > 1 else ""
        missing = f" · {attrs['missing']} pixels are missing" if attrs.get("missing") else ""
        return f"{scale} · weights {attrs.get('weights', 'given')}{missing}{thinned}"

    def _separate(self) -> None:
        """Mask, particles and statistics at the sliders' values; the network is not asked."""
        if self._whole is None or self._quiet:
            return
        area = max(1, round(np.pi / 4 * (self._smallest.value / self._pixel) ** 2))
        cut = _Cut(self._whole, self._threshold.value, area, self._border.value)
        if self._whole["image"].size > AT_ONCE:
            self._cutter.ask(cut)
        else:
            self._separated(_cut(cut))

    def _separated(self, cut: tuple[xr.Dataset, xr.Dataset]) -> None:
        place = self._place()
        self.segmentation, self.statistics = cut
        self._totals.value = escape(totals(self.statistics))
        # a particle keeps its choice though its number changes
        number = 0 if place is None else int(self.segmentation["labels"].values[place])
        self._chosen.end = int(self.statistics.attrs["count"])
        if self._chosen.value != number:
            self._quiet = True
            self._chosen.value = number
            self._quiet = False
        self._draw_histogram()

    def _place(self) -> tuple[int, int] | None:
        """A pixel of the chosen particle, the one nearest to its middle."""
        number = self._chosen.value
        if self.segmentation is None or not number:
            return None
        own = np.argwhere(self.segmentation["labels"].values == number)
        if not len(own):
            return None
        row, column = own[((own - own.mean(0)) ** 2).sum(1).argmin()]
        return int(row), int(column)

    def _tapped(self, x: float, y: float) -> None:
        if self.segmentation is None:
            return
        labels = self.segmentation["labels"].values
        row, column = round(y / self._step), round(x / self._step)
        if 0 <= row < labels.shape[0] and 0 <= column < labels.shape[1]:
            self._chosen.value = int(labels[row, column])

    def _draw_chosen(self) -> None:
        if self.segmentation is None or self.statistics is None or self._quiet:
            return
        number = self._chosen.value if self._chosen.value in self.statistics["particle"].values else 0
        self._outlines.draw(outlines(self._thin(self.segmentation["labels"].values), number), self._extent)
        self._particle.value = escape(particle_facts(self.statistics, number) if number else "tap a particle, or choose its number")
        self._mark.visible = bool(number)
        if number:
            self._mark.location = float(self.statistics[self._measure.value].sel(particle=number))
        pn.io.push_notebook(self._histogram_pane)

    def _draw_behind(self) -> None:
        if self._whole is None:
            return
        shown = self._behind.value
        unit = "bit" if shown == "uncertainty" else ""
        self._doubt.draw(self._thin(self._whole[shown].values), (0.0, 1.0), title=f"{shown}, 0 to 1 {unit}".rstrip())

    def _draw_histogram(self) -> None:
        if self.statistics is None:
            return
        column = self.statistics[self._measure.value]
        values = column.values[np.isfinite(column.values)]
        bins = int(np.clip(2 * np.sqrt(len(values)), 5, 40))
        counts, edges = np.histogram(values, bins=bins) if len(values) else (np.empty(0), np.zeros(1))
        self._bars.data = {"left": edges[:-1], "right": edges[1:], "top": counts}
        unit = short(column.attrs["units"])
        self._histogram.title.text = f"{len(values)} particles"
        self._histogram.xaxis.axis_label = MEASURES[self._measure.value] + (f" ({unit})" if unit else "")
        self._draw_chosen()


def _pixel_of(segmentation: xr.Dataset) -> float:
    return float(segmentation.attrs["pixel_size"])
