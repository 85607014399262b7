"""Verdicts on students' answers, and errors that help, in a real IPython."""

from __future__ import annotations

import math

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from polwidgets.teaching import check, choose, missing_package, unknown_name
from polwidgets.widgets.map_style import load_extensions


@pytest.mark.parametrize(
    ("answer", "right", "said"),
    [
        (..., None, "replace the ... by a number in nm"),
        (22, True, "Right: 22 nm"),
        ("21.5", True, "Right"),
        (19.0, False, "too small. Look at the misfit."),
        (30, False, "too large"),
        (221, False, "nm and Å? Look"),
        (-22, False, "wrong sign"),
        ("thick", False, "a number in nm is wanted"),
        (None, False, "cannot be judged"),
        (math.nan, False, "cannot be judged"),
    ],
)
def test_numbers_are_judged(answer: object, right: bool | None, said: str) -> None:
    verdict = check(answer, 22.1, within=1.0, unit="nm", hint="Look at the misfit.")
    assert verdict.right is right
    assert said in str(verdict)


def test_directions_go_round() -> None:
    assert check(-10, 350.0, within=1, period=360).right
    assert not check(170, 350.0, within=1, period=360).right


def test_choices_are_judged() -> None:
    options = ("up", "down")
    assert choose("up", "up", options=options).right
    assert choose("down", "up", options=options, hint="Mind the rows.").text.endswith("Mind the rows.")
    assert "one of 'up', 'down'" in choose("left", "up", options=options).text
    assert choose(..., "up", options=options).right is None


def test_what_a_student_wrote_is_no_markup() -> None:
    assert "<b>" not in check("<b>", 1.0, within=1)._repr_html_()


@pytest.fixture
def shell() -> InteractiveShell:
    load_extensions()  # before there is a shell: Panel would look for this one later, when it is gone
    shell = InteractiveShell()
    shell.run_cell("%load_ext polwidgets.teaching")
    return shell


def test_a_cell_out_of_order_gets_a_sentence(shell: InteractiveShell) -> None:
    shell.run_cell("scan_of_mine = 1")
    with capture_output() as said:
        result = shell.run_cell("scan_of_mime + 1")
    assert not result.success, "what follows must not run"
    text = str(said.outputs[0].data) if said.outputs else said.stdout
    assert "run the cells above this one first" in text
    assert "Did you mean" in text
    assert "Traceback" not in said.stdout + said.stderr


def test_other_errors_keep_their_traceback(shell: InteractiveShell) -> None:
    with capture_output() as said:
        shell.run_cell("1 / 0")
    assert "ZeroDivisionError" in said.stdout + said.stderr


def test_a_missing_package_is_named_with_its_install_line() -> None:
    assert "polwidgets[sim]" in missing_package(ModuleNotFoundError("no", name="abtem.core"))
    assert "%pip install nowhere" in missing_package(ModuleNotFoundError("no", name="nowhere"))


def test_a_name_without_neighbours() -> None:
    assert unknown_name(NameError("no", name="zzz"), {"a": 1}).endswith("Selected Cell).")
