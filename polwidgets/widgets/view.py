"""What views have in common that may be out of sight."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import panel as pn
import param
from bokeh.document import Document
from bokeh.model import Model
from bokeh.models.ui.ui_element import UIElement
from panel.io.notebook import patch_inline_stylesheets
from panel.models.comm_manager import CommManager

from polwidgets.widgets.turns import in_turn


class Page(pn.viewable.Viewer):
    """A viewer whose page, in a notebook, tells Python at once what happens on it."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        view = self._create_view()

        def render_with_styles(doc: Document | None = None, comm: Any = None) -> Model:
            model: Model = type(view)._render_model(view, doc, comm)  # noqa: SLF001 nor a public way between model and bundle
            # Panel would do it afterwards, and go through the whole page for each of its style sheets
            with model.document.models.freeze() if model.document else contextlib.nullcontext():
                for part in model.select({"type": UIElement}):
                    patch_inline_stylesheets(part)
            return model

        view._render_model = render_with_styles  # noqa: SLF001
        view._on_msg = in_turn(view._on_msg)  # noqa: SLF001 what the page says
        bundle = view._repr_mimebundle_(include, exclude)
        for model, _ in view._models.values():  # noqa: SLF001 Panel has no public way to the model
            for root in () if model.document is None else model.document.roots:
                if isinstance(root, CommManager):
                    root.update(debounce=0)  # Panel would wait for 50 ms; while Python is at work, events are gathered anyway
        return bundle


class View(Page):
    """A view that does nothing while nobody sees it, and catches up when somebody does."""

    awake = param.Boolean(default=True, doc="Whether it is in sight.")

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        self._missed: dict[Callable[[], Any], None] = {}
        self.param.watch(self._woken, "awake")

    def lazily(self, function: Callable[[], Any]) -> Callable[..., None]:
        """The function as a callback: called at once in sight, once later for all the calls out of sight."""

        def call(*_: Any) -> None:
            if self.awake:
                function()
            else:
                self._missed[function] = None

        return call

    def _woken(self, event: Any) -> None:
        if event.new:
            missed, self._missed = list(self._missed), {}
            for function in missed:
                function()
