"""Floor 2: what detector and experiment do to patterns."""

from __future__ import annotations

import importlib
import inspect
import sys
from types import ModuleType
from typing import Any


class _Perturb(ModuleType):
    """The package answers when it is called: importing it binds `pw.perturb`, which users know as the function."""

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return importlib.import_module("polwidgets.perturb.apply").perturb(*args, **keywords)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(importlib.import_module("polwidgets.perturb.apply").perturb)


sys.modules[__name__].__class__ = _Perturb
