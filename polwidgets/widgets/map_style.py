"""How maps look in HoloViews: sizes, tools, colour bars, scale bars and the colour wheel."""

from __future__ import annotations

import functools
from typing import Any, Final

import cmap
import holoviews as hv
import numpy as np
import panel as pn
from bokeh.core.validation import silence
from bokeh.core.validation.warnings import FIXED_SIZING_MODE

from polwidgets.directions import ANGLES_DEG, NAMES
from polwidgets.widgets.colors import direction_colors, wheel

SIDE_PX: Final = 215
LEGEND_PX: Final = 200
GLYPHS: Final = ("→", "↗", "↑", "↖", "←", "↙", "↓", "↘")
PROBE_COLOR: Final = "#00b7ff"
REGION_COLOR: Final = "#ff5fd2"
RIGHT_WRONG: Final = "cividis"  # dark is wrong, bright is right: told apart by lightness, not by hue
INK: Final = "#555555"


@functools.cache
def load_extensions() -> None:
    """Load HoloViews and Panel with their scripts inline, so that nothing is fetched; once a kernel."""
    hv.extension("bokeh", inline=True, logo=False)
    pn.extension(inline=True)
    # HoloViews gives the frame its size, Bokeh would like to hear it of the whole figure
    silence(FIXED_SIZING_MODE, True)


def plain(title: str) -> dict[str, Any]:
    """Options of every plot."""
    return {
        "title": title,
        "frame_width": SIDE_PX,
        "default_tools": ["pan", "wheel_zoom", "box_select", "lasso_select", "reset", "save"],
        "active_tools": [],
        "toolbar": "above",
        "autohide_toolbar": True,
        "fontsize": {"title": "10.5pt", "labels": "9pt", "ticks": "8pt"},
        "hooks": [_without_logo],
    }


def plane(title: str, unit: str) -> dict[str, Any]:
    """Options of images whose rows grow downward; with a scale bar where lengths are known."""
    bar = {"scalebar": True, "scalebar_unit": ("nm", "m"), "scalebar_location": "bottom_left", "scalebar_opts": SCALE_BAR}
    return {"invert_yaxis": True, "data_aspect": 1, **(bar if unit == "nm" else {}), **plain(title)}


def color_list(name: str) -> list[str]:
    """256 colours of a map known to `cmap`, as HoloViews wants them."""
    return [color.hex for color in cmap.Colormap(name).iter_colors(256)]


def class_colors(colormap: str) -> dict[str, str]:
    """Label and colour of the eight directions."""
    colors = np.rint(direction_colors(ANGLES_DEG, colormap=colormap) * 255).astype(np.uint8)
    return {f"{glyph} {name}": f"#{bytes(color).hex()}" for glyph, name, color in zip(GLYPHS, NAMES, colors, strict=True)}


def wheel_legend(colormap: str) -> hv.Overlay:
    """The colour wheel with the names of the eight directions around it."""
    picture = wheel(160, colormap=colormap)[::-1] / 255
    at = np.linspace(-1, 1, len(picture))
    ring = hv.RGB((at, at, *np.moveaxis(picture, -1, 0)), vdims=[*hv.RGB.vdims, hv.RGB.alpha_dimension])
    angles = np.deg2rad(ANGLES_DEG)
    names = hv.Labels((1.27 * np.cos(angles), 1.27 * np.sin(angles), list(NAMES))).opts(text_font_size="9pt", text_color=INK)
    center = hv.Text(0, 0, "sure at\nthe rim").opts(text_font_size="7pt", text_color=INK)
    return (ring * names * center).opts(
        xaxis=None,
        yaxis=None,
        show_frame=False,
        frame_width=LEGEND_PX - 30,
        frame_height=LEGEND_PX - 30,
        xlim=(-1.5, 1.5),
        ylim=(-1.5, 1.5),
        toolbar=None,
        default_tools=[],
    )


def as_status(plot: Any, _: Any) -> None:
    """Hook: a text in lines that screen readers read out when it changes."""
    plot.state.styles = {"white-space": "pre-line"}
    plot.state.html_attributes = {"role": "status", "aria-live": "polite"}


def _without_logo(plot: Any, _: Any) -> None:
    plot.state.toolbar.logo = None


COLOR_BAR: Final = {"colorbar": True, "colorbar_position": "bottom", "clabel": " ", "colorbar_opts": {"height": 8, "padding": 2}}
SCALE_BAR: Final = {
    "background_fill_alpha": 0.65,
    "border_line_alpha": 0,
    "padding": 3,
    "margin": 6,
    "bar_length": 0.25,
    "label_text_font_size": "8pt",
}
