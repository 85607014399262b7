"""Text that changes while the rest of the page stays as it is."""

from __future__ import annotations

from html import escape
from typing import Any, ClassVar

import panel as pn
from panel.models.markup import HTML


class Text(pn.widgets.StaticText):
    """Markup. Bokeh's own `Div` has the whole page laid out and painted anew when its text changes, a pane fetches its style sheets."""

    _widget_type: ClassVar = HTML

    def _process_param_change(self, params: dict[str, Any]) -> dict[str, Any]:
        properties: dict[str, Any] = super()._process_param_change(params)
        if "text" in properties:
            properties |= {"text": escape(properties["text"]), "run_scripts": False}  # the model decodes it once
        return properties


def status_text(width: int, height: int) -> HTML:
    """Lines of text, without markup, that screen readers read out when they change; as Bokeh's model."""
    look: dict[str, Any] = {"width": width, "height": height, "styles": {"white-space": "pre-line"}, "run_scripts": False}
    return HTML(**look, html_attributes={"role": "status", "aria-live": "polite"})
