"""Choose perturbations and see at once what they do to the pattern at the probe."""

from __future__ import annotations

from html import escape
from typing import Any, Final

import numpy as np
import panel as pn
import xarray as xr
from numpy.typing import NDArray

from polwidgets.cube.schema import validate
from polwidgets.perturb.base import Perturbation, perturbations
from polwidgets.perturb.presets import PRESETS, preset
from polwidgets.widgets.form import WIDTH_PX, Form, note, words
from polwidgets.widgets.map_style import load_extensions
from polwidgets.widgets.perturbation_steps import PerturbationSteps
from polwidgets.widgets.picture import SCALES, Picture, pattern_extent
from polwidgets.widgets.text import Text
from polwidgets.widgets.view import View
from polwidgets.widgets.view_state import ViewState

CUSTOM: Final = "(own choice)"


class PerturbationPanel(View):
    """What happens to patterns, part by part, with the pattern at the probe before and after.

    The choice stands in ``state.perturbations``, as JSON text a part, in the order of application; `ModelSelector` trains
    with it. ``panel.parts`` has the parts themselves.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
    state : ViewState, optional
        Shared with other widgets; by default one of its own.
    """

    def __init__(self, cube: xr.DataArray, *, state: ViewState | None = None) -> None:
        load_extensions()
        super().__init__()
        self.cube = validate(cube)
        self.state = ViewState(probe=(cube.sizes["scan_y"] // 2, cube.sizes["scan_x"] // 2)) if state is None else state
        self._forms: list[Form[Perturbation]] = []
        self._steps = PerturbationSteps(self.cube)
        names = [CUSTOM, *PRESETS]
        self._preset = pn.widgets.Select(label="preset", options=names, width=WIDTH_PX // 2 - 15)
        # the prompt is an option too, so that the same part can be added twice
        self._add = pn.widgets.Select(
            label="add", options={"…": "", **{words(name): name for name in perturbations}}, width=WIDTH_PX // 2 - 15
        )
        self._seed = pn.widgets.IntInput(label="seed", value=self.state.seed, start=0, step=1, width=90)
        self._again = pn.widgets.Button(label="Draw anew", width=100, align="end")
        self._reset = pn.widgets.Button(label="Reset", width=70, align="end")
        extent, unit = pattern_extent(cube)
        self._before, self._after = (Picture(title, extent, unit=unit) for title in ("before", "after"))
        self._trouble = note(error=True)
        self._list = pn.Column(margin=0, scroll="y-auto", max_height=420)
        self._layout = pn.Row(
            pn.Column(
                pn.Row(self._preset, self._add, margin=0),
                pn.Row(self._seed, self._again, self._reset, margin=0),
                self._list,
                width=WIDTH_PX + 40,
            ),
            pn.Column(pn.Row(self._before, self._after, margin=0), self._trouble),
        )
        self._preset.param.watch(lambda event: self._take(preset(event.new)) if event.new != CUSTOM else None, "value")
        self._add.param.watch(self._added, "value")
        self._seed.param.watch(lambda event: setattr(self.state, "seed", max(0, event.new or 0)), "value")
        self._again.on_click(lambda _: setattr(self.state, "seed", self.state.seed + 1))
        self._reset.on_click(lambda _: self._take(()))
        self.state.observe(self.lazily(self._chosen), "perturbations")
        self.state.observe(self.lazily(self._seed_changed), "seed")
        self.state.observe(self.lazily(self._moved), ["probe", "pattern_scale"])
        self._chosen()
        self._moved()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    @property
    def parts(self) -> tuple[Perturbation, ...]:
        """The chosen perturbations in the order of application."""
        return tuple(perturbations.from_json(text) for text in self.state.perturbations)

    def perturbed(self) -> NDArray[np.float32]:
        """The pattern at the probe after all perturbations, (ky, kx)."""
        return self._steps.pattern(self.parts, self._probe(), seed=self.state.seed)

    def _probe(self) -> tuple[int, int]:
        row, column = self.state.probe
        return min(row, self.cube.sizes["scan_y"] - 1), min(column, self.cube.sizes["scan_x"] - 1)

    # the choice

    def _take(self, parts: tuple[Perturbation, ...]) -> None:
        self.state.perturbations = tuple(perturbations.to_json(part) for part in parts)

    def _added(self, event: Any) -> None:
        if event.new:
            self._add.value = ""
            self._take((*self.parts, perturbations.build(event.new)))

    def _chosen(self) -> None:
        """Show what the state says; forms that say the same already stay, so that nothing moves under the pointer."""
        try:
            parts = self.parts
        except Exception as error:  # noqa: BLE001 an unknown part in a restored session is shown, not raised
            self._trouble.value = escape(str(error))
            return
        if [type(form.part) for form in self._forms] != [type(part) for part in parts]:
            self._forms = [Form(part) for part in parts]
            for form in self._forms:
                form.param.watch(lambda _: self._take(tuple(form.part for form in self._forms)), "part")
            self._list[:] = [self._row(place) for place in range(len(parts))] or [note("no perturbations: choose a preset, or add one")]
        for form, part in zip(self._forms, parts, strict=True):
            if form.part != part:
                form.set(part)
        self._preset.value = next((name for name in PRESETS if preset(name) == parts), CUSTOM)
        self._preview()

    def _row(self, place: int) -> pn.viewable.Viewable:
        form = self._forms[place]
        small = {"width": 30, "height": 28, "margin": 1, "color": "light"}
        earlier, later, remove = (pn.widgets.Button(label=sign, description=says, **small) for sign, says in _BUTTONS)
        earlier.disabled, later.disabled = place == 0, place == len(self._forms) - 1
        earlier.on_click(lambda _: self._swap(place, place - 1))
        later.on_click(lambda _: self._swap(place, place + 1))
        remove.on_click(lambda _: self._take(tuple(other.part for other in self._forms if other is not form)))
        name = words(perturbations.name_of(form.part))
        title = Text(value=f"<b>{place + 1}. {name}</b>", width=WIDTH_PX - 110, margin=(6, 10))
        return pn.Column(pn.Row(title, earlier, later, remove, margin=0), form, styles={"border-top": "1px solid #8884"}, margin=(2, 0))

    def _swap(self, first: int, second: int) -> None:
        parts = [form.part for form in self._forms]
        parts[first], parts[second] = parts[second], parts[first]
        self._take(tuple(parts))

    def _seed_changed(self) -> None:
        self._seed.value = self.state.seed
        self._preview()

    def _moved(self) -> None:
        self._draw(self._before, "before", np.asarray(self.cube[self._probe()].values, np.float32))
        self._preview()

    def _preview(self) -> None:
        try:
            after = self.perturbed()
        except Exception as error:  # noqa: BLE001 whatever a part refuses is shown where the user looks
            self._trouble.value = escape(f"{type(error).__name__}: {error}")
            return
        self._trouble.value = ""
        self._draw(self._after, "after", after)

    def _draw(self, picture: Picture, name: str, pattern: NDArray[np.float32]) -> None:
        shown = SCALES[self.state.pattern_scale](np.clip(pattern, 0, None))
        picture.draw(shown, title=f"{name} · {pattern.sum():.4g} counts")


_BUTTONS: Final = (("↑", "apply it earlier"), ("↓", "apply it later"), ("✕", "remove it"))
