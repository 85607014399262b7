"""Electron scattering factors of the free atoms, from published tables."""

from __future__ import annotations

import functools
import json
from importlib.resources import files
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Parametrization = Literal["lobato", "kirkland"]


def electron_scattering_factor(element: str, g: ArrayLike, *, parametrization: Parametrization = "lobato") -> NDArray[np.float64]:
    """Elastic scattering factor in the first Born approximation, for electrons at rest mass.

    Parameters
    ----------
    element : str
        Chemical symbol, hydrogen to lawrencium.
    g : array
        Length of the scattering vector, 1/angstrom (g = 1/d = 2 sin(theta) / lambda, no 2 pi).
    parametrization : {"lobato", "kirkland"}
        Lobato & Van Dyck (doi:10.1107/S205327331401643X) or Kirkland (doi:10.1007/978-1-4419-6533-2, appendix C).

    Returns
    -------
    array of the shape of `g`
        Angstrom.

    Raises
    ------
    ValueError
        For an element or a parametrization that is not in the tables.
    """
    tables = _tables()
    if parametrization not in tables:
        raise ValueError(f"unknown parametrization {parametrization!r}, expected one of {', '.join(tables)}")
    elements = tables[parametrization]["elements"]
    if element not in elements:
        raise ValueError(f"no scattering factor for element {element!r}; expected a chemical symbol from H to Lr, such as 'Nb'")
    coefficients = {name: np.array(values) for name, values in elements[element].items()}
    squared = np.asarray(g, float)[..., None] ** 2
    a, b = coefficients["a"], coefficients["b"]
    if parametrization == "lobato":
        terms = a * (2 + b * squared) / (1 + b * squared) ** 2
    else:
        terms = a / (squared + b) + coefficients["c"] * np.exp(-coefficients["d"] * squared)
    return np.asarray(terms.sum(-1))


def symbol_of(number: int) -> str:
    """Chemical symbol of an atomic number, as in the tables."""
    symbols: list[str] = list(_tables()["lobato"]["elements"])
    if not 1 <= number <= len(symbols):
        raise ValueError(f"no scattering factor for atomic number {number}; expected 1 (H) to {len(symbols)} (Lr)")
    return symbols[number - 1]


@functools.cache
def _tables() -> dict[str, Any]:
    text = files("polwidgets.simulate").joinpath("scattering_factors.json").read_text(encoding="utf-8")
    tables: dict[str, Any] = json.loads(text)
    return tables
