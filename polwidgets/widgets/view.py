"""What views have in common that may be out of sight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
import param


class View(pn.viewable.Viewer):
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
