"""Named parts: registering, finding, building, writing."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from polwidgets.registry import Registry

PART = """
import dataclasses
from bakery import breads
from polwidgets.registry import parameter

@breads.register("rye")
@dataclasses.dataclass(frozen=True)
class Rye:
    minutes: float = parameter(50.0, "in the oven", min=10, max=90, step=5, unit="min")
    crust: str = "dark"
"""


@pytest.fixture
def breads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry[object]:
    """A registry whose package holds one part in one file."""
    package = tmp_path / "bakery"
    package.mkdir()
    (package / "__init__.py").write_text("from polwidgets.registry import Registry\nbreads = Registry('bread', 'bakery')\n")
    (package / "rye.py").write_text(PART)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("bakery", "bakery.rye", "outside_bakery"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import bakery  # type: ignore[import-not-found]

    return bakery.breads  # type: ignore[no-any-return]


def test_a_part_is_found_by_being_in_the_package(breads: Registry[object]) -> None:
    assert breads.names() == list(breads) == ["rye"]
    assert breads["rye"].__name__ == "Rye"


def test_parameters_carry_what_a_form_needs(breads: Registry[object]) -> None:
    field = dataclasses.fields(breads["rye"])[0]  # type: ignore[arg-type]
    assert field.default == 50.0
    assert dict(field.metadata) == {"help": "in the oven", "min": 10, "max": 90, "step": 5, "unit": "min", "choices": None}


def test_unknown_names_say_what_exists(breads: Registry[object]) -> None:
    with pytest.raises(KeyError, match=r"unknown bread 'ry'; did you mean 'rye'\?.*Registered: rye"):
        breads["ry"]
    with pytest.raises(TypeError, match=r"no parameter minute; check the spelling.*It has: minutes, crust"):
        breads.build("rye", minute=3)


def test_parts_survive_json(breads: Registry[object]) -> None:
    part = breads.build("rye", minutes=35.5)
    assert breads.from_json(breads.to_json(part)) == part
    assert breads.name_of(part) == "rye"


def test_strangers_have_no_name(breads: Registry[object]) -> None:
    with pytest.raises(KeyError, match="int is not a registered bread"):
        breads.name_of(3)


def test_only_dataclasses_and_only_one_of_a_name(breads: Registry[object]) -> None:
    with pytest.raises(TypeError, match="must be a dataclass"):
        breads.register("wheat")(type("Wheat", (), {}))
    breads.names()
    with pytest.raises(ValueError, match="two parts register as bread 'rye'"):
        breads.register("rye")(dataclasses.make_dataclass("Other", []))


def test_outsiders_come_by_entry_point(breads: Registry[object], tmp_path: Path) -> None:
    (tmp_path / "outside_bakery.py").write_text(PART.replace("rye", "spelt").replace("Rye", "Spelt"))
    installed = tmp_path / "outside_bakery-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-bakery\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[polwidgets.bread]\nspelt = outside_bakery\n")
    assert breads.names() == ["rye", "spelt"]
