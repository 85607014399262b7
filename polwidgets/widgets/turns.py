"""One thing at a time on a page: JupyterLab may hand what happens in different widgets to different threads of the kernel."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_turn = threading.RLock()
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def in_turn(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The function, which waits until nothing else of its kind runs; two threads would mix their messages to the page."""

    @functools.wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        with _turn:
            return function(*args, **kwargs)

    return call
