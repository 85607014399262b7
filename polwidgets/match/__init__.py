"""Floor 3: find the specimen's thickness, mistilt, source and blur from the data."""

from __future__ import annotations

import importlib
import inspect
import sys
from types import ModuleType
from typing import Any


class _Match(ModuleType):
    """The package answers when it is called: importing it binds `pw.match`, which users know as the function."""

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return importlib.import_module("polwidgets.match.matching").match(*args, **keywords)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(importlib.import_module("polwidgets.match.matching").match)


sys.modules[__name__].__class__ = _Match
