"""A match as part of a session: numbers as JSON says them, and its patterns as text."""

from __future__ import annotations

import base64
import dataclasses
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

if TYPE_CHECKING:
    from polwidgets.match.specimen import SpecimenFit

NUMBERS: Final = ("voltage_kV", "semiangle_mrad", "score", "misfit", "gain", "dose", "scan_rotation_deg")
PATTERNS: Final = ("measured", "model")


def match_values(specimen: SpecimenFit) -> dict[str, Any]:
    """Everything that a match knows, ready for JSON; `match_from` is the inverse."""
    from polwidgets.crystal.base import crystals

    return {
        "crystal": crystals.to_json(specimen.crystal),
        "conditions": dataclasses.asdict(specimen.conditions),
        "errors": {name: float(value) for name, value in specimen.errors.items()},
        **{name: float(getattr(specimen, name)) for name in NUMBERS},
        "background": [float(value) for value in specimen.background],
        "lattice": None if specimen.unit_cell is None else specimen.unit_cell.coefficients.tolist(),
        "good_pixels": None if specimen.good_pixels is None else _text(specimen.good_pixels),
        "patterns": {name: _text(specimen.patterns[name].values) for name in (*PATTERNS, "ky", "kx")},
        "pattern_attrs": {name: dict(specimen.patterns[name].attrs) for name in ("ky", "kx")},
    }


def match_from(values: dict[str, Any]) -> SpecimenFit:
    """The match whose values these are."""
    from polwidgets.crystal.base import crystals
    from polwidgets.cube.unit_cell import UnitCell
    from polwidgets.match.conditions import Conditions
    from polwidgets.match.specimen import SpecimenFit

    arrays = {name: _array(text) for name, text in values["patterns"].items()}
    coords = {dim: (dim, arrays[dim], values["pattern_attrs"][dim]) for dim in ("ky", "kx")}
    return SpecimenFit(
        crystal=crystals.from_json(values["crystal"]),
        conditions=Conditions(**values["conditions"]),
        errors=values["errors"],
        **{name: values[name] for name in NUMBERS},
        background=tuple(values["background"]),
        patterns=xr.Dataset({name: (("ky", "kx"), arrays[name]) for name in PATTERNS}, coords=coords),
        unit_cell=None if values["lattice"] is None else UnitCell(np.array(values["lattice"])),
        good_pixels=None if values["good_pixels"] is None else _array(values["good_pixels"]),
    )


def _text(array: NDArray[Any]) -> dict[str, Any]:
    """An array as its exact bytes, which take a third of what digits would."""
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
    return {"dtype": little.dtype.str, "shape": list(little.shape), "base64": base64.b64encode(little.tobytes()).decode()}


def _array(text: dict[str, Any]) -> NDArray[Any]:
    dtype = np.dtype(str(text["dtype"]))
    if dtype.kind not in "bf":
        raise ValueError(f"an array of a session holds numbers, got {dtype}")
    return np.frombuffer(base64.b64decode(text["base64"]), dtype).reshape(text["shape"])
