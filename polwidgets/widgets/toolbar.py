"""The explorer's head: what is open, and what can be saved, restored, exported and reset."""

from __future__ import annotations

import io
from html import escape
from typing import TYPE_CHECKING, Any

import panel as pn

from polwidgets.widgets.export import FORMATS
from polwidgets.widgets.session import session_text
from polwidgets.widgets.text import Text

if TYPE_CHECKING:
    from polwidgets.widgets.explorer import Explorer


def toolbar(explorer: Explorer) -> pn.viewable.Viewable:
    """One line of controls."""
    low = {"margin": (2, 4), "height": 30}
    save = pn.widgets.FileDownload(
        callback=lambda: io.StringIO(session_text(explorer.state, **explorer.place())),
        filename="session.json",
        label="Save session",
        width=110,
        **low,
    )
    restore = pn.widgets.FileInput(accept=".json", width=200, **low)
    restore.param.watch(lambda event: explorer.take_session(event.new.decode("utf-8", "replace")) if event.new else None, "value")
    kind = pn.widgets.Select(options=list(FORMATS), width=120, **low)
    export = pn.widgets.FileDownload(filename=FORMATS[kind.value][0], label="Export", width=80, disabled=True, **low)
    export.callback = lambda: io.BytesIO(FORMATS[kind.value][1](explorer.shown_map()))
    kind.param.watch(lambda event: export.param.update(filename=FORMATS[event.new][0]), "value")
    explorer.param.watch(lambda event: export.param.update(disabled=event.new is None), "prediction")
    reset = pn.widgets.Button(label="Reset", width=70, **low)
    reset.on_click(lambda _: explorer.reset())
    title = Text(value=_title(explorer), margin=(8, 10))
    return pn.Row(title, pn.HSpacer(), save, restore, kind, export, reset, sizing_mode="stretch_width", margin=0)


def _title(explorer: Explorer) -> str:
    cube = explorer.cube
    name = "scan" if explorer.path is None else explorer.path.name
    facts: list[Any] = [" x ".join(str(size) for size in cube.shape)]
    for attr, unit in (("voltage_kV", "kV"), ("semiangle_mrad", "mrad")):
        if attr in cube.attrs:
            facts.append(f"{float(cube.attrs[attr]):g} {unit}")
    return f"<b>{escape(name)}</b> · {escape(' · '.join(facts))}"
