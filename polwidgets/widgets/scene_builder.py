"""Build an atomic scene and look at it through a microscope, while every parameter can be moved."""

from __future__ import annotations

from html import escape
from typing import Any, Final

import numpy as np
import panel as pn
import param
import xarray as xr
from bokeh.models import HoverTool
from numpy.typing import NDArray

from polwidgets.progress import Progress
from polwidgets.scenes.base import Prefab, prefabs
from polwidgets.scenes.draw import draw_prefab
from polwidgets.scenes.scene import Scene
from polwidgets.simulate.imaging import ImagingConditions
from polwidgets.simulate.object_mask import object_mask
from polwidgets.widgets.form import WIDTH_PX, Form, folded, note, words
from polwidgets.widgets.latest import Latest
from polwidgets.widgets.map_style import load_extensions, scale_bar
from polwidgets.widgets.overlay import Overlay, outlines
from polwidgets.widgets.picture import Picture
from polwidgets.widgets.scene_builder_model import Built, WaveSettings, Wish, build, image_facts, image_of, scene_facts
from polwidgets.widgets.scene_view import SceneView
from polwidgets.widgets.view import Page
from polwidgets.widgets.worker import Worker

FIRST: Final = ("defocus_A", "dose_per_A2", "Cs_A", "focal_spread_A", "aperture_mrad", "mtf_at_nyquist")
"""Conditions that stand beside the image; the others are folded away."""
NO_MASK: Final = "no outline"
MASK_COLOR: Final = "#00e5ff"
SIDE_PX: Final = 380
BEHIND: Final = {"projected potential": "V nm", "exit wave, phase": "rad", "exit wave, amplitude": "1"}
CLIPPED: Final = 0.001  # of pixels at either end, for colours


class SceneBuilder(Page):
    """Choose a prefab, move its parameters, and see atoms, projected potential and high-resolution image.

    A change of the scene is built anew beside the page, the newest wish first; the exit wave is computed once a scene, and
    every slider of the microscope only makes another image of it. Results: ``scene`` (a `Scene`), ``wave`` (what `pw.exit_wave`
    gives), ``image`` (DataArray (y, x), what is shown), ``conditions``, and ``mask()``; the first three can be watched with
    ``builder.param.watch``.

    Parameters
    ----------
    prefab : str
        Where to begin; ``pw.prefabs.names()`` lists them.
    seed : int
        Draws what the parameters leave open, and the counts.
    conditions : ImagingConditions, optional
        Where the microscope's sliders begin.
    voltage_kV : float
    **parameters
        Of the prefab, as ``diameter_A=30.0``.
    """

    scene = param.ClassSelector(class_=Scene, default=None, allow_None=True, doc="The atoms, once they are built.")
    wave = param.ClassSelector(class_=xr.DataArray, default=None, allow_None=True, doc="The exit wave.")
    image = param.ClassSelector(class_=xr.DataArray, default=None, allow_None=True, doc="The image that is shown, (y, x).")

    def __init__(
        self,
        prefab: str = "nanoparticle_on_substrate",
        *,
        seed: int = 0,
        conditions: ImagingConditions | None = None,
        voltage_kV: float = 300.0,
        **parameters: Any,
    ) -> None:
        load_extensions()
        super().__init__()
        self._beginning = (prefabs.build(prefab, **parameters), seed, conditions or ImagingConditions())
        self._settings = WaveSettings(voltage_kV=voltage_kV)
        self._built: Built | None = None
        self._quiet = False
        self.worker = Worker()
        self._builder: Latest[Wish, Built] = Latest(self.worker, self._build, self._show)
        self._make_controls(prefab, seed)
        self._make_pictures()
        self._lay_out()
        self._take(self._beginning[0], seed)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    # what is chosen

    @property
    def prefab(self) -> Prefab:
        """The prefab with its parameters as the sliders say."""
        return self._forms[self._kind.value].part

    @property
    def seed(self) -> int:
        """What is drawn at random is drawn with it: ``builder.prefab.build(seed=builder.seed)`` makes the scene again."""
        return max(0, int(self._seed.value or 0))

    @property
    def conditions(self) -> ImagingConditions:
        """The microscope as the sliders say."""
        return self._microscope.part

    @conditions.setter
    def conditions(self, conditions: ImagingConditions) -> None:
        self._microscope.set(conditions)

    def mask(self, name: str = "particle") -> xr.DataArray:
        """Pixels of the image that an object of the scene covers, bool (y, x)."""
        if self._built is None:
            raise ValueError("there is no scene yet: wait for it, in a script with builder.worker.wait()")
        return object_mask(self._built.scene, name, like=self._built.potential)

    # controls

    def _make_controls(self, prefab: str, seed: int) -> None:
        half = WIDTH_PX // 2 - 15
        self._kind = pn.widgets.Select(label="prefab", options={words(name): name for name in prefabs}, value=prefab, width=WIDTH_PX - 110)
        self._seed = pn.widgets.IntInput(label="seed", value=seed, start=0, step=1, width=90)
        self._draw = pn.widgets.Button(
            label="Draw at random", description="parameters from the prefab's own distributions", width=half, margin=(5, 10)
        )
        self._reset = pn.widgets.Button(label="Reset", width=half, margin=(5, 10))
        self._forms: dict[str, Form[Prefab]] = {}
        self._form_place = pn.Column(margin=0, scroll="y-auto", max_height=520, width=WIDTH_PX + 30)
        self._wave_form = Form(self._settings)
        self._microscope = Form(self._beginning[2])
        self._outline = pn.widgets.Select(label="outline of", options=[NO_MASK], width=half)
        self._behind = pn.widgets.Select(label="shown", options=list(BEHIND), width=SIDE_PX // 2)
        self._kind.param.watch(self._chosen, "value")
        self._seed.param.watch(lambda _: self._changed(), "value")
        self._draw.on_click(lambda _: self._draw_at_random())
        self._reset.on_click(lambda _: self._begin_again())
        self._wave_form.param.watch(lambda _: self._changed(), "part")
        self._microscope.param.watch(lambda _: self._reimage(), "part")
        self._outline.param.watch(lambda _: self._draw_outline(), "value")
        self._behind.param.watch(lambda _: self._draw_behind(), "value")

    def _make_pictures(self) -> None:
        self._image_picture = _picture("image", "gray", "intensity")
        self._behind_picture = _picture("projected potential", "viridis", "value")
        self._mask_overlay = Overlay(self._image_picture, [MASK_COLOR])
        self._atoms = pn.Column(width=SIDE_PX + 40, min_height=440, margin=0)
        self._scene_facts, self._image_facts, self._trouble = note(), note(), note(error=True)

    def _lay_out(self) -> None:
        rows = self._microscope.rows
        more = [row for name, row in rows.items() if name not in FIRST]
        self._layout = pn.Row(
            pn.Column(
                pn.Row(self._kind, self._seed, margin=0),
                pn.Row(self._draw, self._reset, margin=0),
                self.worker,
                self._form_place,
                folded("Wave: voltage, pixels, slices, phonons", self._wave_form),
                width=WIDTH_PX + 40,
            ),
            pn.Column(self._atoms, self._scene_facts, self._behind, self._behind_picture, width=SIDE_PX + 70),
            pn.Column(
                self._image_picture,
                self._image_facts,
                self._trouble,
                self._outline,
                pn.Column(*(rows[name] for name in FIRST), margin=0),
                folded("More: aberrations, source, drift", *more),
                width=SIDE_PX + 70,
            ),
        )

    def _take(self, prefab: Prefab, seed: int) -> None:
        """Show other parameters, and build what they say."""
        name = prefabs.name_of(prefab)
        self._quiet = True
        try:
            self._kind.value, self._seed.value = name, seed
            self._form_of(name).set(prefab)
            self._form_place[:] = [self._forms[name]]
        finally:
            self._quiet = False
        self._changed()

    def _form_of(self, name: str) -> Form[Prefab]:
        """Each prefab keeps its parameters while another is looked at."""
        if name not in self._forms:
            self._forms[name] = Form(prefabs.build(name))
            self._forms[name].param.watch(lambda _: self._changed(), "part")
        return self._forms[name]

    def _chosen(self, event: Any) -> None:
        if not self._quiet:
            self._take(self._form_of(event.new).part, self.seed)

    def _draw_at_random(self) -> None:
        prefab, seed = draw_prefab(self._kind.value, seed=self.seed)
        self._take(prefab, seed)

    def _begin_again(self) -> None:
        prefab, seed, conditions = self._beginning
        self._quiet = True  # until the prefab is taken
        self._forms.clear()
        self._wave_form.set(self._settings)
        self._microscope.set(conditions)
        self._outline.value, self._behind.value = self._outline.options[0], next(iter(BEHIND))
        self._take(prefab, seed)

    # beside the page

    def _changed(self) -> None:
        if not self._quiet:
            self._builder.ask(Wish(self.prefab, self.seed, self._wave_form.part))

    def _build(self, wish: Wish, progress: Progress) -> Built:
        return build(wish, progress, before=self._built)

    # what is shown

    def _show(self, built: Built) -> None:
        before, self._built = self._built, built
        self.scene, self.wave = built.scene, built.wave
        self._scene_facts.value = escape(scene_facts(built))
        if before is None or before.scene is not built.scene:
            self._atoms[:] = [
                SceneView(built.scene, color_by="object" if len(set(built.scene.objects.tolist())) > 1 else "element").__panel__()
            ]
        present = [name for index, name in enumerate(built.scene.names) if (built.scene.objects == index).any()]
        objects = [*reversed(present), NO_MASK]
        kept = self._outline.value if self._outline.value in objects and before is not None else objects[0]
        self._quiet = True
        self._outline.param.update(options=objects, value=kept)
        self._quiet = False
        extent = _extent_nm(built.potential)
        for picture in (self._image_picture, self._behind_picture):
            _fit(picture, extent)
        self._draw_behind()
        self._reimage()
        self._draw_outline()

    def _reimage(self) -> None:
        """Another image of the same wave."""
        if self._built is None:
            return
        conditions = self.conditions
        try:
            image = image_of(self._built, conditions)
        except ValueError as error:
            self._trouble.value = escape(str(error))
            return
        if self._trouble.value:
            self._trouble.value = ""
        self.image = image
        dose = f"{conditions.dose_per_A2:g} e/Å²" if conditions.dose_per_A2 else "no noise"
        self._image_picture.draw(image.values, _limits(image.values), title=f"image, defocus {conditions.defocus_A / 10:g} nm, {dose}")
        self._image_facts.value = escape(image_facts(image, conditions))

    def _draw_behind(self) -> None:
        if self._built is None:
            return
        shown, binning = self._behind.value, self._built.binning
        wave = self._built.wave.values
        plane = (wave if wave.ndim == 2 else wave[0])[::binning, ::binning]
        if shown == "projected potential":
            values = self._built.potential.values
        else:
            values = np.angle(plane) if BEHIND[shown] == "rad" else np.abs(plane)
        low, high = _limits(values)
        unit = "" if BEHIND[shown] == "1" else f" {BEHIND[shown]}"
        self._behind_picture.draw(values, (low, high), title=f"{shown}, {low:.3g} to {high:.3g}{unit}")

    def _draw_outline(self) -> None:
        if self._built is None or self._quiet:
            return
        name, like = self._outline.value, self._built.potential
        mask = np.zeros(like.shape, bool) if name == NO_MASK else self.mask(name).values
        self._mask_overlay.draw(outlines(mask.astype(np.uint8)), _extent_nm(like))


def _picture(title: str, colormap: str, value: str) -> Picture:
    picture = Picture(title, (0, 0, 1, 1), unit="nm", colormap=colormap, side=SIDE_PX)
    picture.figure.add_layout(scale_bar(picture.figure.x_range))
    place = [("down, right", "$y{0.00}, $x{0.00} nm"), (value, "@image{0.000}")]
    picture.figure.add_tools(HoverTool(renderers=[picture.figure.renderers[0]], tooltips=place))
    return picture


def _extent_nm(image: xr.DataArray) -> tuple[float, float, float, float]:
    """Outer edges (left, top, right, bottom)."""
    (top, bottom), (left, right) = (
        ((axis[0] - step / 2) / 10, (axis[-1] + step / 2) / 10)
        for axis, step in ((axis, float(axis[1] - axis[0])) for axis in (image[dim].values for dim in ("y", "x")))
    )
    return float(left), float(top), float(right), float(bottom)


def _fit(picture: Picture, extent: tuple[float, float, float, float]) -> None:
    """Give the frame the extent's shape."""
    left, top, right, bottom = extent
    width, height = right - left, bottom - top
    side = {"frame_width": round(SIDE_PX * min(1, width / height)), "frame_height": round(SIDE_PX * min(1, height / width))}
    if (picture.figure.frame_width, picture.figure.frame_height) != tuple(side.values()):
        picture.figure.update(**side)
    picture.place(extent)


def _limits(values: NDArray[Any]) -> tuple[float, float]:
    low, high = np.quantile(values, (CLIPPED, 1 - CLIPPED))
    return float(low), float(high)
