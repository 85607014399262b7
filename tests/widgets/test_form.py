"""Forms of parts that exist nowhere else, so that no part's own choices matter."""

from __future__ import annotations

import dataclasses

import panel as pn
import pytest

from polwidgets.registry import parameter
from polwidgets.widgets.form import Form, words


@dataclasses.dataclass(frozen=True)
class Part:
    angle_deg: float = parameter(10.0, "turned by", min=0, max=90, step=0.5, unit="degree")
    count: int = parameter(3, "how many", min=1, max=8)
    kind: str = parameter("soft", "which one", choices=("soft", "hard"))
    both: bool = parameter(False, "both sides")
    pair: tuple[int, int] = parameter((1, 2), "two of them")
    free: float = parameter(0.5, "any number above zero")

    def __post_init__(self) -> None:
        if self.free <= 0:
            raise ValueError(f"free must be above zero, got {self.free}")


@pytest.fixture
def form():
    return Form(Part())


def test_every_field_has_a_control_of_its_kind(form):
    kinds = {name: type(control) for name, control in form.controls.items()}
    assert kinds == {
        "angle_deg": pn.widgets.EditableFloatSlider,
        "count": pn.widgets.EditableIntSlider,
        "kind": pn.widgets.Select,
        "both": pn.widgets.Checkbox,
        "pair": pn.widgets.TextInput,
        "free": pn.widgets.FloatInput,
    }
    assert form.controls["angle_deg"].label == "angle (°)"
    assert (form.controls["angle_deg"].start, form.controls["angle_deg"].end, form.controls["angle_deg"].step) == (0, 90, 0.5)


def test_a_change_makes_a_new_part(form):
    seen = []
    form.param.watch(lambda event: seen.append(event.new), "part")
    form.controls["angle_deg"].value = 42.5
    form.controls["kind"].value = "hard"
    form.controls["pair"].value = "(3, 4)"
    assert seen[-1] == Part(angle_deg=42.5, kind="hard", pair=(3, 4))
    assert len(seen) == 3


def test_what_the_part_refuses_is_said_below_the_control_and_changes_nothing(form):
    form.controls["free"].value = -1.0
    assert form.part == Part()
    assert "free must be above zero, got -1" in form.rows["free"][1].value
    form.controls["pair"].value = "__import__('os')"
    assert "is no value" in form.rows["pair"][1].value
    form.controls["free"].value = 2.0
    assert form.part.free == 2.0
    assert len(form.rows["free"]) == 1


def test_another_part_can_be_shown(form):
    seen = []
    form.param.watch(lambda event: seen.append(event.new), "part")
    form.set(Part(count=7, both=True, pair=(9, 9)))
    assert form.controls["count"].value == 7
    assert form.controls["pair"].value == "(9, 9)"
    assert seen == [Part(count=7, both=True, pair=(9, 9))]


@pytest.mark.parametrize(
    ("name", "unit", "label"),
    [
        ("tilt_y_mrad", "mrad", "tilt y (mrad)"),
        ("source_A", "angstrom", "source (Å)"),
        ("order", "", "order"),
        ("blur", "1/angstrom", "blur (1/Å)"),
    ],
)
def test_labels_are_words(name, unit, label):
    assert words(name, unit) == label
