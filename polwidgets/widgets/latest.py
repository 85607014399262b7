"""Work that follows a slider: what is asked meanwhile replaces what is under way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from polwidgets.progress import Progress
from polwidgets.widgets.background import Cancelled
from polwidgets.widgets.worker import Worker

Wish = TypeVar("Wish")
Answer = TypeVar("Answer")


class _Superseded(Exception):
    """Raised inside the work when something newer is asked."""


class Latest(Generic[Wish, Answer]):
    """The newest wish is worked on; older ones are given up.

    Parameters
    ----------
    worker : Worker
        Shows progress, cancel, and what went wrong.
    work : callable
        From a wish and a `Progress` to the answer; called in a thread.
    done : callable
        Gets the answer to the newest wish, where widgets may be touched.
    """

    def __init__(self, worker: Worker, work: Callable[[Wish, Progress], Answer], done: Callable[[Answer], Any]) -> None:
        self._worker, self._work, self._done = worker, work, done
        self._wish: Any = None

    def ask(self, wish: Wish) -> None:
        """Wish something else."""
        self._wish = wish
        # while work is under way this does nothing: that work finds the new wish by itself
        self._worker.start(self._follow, self._finished)

    def _follow(self, progress: Progress) -> tuple[Wish, Answer]:
        while True:
            wish = self._wish

            def tell(step: str, fraction: float, wish: Wish = wish) -> None:
                progress(step, fraction)
                if self._wish is not wish:
                    raise _Superseded

            try:
                answer = self._work(wish, tell)
            except Cancelled:
                raise
            except Exception:
                if self._wish is wish:  # what went wrong with an older one is nobody's business
                    raise
            else:
                if self._wish is wish:
                    return wish, answer

    def _finished(self, answered: tuple[Wish, Answer]) -> None:
        wish, answer = answered
        if self._wish is wish:
            self._done(answer)
        else:  # asked in the moment between the work's end and now
            self.ask(self._wish)
