"""Named parts and their parameters.

A part is a frozen dataclass (a model: a plain dataclass) whose fields are its parameters. Registering it is one
decorator; nothing else lists parts: forms draw their controls from the fields, tables and contract tests run over
whatever is registered. Parts live one a file in the registry's own package, outsiders' parts come by entry point.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import json
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

Part = TypeVar("Part")
Class = TypeVar("Class", bound=type)


def parameter(
    default: Any,
    help: str,
    *,
    min: float | None = None,
    max: float | None = None,
    step: float | None = None,
    unit: str = "",
    choices: Sequence[Any] | None = None,
) -> Any:
    """A dataclass field that a form can draw: its default, what it means, its range and its unit, or its choices."""
    metadata = {"help": help, "min": min, "max": max, "step": step, "unit": unit, "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)


class Registry(Generic[Part]):
    """Parts of one kind by name.

    Parameters
    ----------
    kind : str
        What a part is called in messages, for example ``"crystal"``. Outsiders' entry points are in the group
        ``polwidgets.<kind>``.
    package : str
        The package whose modules hold the parts; imported when a part is first asked for.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._parts: dict[str, type[Part]] = {}
        self._discovered = False

    def register(self, name: str) -> Callable[[Class], Class]:
        """Class decorator: make the dataclass known as `name`."""

        def decorate(part: Class) -> Class:
            if not dataclasses.is_dataclass(part):
                raise TypeError(f"{self.kind} {name!r} must be a dataclass: its fields are its parameters")
            if self._parts.get(name, part).__qualname__ != part.__qualname__:
                raise ValueError(f"two parts register as {self.kind} {name!r}: {self._parts[name]} and {part}")
            self._parts[name] = part  # type: ignore[assignment]
            return part

        return decorate

    def names(self) -> list[str]:
        """Names of every registered part, sorted."""
        self._discover()
        return sorted(self._parts)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __getitem__(self, name: str) -> type[Part]:
        """The part's class; an unknown name says what exists."""
        self._discover()
        if name not in self._parts:
            close = difflib.get_close_matches(name, self._parts, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise KeyError(f"unknown {self.kind} {name!r}{hint} Registered: {', '.join(self.names())}.")
        return self._parts[name]

    def build(self, name: str, **parameters: Any) -> Part:
        """The part with these parameters; a misspelt parameter says which exist."""
        part = self[name]
        known = [field.name for field in dataclasses.fields(part) if field.init]  # type: ignore[arg-type]
        unknown = sorted(set(parameters) - set(known))
        if unknown:
            raise TypeError(f"{self.kind} {name!r} has no parameter {', '.join(unknown)}; check the spelling. It has: {', '.join(known)}.")
        return part(**parameters)

    def name_of(self, part: Part) -> str:
        """The name under which the part's class is registered."""
        self._discover()
        for name, registered in self._parts.items():
            if type(part) is registered:
                return name
        raise KeyError(f"{type(part).__name__} is not a registered {self.kind}")

    def to_json(self, part: Part) -> str:
        """Name and parameters of a part as JSON text; `from_json` is its inverse."""
        fields = dataclasses.fields(part)  # type: ignore[arg-type]
        values = {field.name: getattr(part, field.name) for field in fields if field.init}
        return json.dumps({self.kind: self.name_of(part), **values})

    def from_json(self, text: str) -> Part:
        """The part written by `to_json`."""
        values = json.loads(text)
        return self.build(values.pop(self.kind), **values)

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__, f"{self._package}."):
            importlib.import_module(module.name)
        for point in entry_points(group=f"polwidgets.{self.kind}"):
            point.load()
