"""One browser module, two hosts: what widgets that draw in the browser have in common.

A model without a host holds the traits; a Jupyter widget (anywidget) and a Panel component carry them to the same ES
module. Five traits do it all, so that any host that syncs traits will do:

- ``scene``, sent once: what does not change;
- ``view``, both ways: what the user moves;
- ``status``, to the browser: what is going on;
- ``request``, from the browser, one at a time;
- ``reply``, to the browser: always one for each request, an error included, so that nothing waits for ever. One without
  an id was not asked for: it goes ahead of a ``view`` with which it would be.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Final

import anywidget
import param
import traitlets
from panel.custom import AnyWidgetComponent

from polwidgets.widgets.turns import in_turn

FOLDER: Final = Path(__file__).parent / "js"
SYNCED: Final = ("scene", "view", "status", "request", "reply")
Answer = Callable[[dict[str, Any]], dict[str, Any]]


def browser_module(*names: str) -> str:
    """One ES module out of several of the folder js, since a host takes a single file.

    Modules come in the order in which they need each other; their relative imports are left out, because what they name
    is then in the same file. On disk they stay apart, so that Node can test them.
    """
    lines = (line for name in names for line in (FOLDER / name).read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if not (line.startswith("import ") and ' from "./' in line))


def style_sheet() -> str:
    """The style sheet that all of them share."""
    return (FOLDER / "widgets.css").read_text(encoding="utf-8")


class BrowserModel(traitlets.HasTraits):
    """A widget without its host; `answers` maps kinds of request to what answers them."""

    scene = traitlets.Dict()
    view = traitlets.Dict()
    status = traitlets.Dict()
    request = traitlets.Dict()
    reply = traitlets.Dict()

    def answers(self) -> dict[str, Answer]:
        """Kind of request -> function from the request to its reply."""
        raise NotImplementedError

    @traitlets.observe("request")
    def _answer(self, change: Any) -> None:
        request = change["new"]
        try:
            answer = self.answers()[request["kind"]](request)
        except Exception as error:  # noqa: BLE001 whatever fails is shown in the widget, where the user looks
            answer = {"error": f"{type(error).__name__}: {error}"}
        self.reply = {"id": request["id"], "kind": request["kind"], **answer}


class BrowserPane(AnyWidgetComponent):
    """A `BrowserModel` as a Panel component; subclasses name the module."""

    _stylesheets: ClassVar = [style_sheet()]
    # Panel would gather what the browser sends for 50 ms, and one thing is asked at a time. Its `_priority_changes` are no way out:
    # what they cause runs without the document's lock, and Bokeh refuses to change figures then
    _debounce: ClassVar = 0
    scene = param.Dict(default={})
    view = param.Dict(default={})
    status = param.Dict(default={})
    request = param.Dict(default={})
    reply = param.Dict(default={})

    def __init__(self, model: BrowserModel, **layout: Any) -> None:
        super().__init__(**{name: getattr(model, name) for name in SYNCED}, **{"sizing_mode": "stretch_width", **layout})
        for name in SYNCED:
            model.observe(lambda change: self.param.update(**{change["name"]: change["new"]}), name)
            self.param.watch(lambda event: model.set_trait(event.name, event.new), name)


class BrowserWidget(anywidget.AnyWidget):
    """A `BrowserModel` as a Jupyter widget; subclasses name the module and the pane that shows it under Panel."""

    _css = style_sheet()
    _pane: ClassVar[type[BrowserPane]]
    scene = traitlets.Dict().tag(sync=True)
    view = traitlets.Dict().tag(sync=True)
    status = traitlets.Dict().tag(sync=True)
    request = traitlets.Dict().tag(sync=True)
    reply = traitlets.Dict().tag(sync=True)

    def __init__(self, model: BrowserModel) -> None:
        self.model = model
        super().__init__(**{name: getattr(model, name) for name in SYNCED})
        for name in SYNCED:
            traitlets.link((model, name), (self, name))

    def _handle_msg(self, msg: Any) -> None:
        in_turn(super()._handle_msg)(msg)

    def __panel__(self) -> BrowserPane:
        return self._pane(self.model)
