"""Long work with a face: a progress bar, what is being done, a cancel button, and what went wrong."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any, TypeVar

import panel as pn
import param

from polwidgets.progress import Progress
from polwidgets.widgets.background import Background, Cancelled
from polwidgets.widgets.form import note

Answer = TypeVar("Answer")


class Worker(pn.viewable.Viewer):
    """One piece of long work at a time, beside the page."""

    busy = param.Boolean(default=False, doc="Whether something is being worked on.")

    def __init__(self) -> None:
        super().__init__()
        self._bar = pn.indicators.Progress(value=0, max=100, height=12, sizing_mode="stretch_width", visible=False, margin=(10, 10))
        self._cancel = pn.widgets.Button(label="Cancel", color="warning", width=80, visible=False, margin=(0, 10))
        self._cancel.on_click(lambda _: self.cancel())
        self._message, self._trouble = note(), note(error=True)
        self._work: Background[Any] | None = None
        self._layout = pn.Column(pn.Row(self._bar, self._cancel, margin=0), self._message, self._trouble, margin=0)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def start(self, work: Callable[[Progress], Answer], done: Callable[[Answer], Any]) -> None:
        """Do the work, then call `done` with its answer; nothing happens while other work is under way."""
        if self.busy:
            return

        def finished(answer: Answer) -> None:
            self._rest()
            try:
                done(answer)
            except Exception as error:  # noqa: BLE001 what cannot be shown is said too
                self._failed(error)

        self.busy = self._bar.visible = self._cancel.visible = True
        self._bar.value = 0
        self.say("")
        self._work = Background(work, done=finished, failed=self._failed, progress=self._show)

    def cancel(self) -> None:
        """Ask the work to stop at its next step."""
        if self._work is not None and self.busy:
            self._work.cancel()
            self.say("cancelling …")

    def wait(self, seconds: float = 60) -> None:
        """Wait for the work, in a script."""
        if self._work is not None:
            self._work.wait(seconds)

    def say(self, text: str, *, error: bool = False) -> None:
        """Show a message, or what went wrong."""
        self._message.value, self._trouble.value = ("", escape(text)) if error else (escape(text), "")

    def _show(self, step: str, fraction: float) -> None:
        if self.busy:
            self._bar.value = round(100 * min(max(fraction, 0.0), 1.0))
            self._message.value = escape(step)

    def _rest(self) -> None:
        self.busy = self._bar.visible = self._cancel.visible = False
        self.say("")

    def _failed(self, error: Exception) -> None:
        self._rest()
        if isinstance(error, Cancelled):
            self.say("cancelled")
        else:
            reason = error.args[0] if isinstance(error, KeyError) and error.args else error
            self.say(f"{type(error).__name__}: {reason}", error=True)
