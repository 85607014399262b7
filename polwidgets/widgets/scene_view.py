"""A scene in three dimensions: turned, zoomed and sliced in the browser, coloured by element, object, phase or grain."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import numpy as np
from cmap import Colormap
from numpy.typing import NDArray

from polwidgets.scenes.scene import Scene
from polwidgets.simulate.scattering_factors import symbol_of
from polwidgets.widgets.host import FOLDER, BrowserModel, BrowserPane, BrowserWidget, browser_module, style_sheet

ESM: Final = browser_module("maths.mjs", "canvas_view.mjs", "controls.mjs", "scene_maths.mjs", "scene_view.mjs")
STYLE: Final = style_sheet() + (FOLDER / "scene.css").read_text(encoding="utf-8")
LARGEST: Final = 300_000
_PALETTE: Final = tuple(color.hex for color in Colormap("colorbrewer:paired_12").color_stops.colors)
# colours that chemists are used to; others come from the palette
_ELEMENTS: Final = {1: "#f2f2f2", 6: "#5a5a5a", 7: "#3050f8", 8: "#e0241b", 22: "#7f8fb0", 28: "#50b04c", 29: "#c8773c", 38: "#3fae2a",
                    41: "#5f9ea0", 46: "#2b7d8c", 47: "#b8bcc2", 56: "#2f9e44", 78: "#8f93b5", 79: "#f0bf2a", 82: "#575f66"}  # fmt: skip


class SceneViewPane(BrowserPane):
    """A view of a scene as a Panel component."""

    _esm = ESM
    _stylesheets: ClassVar = [STYLE]


class SceneView(BrowserWidget):
    """Atoms of a scene: drag turns, the wheel zooms, two sliders leave a slice; colours say what the labels say.

    The first view is the electrons': they travel away from the viewer. Everything is drawn in the browser, nothing is
    fetched from a network, and the notebook needs no kernel to go on turning it.

    Parameters
    ----------
    scene : Scene
    color_by : str
        ``element``, ``object``, ``phase`` or ``grain``.

    Raises
    ------
    ValueError
        More atoms than a browser draws (300,000), or an unknown label to colour by.
    """

    _esm = ESM
    _css = STYLE
    _pane = SceneViewPane

    def __init__(self, scene: Scene, *, color_by: str = "element") -> None:
        if len(scene) > LARGEST:
            raise ValueError(f"the scene has {len(scene)} atoms, at most {LARGEST} can be shown; take a part with `scene.select`")
        labels = _labels(scene)
        if color_by not in labels:
            raise ValueError(f"color_by is {color_by!r}, expected one of {', '.join(labels)}")
        model = BrowserModel(
            scene={
                "title": ", ".join(name for index, name in enumerate(scene.names) if (scene.objects == index).any()),
                "positions": scene.positions_A.astype("<f4").tobytes(),
                "radii": _radii(scene.numbers).astype("<f4").tobytes(),
                "box": [float(edge) for edge in scene.box_A],
                "labels": labels,
            },
            view={
                "color_by": color_by,
                "turn": np.eye(3).ravel().tolist(),
                "zoom": 1.0,
                "axis": "beam",
                "low": 0.0,
                "high": scene.box_A[2],
            },
        )
        super().__init__(model)


def _labels(scene: Scene) -> dict[str, dict[str, Any]]:
    elements, element = np.unique(scene.numbers, return_inverse=True)
    grains, grain = np.unique(scene.grains, return_inverse=True)
    colors = [_ELEMENTS.get(int(number), _PALETTE[int(number) % len(_PALETTE)]) for number in elements]
    return {
        "element": _label(element, [symbol_of(int(number)) for number in elements], colors),
        "object": _label(scene.objects, list(scene.names)),
        "phase": _label(scene.phases, list(scene.phase_names)),
        "grain": _label(grain, ["no grain" if number < 0 else f"grain {number}" for number in grains]),
    }


def _label(values: NDArray[np.int64], names: list[str], colors: list[str] | None = None) -> dict[str, Any]:
    palette = colors or [
        _PALETTE[(2 * index + 1) % len(_PALETTE)] if names[index] != "no grain" else "#777777" for index in range(len(names))
    ]
    return {"values": values.astype("<u2").tobytes(), "names": names, "colors": palette}


def _radii(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of the balls, angstrom: enough to tell heavy from light, not quite touching."""
    return 0.55 + 0.08 * np.cbrt(numbers.astype(float)) * 2
