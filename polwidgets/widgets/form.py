"""Controls drawn from the fields of a registered part: nothing here knows any part by name."""

from __future__ import annotations

import ast
import dataclasses
from html import escape
from typing import Any, Final, Generic, TypeVar

import panel as pn
import param

from polwidgets.widgets.text import Text

Part = TypeVar("Part")

WIDTH_PX: Final = 270
ERROR_COLOR: Final = "#c62828"


def note(text: str = "", *, error: bool = False) -> Text:
    """A line of text that may change."""
    color = {"color": ERROR_COLOR} if error else {"opacity": "0.8"}
    return Text(value=escape(text), styles={**color, "white-space": "pre-line"}, sizing_mode="stretch_width", margin=(0, 10))


def folded(title: str, *rows: pn.viewable.Viewable | pn.viewable.Viewer) -> pn.Card:
    """A card with rows of a form, drawn when it is first opened: a notebook takes much longer to show a page with twice as much."""
    card = pn.Card(
        title=title,
        collapsed=True,
        width=WIDTH_PX + 30,
        margin=(5, 0),
        header_background="transparent",
        styles={"box-shadow": "none", "border": "1px solid #8884"},
    )

    def opened(event: Any) -> None:
        if not event.new and not len(card):
            card[:] = list(rows)

    card.param.watch(opened, "collapsed")
    return card


class Form(pn.viewable.Viewer, Generic[Part]):
    """The parameters of a part, to be changed by hand.

    Parameters
    ----------
    part : dataclass
        Where the controls start; its fields are made with `polwidgets.registry.parameter`.

    Notes
    -----
    ``form.part`` is always a valid part; watch it with ``form.param.watch(function, "part")``. Values that the part
    refuses leave it as it was, and the reason stands below the control. ``form.rows`` are the controls by their parameter's
    name, for those who lay them out in their own way.
    """

    part = param.Parameter(doc="The part with the parameters that the controls show.")

    def __init__(self, part: Part) -> None:
        super().__init__(part=part)
        # what is the part's own comes before what all parts of its kind have
        own = type(part).__annotations__
        fields = sorted(_parameters(part), key=lambda field: field.name not in own)
        self.controls = {field.name: _control(field, getattr(part, field.name)) for field in fields}
        self.rows = {name: pn.Column(control, margin=0) for name, control in self.controls.items()}
        for name, control in self.controls.items():
            control.param.watch(lambda event, name=name: self._changed(name, event.new), "value")
        self._layout = pn.Column(*self.rows.values(), width=WIDTH_PX, margin=0)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    def set(self, part: Part) -> None:
        """Show the parameters of another part of the same class."""
        with param.parameterized.discard_events(self):
            self.part = part
        for name, control in self.controls.items():
            control.value = _shown(getattr(part, name), control)
        self.param.trigger("part")

    def _changed(self, name: str, value: Any) -> None:
        row = self.rows[name]
        try:
            value = _understood(value, getattr(type(self.part), name, None), self.controls[name])
            if value == getattr(self.part, name):
                return
            changed = dataclasses.replace(self.part, **{name: value})
        except Exception as error:  # noqa: BLE001 whatever the part refuses is shown where the user looks
            row[:] = [self.controls[name], note(str(error), error=True)]
            return
        if len(row) > 1:
            row[:] = [self.controls[name]]
        self.part = changed


def _parameters(part: Any) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(part) if field.init]


def words(name: str, unit: str = "") -> str:
    """A parameter's name as a label: ``tilt_y_mrad`` is "tilt y (mrad)"."""
    for ending in (unit, {"angstrom": "A", "degree": "deg", "1/angstrom^2": "per_A2"}.get(unit, unit)):
        name = name.removesuffix(f"_{ending}") if ending else name
    shown = {"angstrom": "Å", "1/angstrom": "1/Å", "1/angstrom^2": "1/Å²", "degree": "°", "g/cm^3": "g/cm³"}.get(unit, unit)
    return name.replace("_", " ") + (f" ({shown})" if shown and shown != name else "")


def _control(field: dataclasses.Field[Any], value: Any) -> pn.widgets.Widget:
    """The widget that suits a field."""
    about = field.metadata
    common = {
        "label": words(field.name, about.get("unit", "")),
        "width": WIDTH_PX - 20,
        "margin": (3, 10),
        "hooks": [_tooltip(about.get("help", ""))],
    }
    low, high, step = about.get("min"), about.get("max"), about.get("step")
    if about.get("choices") is not None:
        return pn.widgets.Select(options=list(about["choices"]), value=value, **common)
    if isinstance(value, bool):
        return pn.widgets.Checkbox(value=value, **common)
    if isinstance(value, int | float) and low is not None and high is not None:
        whole = isinstance(value, int) and isinstance(field.default, int)
        slider = pn.widgets.EditableIntSlider if whole else pn.widgets.EditableFloatSlider
        limits = {"start": low, "end": high, "fixed_start": low, "fixed_end": high, "step": step or (1 if whole else (high - low) / 100)}
        return slider(value=value, **limits, **common)
    if isinstance(value, int | float):
        number = pn.widgets.IntInput if isinstance(value, int) else pn.widgets.FloatInput
        return number(value=value, start=low, end=high, **({"step": step} if step else {}), **common)
    return pn.widgets.TextInput(value=_as_text(value), **common)


def _tooltip(text: str) -> Any:
    """Hook: what the parameter means, while the pointer rests on its control."""

    def hook(control: Any, root: Any, *_: Any) -> None:
        model, _ = control._models[root.ref["id"]]  # noqa: SLF001 Panel has no public way to the model
        model.html_attributes = {"title": text}

    return hook


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def _shown(value: Any, control: pn.widgets.Widget) -> Any:
    return _as_text(value) if isinstance(control, pn.widgets.TextInput) else value


def _understood(value: Any, default: Any, control: pn.widgets.Widget) -> Any:
    """What a control holds as the part wants it; text stands for itself, or for a literal where the default is none."""
    if isinstance(control, pn.widgets.TextInput) and not isinstance(default, str):
        try:
            return ast.literal_eval(value)
        except (ValueError, SyntaxError) as error:
            raise ValueError(f"{value!r} is no value; write it as in Python, for example {default!r}") from error
    if value is None:
        raise ValueError("a number is needed here")
    return value
