"""Recipes: structures and imaging conditions as distributions, in a small file that can be read aloud."""

from __future__ import annotations

import copy
import dataclasses
import difflib
import json
import math
import os
import tomllib
from collections.abc import Collection, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from polwidgets.scenes.base import prefabs
from polwidgets.scenes.distributions import as_distribution
from polwidgets.simulate.imaging import ImagingConditions

Fidelity = Literal["single slice", "multislice", "phonons"]

WAVE: Final = {"voltage_kV": 300.0, "fidelity": "multislice", "slice_thickness_A": 2.0, "configurations": 8}
IMAGE: Final = {"pixels": 256, "pixel_A": 0.3, "points_a_pixel": 2, "conditions_a_scene": 8}
TABLES: Final = ("scene", "wave", "image", "conditions")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a set of labelled images is drawn from.

    Attributes
    ----------
    objects : tuple of str
        Names of the scene's objects that the mask marks, 1 for the first.
    scene : mapping
        The ``prefab``, and what its parameters are drawn from.
    wave : mapping
        ``voltage_kV``, ``fidelity``, ``slice_thickness_A``, ``configurations``.
    image : mapping
        ``pixels`` on a side, ``pixel_A``, ``points_a_pixel`` of the wave's grid, ``conditions_a_scene``.
    conditions : mapping
        What the fields of `ImagingConditions` are drawn from.
    """

    objects: tuple[str, ...]
    scene: Mapping[str, Any]
    wave: Mapping[str, Any]
    image: Mapping[str, Any]
    conditions: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not self.objects or not all(isinstance(name, str) for name in self.objects):
            raise ValueError(f"objects is {self.objects}, expected names of the scene's objects, as ['particle']")
        if "prefab" not in self.scene:
            raise ValueError(f"the table [scene] names no prefab; set prefab = one of {', '.join(prefabs.names())}")
        parameters = [field.name for field in dataclasses.fields(prefabs[self.scene["prefab"]])]  # type: ignore[arg-type]
        _check_keys("scene", self.scene, ["prefab", *parameters])
        _check_keys("wave", self.wave, WAVE)
        _check_keys("image", self.image, IMAGE)
        _check_keys("conditions", self.conditions, [field.name for field in dataclasses.fields(ImagingConditions)])
        for table in TABLES:
            for key, value in getattr(self, table).items():
                try:
                    as_distribution(value)
                except (TypeError, ValueError) as error:
                    raise ValueError(f"{key} in [{table}]: {error}") from error
        known = Fidelity.__args__  # type: ignore[attr-defined]
        if self.wave["fidelity"] not in known:
            raise ValueError(f"fidelity is {self.wave['fidelity']!r}, expected one of {', '.join(map(repr, known))}")
        counts = {"configurations": self.wave["configurations"]} | {key: self.image[key] for key in IMAGE if key != "pixel_A"}
        for key, value in counts.items():
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{key} is {value!r}, expected a whole number of at least 1")

    def draw_wave(self, rng: np.random.Generator) -> dict[str, Any]:
        """Keywords of `exit_wave`, but for its sampling."""
        slice_thickness_A = as_distribution(self.wave["slice_thickness_A"]).draw(rng)
        return {
            "voltage_kV": float(as_distribution(self.wave["voltage_kV"]).draw(rng)),
            "slice_thickness_A": math.inf if self.wave["fidelity"] == "single slice" else float(slice_thickness_A),
            "phonons": self.wave["configurations"] if self.wave["fidelity"] == "phonons" else 0,
        }

    def draw_conditions(self, rng: np.random.Generator, n: int) -> list[ImagingConditions]:
        """So many imaging conditions; the first of them do not depend on their number."""
        drawn = {name: as_distribution(self.conditions[name]) for name in sorted(self.conditions)}
        return [ImagingConditions(**{name: float(source.draw(rng)) for name, source in drawn.items()}) for _ in range(n)]

    def to_json(self) -> str:
        """The recipe as JSON text."""
        return json.dumps(dataclasses.asdict(self))


def recipe_names() -> list[str]:
    """The recipes that come with polwidgets."""
    return sorted(Path(entry.name).stem for entry in _shipped().iterdir() if entry.name.endswith(".toml"))


def read_recipe(recipe: str | os.PathLike[str], changes: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    recipe : str or path
        The name of one that comes with polwidgets (see `recipe_names`), or a TOML file of that form.
    changes : mapping, optional
        Values in place of the file's, by table and key: ``{"wave.fidelity": "phonons", "conditions.defocus_A": [-100, 0]}``.

    Raises
    ------
    FileNotFoundError, ValueError
        No such recipe, a file that is no TOML, or keys and values that a recipe does not have.
    """
    text = _text(recipe)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{recipe} is not TOML: {error}") from error
    for place, value in (changes or {}).items():
        table, _, key = place.rpartition(".")
        if table and not isinstance(tables.setdefault(table, {}), dict):
            raise ValueError(f"{table!r} is no table of the recipe; name a value by table and key, as 'conditions.defocus_A'")
        (tables[table] if table else tables)[key] = copy.deepcopy(value)
    _check_keys("", tables, ("objects", *TABLES))
    for table in TABLES:
        if not isinstance(tables.get(table, {}), dict):
            raise ValueError(f"{table} is {tables[table]!r}, expected a table [{table}]")
    objects = tables.get("objects", ["particle"])
    return Recipe(
        objects=(objects,) if isinstance(objects, str) else tuple(objects),
        scene=tables.get("scene", {}),
        wave={**WAVE, **tables.get("wave", {})},
        image={**IMAGE, **tables.get("image", {})},
        conditions=tables.get("conditions", {}),
    )


def _shipped() -> Any:
    return files("polwidgets").joinpath("data", "recipes")


def _text(recipe: str | os.PathLike[str]) -> str:
    """What the recipe's file says."""
    path = Path(recipe).expanduser()
    if path.is_file():
        return path.read_text(encoding="utf-8")
    name = os.fspath(recipe)
    if name in recipe_names():
        return str(_shipped().joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    raise FileNotFoundError(f"there is no recipe {name!r}; give a TOML file, or one of {', '.join(recipe_names())}")


def _check_keys(table: str, given: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse misspelt keys."""
    where = f"[{table}]" if table else "a recipe"
    for key in sorted(set(given) - set(known)):
        close = difflib.get_close_matches(key, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"{where} has no {key!r}{hint} It has: {', '.join(known)}.")
