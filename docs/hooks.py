"""The API page lists what `polwidgets` exports, by module: nothing to keep up to date."""

from __future__ import annotations

import importlib
from itertools import groupby
from typing import Any

import polwidgets as pw


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Append the public names to the API page."""
    if page.file.src_uri != "api.md":
        return markdown
    modules = pw._PUBLIC  # noqa: SLF001, the table that makes them public
    sections = []
    for module, names in groupby(sorted(modules, key=modules.__getitem__), modules.__getitem__):
        summary = str(importlib.import_module(module).__doc__).splitlines()[0]
        sections.append("\n\n".join([f"## {module}", summary, *(f"::: {module}.{name}" for name in names)]))
    return "\n\n".join([markdown, *sections])
