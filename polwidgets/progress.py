"""Progress of long work: a callable that is told what is done and how far, and may raise to cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from tqdm.auto import tqdm

Progress: TypeAlias = Callable[[str, float], None]
"""Called with the name of the step and the finished fraction of it, 0 to 1."""
BAR: Final = "{desc}: {percentage:3.0f}% |{bar}| {elapsed}"


def reporter(progress: bool | Progress) -> Progress:
    """A bar for every step where `progress` is true, the caller's own callable where it is one, else silence."""
    if callable(progress):
        return progress
    return _Bars() if progress else silent


def silent(step: str, fraction: float) -> None:
    """Report nothing."""


class _Bars:
    """One bar a step."""

    def __init__(self) -> None:
        self._bar: tqdm[None] | None = None
        self._step = ""

    def __call__(self, step: str, fraction: float) -> None:
        if self._bar is None or step != self._step:
            if self._bar is not None:
                self._bar.close()
            # no bar where nobody watches (None: on a terminal or in a notebook only)
            self._bar, self._step = tqdm(total=100, desc=step, disable=None, bar_format=BAR), step
        self._bar.update(round(100 * fraction) - self._bar.n)
        if fraction >= 1:
            self._bar.close()
            self._bar = None
