"""Long work beside the page: in a thread, with progress and cancel, its results handed back where widgets may be touched."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Generic, TypeVar

import panel as pn
from panel.io.document import unlocked

from polwidgets.progress import Progress
from polwidgets.widgets.turns import in_turn

Result = TypeVar("Result")
REPORT_s: Final = 0.1  # the page is told of progress at most this often


class Cancelled(Exception):
    """Raised inside the work when somebody cancels it."""


class Background(Generic[Result]):
    """One piece of long work, started at once.

    Traits may be touched by one thread at a time: one that runs a loop of the kernel, or the server's. So `done`, `failed` and
    `progress` are called from that loop; where there is none, as in a script, from the work's thread.

    Parameters
    ----------
    work : callable
        Called in a thread with a `Progress`, which raises `Cancelled` there once `cancel` was called.
    done : callable
        Gets what the work returns.
    failed : callable
        Gets the exception that ended it; `Cancelled` too.
    progress : callable, optional
        Gets step and fraction.
    """

    def __init__(
        self,
        work: Callable[[Progress], Result],
        *,
        done: Callable[[Result], None],
        failed: Callable[[Exception], None],
        progress: Progress | None = None,
    ) -> None:
        self._work, self._done, self._failed, self._progress = work, done, failed, progress
        self._on_page = page_caller()
        self._cancelled = threading.Event()
        self._reported = ("", 0.0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it still works."""
        return self._thread.is_alive()

    def cancel(self) -> None:
        """Ask the work to end; it does when it next reports progress."""
        self._cancelled.set()

    def wait(self, seconds: float | None = None) -> None:
        """Block until the thread has ended: for scripts and tests."""
        self._thread.join(seconds)

    def _run(self) -> None:
        try:
            result = self._work(self._report)
            if self._cancelled.is_set():
                raise Cancelled
        except Exception as error:  # noqa: BLE001 whatever fails is shown in the widget, where the user looks
            self._on_page(self._failed, error)
        else:
            self._on_page(self._done, result)

    def _report(self, step: str, fraction: float) -> None:
        if self._cancelled.is_set():
            raise Cancelled
        name, when = self._reported
        now = time.monotonic()
        if self._progress is not None and (step != name or now - when > REPORT_s):
            self._reported = (step, now)
            self._on_page(self._progress, step, fraction)


def page_caller() -> Callable[..., Any]:
    """A function that calls another from the loop that runs here now; directly where there is none.

    Under a server the other is called with the page's document locked, as whatever changes a plot needs it.
    """
    document = pn.state.curdoc
    if document is not None and document.session_context is not None:

        def in_order(function: Callable[..., Any], *arguments: Any) -> None:
            # Panel may still have figures to send; what Bokeh says of them must not overtake them
            with unlocked():
                function(*arguments)

        return lambda function, *arguments: document.add_next_tick_callback(partial(in_order, function, *arguments))
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return lambda function, *arguments: in_turn(function)(*arguments)
    return lambda function, *arguments: loop.call_soon_threadsafe(in_turn(function), *arguments)
