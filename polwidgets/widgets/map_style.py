"""How maps look: sizes, tools, colours, colour bars, scale bars and the colour wheel."""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Callable
from typing import Any, Final

import cmap
import numpy as np
import panel as pn
from bokeh.core.validation import silence
from bokeh.core.validation.warnings import FIXED_SIZING_MODE
from bokeh.models import LinearColorMapper
from bokeh.models.annotations import ColorBar, Metric, ScaleBar
from bokeh.models.widgets import Div
from bokeh.plotting import figure
from panel.io import notebook
from panel.reactive import Syncable
from PIL import Image

from polwidgets.directions import ANGLES_DEG, NAMES
from polwidgets.widgets.colors import direction_colors, wheel
from polwidgets.widgets.turns import in_turn

SIDE_PX: Final = 215
LEGEND_PX: Final = 200
WHEEL_PX: Final = 120
GLYPHS: Final = ("→", "↗", "↑", "↖", "←", "↙", "↓", "↘")
PROBE_COLOR: Final = "#00b7ff"
REGION_COLOR: Final = "#ff5fd2"
RIGHT_WRONG: Final = "cividis"  # dark is wrong, bright is right: told apart by lightness, not by hue
NOT_KNOWN: Final = "#888888"


@functools.cache
def load_extensions() -> None:
    """Load Panel with its scripts inline, so that nothing is fetched; once a kernel."""
    pn.extension(inline=True)
    # a click that comes while a change is on its way would run without the document's lock, and Bokeh refuses to change figures then
    setattr(Syncable._event_coroutine, "lock", True)  # noqa: B010, SLF001 Panel asks the function for it
    # a patch goes to a notebook as several messages, among which a cell that runs meanwhile must not put its own
    notebook.send = in_turn(notebook.send)
    # the frame has its size, Bokeh would like to hear it of the whole figure
    silence(FIXED_SIZING_MODE, True)


def plot(title: str, width: int = SIDE_PX, height: int = SIDE_PX, **options: Any) -> Any:
    """An empty Bokeh figure whose frame has a size in pixels."""
    made: Any = figure(
        title=title,
        frame_width=width,
        frame_height=height,
        **{"tools": "pan,wheel_zoom,reset,save", "toolbar_location": "above", "active_drag": None, **options},
    )
    made.toolbar.autohide, made.toolbar.logo = True, None
    made.grid.visible = False
    made.title.text_font_size = "10.5pt"
    made.axis.axis_label_text_font_size, made.axis.major_label_text_font_size = "9pt", "8pt"
    return made


def on_tap(made: Any, react: Callable[[Any], Any]) -> None:
    """React to every tap; Bokeh takes a second one within 0.3 s for a double tap, however far from the first it is."""
    made.on_event("tap", react)
    made.on_event("doubletap", react)


def color_mapper(colormap: str, limits: tuple[float, float] = (0.0, 1.0)) -> LinearColorMapper:
    """Colours of values within limits; grey where there is none."""
    return LinearColorMapper(palette=color_list(colormap), low=limits[0], high=limits[1], nan_color=NOT_KNOWN)


def color_bar(colors: LinearColorMapper) -> ColorBar:
    """The colours' scale, to be laid below a figure."""
    return ColorBar(color_mapper=colors, height=8, padding=2, margin=4, major_label_text_font_size="8pt", background_fill_alpha=0)


def scale_bar(x_range: Any) -> ScaleBar:
    """A bar of a round length, for axes in nm."""
    return ScaleBar(
        range=x_range,
        unit="nm",
        dimensional=Metric(base_unit="m"),
        location="bottom_left",
        background_fill_alpha=0.65,
        border_line_alpha=0,
        padding=3,
        margin=6,
        bar_length=0.25,
        label_text_font_size="8pt",
    )


def color_list(name: str) -> list[str]:
    """256 colours of a map known to `cmap`, as Bokeh wants them."""
    return [color.hex for color in cmap.Colormap(name).iter_colors(256)]


def class_colors(colormap: str) -> dict[str, str]:
    """Label and colour of the eight directions."""
    colors = np.rint(direction_colors(ANGLES_DEG, colormap=colormap) * 255).astype(np.uint8)
    return {f"{glyph} {name}": f"#{bytes(color).hex()}" for glyph, name, color in zip(GLYPHS, NAMES, colors, strict=True)}


def wheel_legend(colormap: str) -> Div:
    """The colour wheel with the names of the eight directions around it, in the page's own ink: it is read on dark and on light."""
    picture = io.BytesIO()
    Image.fromarray(wheel(2 * WHEEL_PX, colormap=colormap)).save(picture, "PNG")
    half, at = WHEEL_PX / 2, 0.64 * WHEEL_PX
    angles = np.deg2rad(ANGLES_DEG)
    names = [
        f'<text x="{at * x:.1f}" y="{at * y:.1f}">{name}</text>' for name, x, y in zip(NAMES, np.cos(angles), -np.sin(angles), strict=True)
    ]
    side = LEGEND_PX - 16
    return Div(
        text=f"""
            <svg role="img" aria-label="Colour wheel: hue is the direction, sure at the rim" width="{side}" height="{side}"
                viewBox="{-side / 2} {-side / 2} {side} {side}"
                style="fill: currentColor; font: 12px sans-serif; text-anchor: middle; dominant-baseline: central">
                <image x="{-half}" y="{-half}" width="{WHEEL_PX}" height="{WHEEL_PX}"
                    href="data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}"/>
                {"".join(names)}
                <text y="-6" font-size="9">sure at</text><text y="6" font-size="9">the rim</text>
            </svg>""",
        width=side,
        height=side,
    )
