"""Specimens drawn at random, so that what learns from them fits no one specimen (domain randomisation)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from polwidgets.crystal.base import Crystal, displaced
from polwidgets.match.conditions import Conditions
from polwidgets.match.library import Library

DEBYE_WALLER: Final = (0.7, 1.35)  # factors on the crystal's own
A_SITE_SHARE: Final = (0.6, 1.35)
MESH: Final = 4
K_LIMIT: Final = 2.7

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Ranges:
    """From where specimens and microscopes are drawn; all evenly, doses evenly in their logarithm.

    Attributes
    ----------
    thickness_A, displacement_A, source_A : (low, high)
        Angstrom.
    blur : (low, high)
        Standard deviation of the detector's blur, 1/angstrom.
    tilt_mrad : float
        Largest mistilt.
    dose : (low, high)
        Electrons a pattern.
    background : float
        Largest share of the beam that comes as a diffuse background.
    center_error, rotation_error_deg : float
        Standard deviation of what a match leaves of the pattern's centre (1/angstrom) and of its rotation.
    """

    thickness_A: Range = (45.0, 610.0)
    displacement_A: Range = (0.10, 0.20)
    source_A: Range = (0.15, 0.5)
    blur: Range = (0.012, 0.065)
    tilt_mrad: float = 4.5
    dose: Range = (250.0, 6000.0)
    background: float = 0.15
    center_error: float = 0.004
    rotation_error_deg: float = 0.2


@dataclasses.dataclass(frozen=True)
class Specimen:
    """A crystal that was drawn, and the conditions under which it is looked at.

    ``library`` gives its patterns; a thickness costs little more in it, and a mistilt nothing.
    """

    number: int
    library: Library
    displacement_A: float
    conditions: tuple[Conditions, ...]


def draw_specimens(
    crystal: Crystal,
    ranges: Ranges,
    *,
    specimens: int,
    conditions: int,
    voltage_kV: float,
    semiangle_mrad: float,
    k_outgoing: float,
    seed: int,
) -> Iterator[Specimen]:
    """Specimens one after the other, each with so many thicknesses, mistilts and detectors.

    Displacement, Debye-Waller factors and the A site's movement are the specimen's. A specimen of a number is the same
    however many are drawn.

    Parameters
    ----------
    crystal : Crystal
        With a polar displacement.
    k_outgoing : float
        Half-width of the patterns, 1/angstrom.
    """
    for number in range(specimens):
        rng = np.random.default_rng([seed, number])
        own = _varied(crystal, rng, ranges)
        depth = crystal.cell_A[2]
        thickness = np.maximum(np.round(rng.uniform(*ranges.thickness_A, conditions) / depth), 1) * depth
        library = Library(
            own,
            voltage_kV=voltage_kV,
            semiangle_mrad=semiangle_mrad,
            thicknesses_A=thickness,
            k_outgoing=k_outgoing,
            mesh=MESH,
            k_limit=K_LIMIT,
        )
        drawn = tuple(_conditions(rng, ranges, float(value)) for value in thickness)
        yield Specimen(number, library, float(own.displacement_A), drawn)  # type: ignore[attr-defined]


def _varied(crystal: Crystal, rng: np.random.Generator, ranges: Ranges) -> Crystal:
    part = displaced(crystal, displacement_A=rng.uniform(*ranges.displacement_A))
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(part):  # type: ignore[arg-type]
        if field.name.startswith("debye_waller"):
            changes[field.name] = getattr(part, field.name) * rng.uniform(*DEBYE_WALLER)
        elif field.name == "a_site_share":
            changes[field.name] = getattr(part, field.name) * rng.uniform(*A_SITE_SHARE)
    return dataclasses.replace(part, **changes)  # type: ignore[type-var]


def _conditions(rng: np.random.Generator, ranges: Ranges, thickness_A: float) -> Conditions:
    tilt = ranges.tilt_mrad * np.sqrt(rng.random()) * _unit(rng)
    center = rng.normal(0, ranges.center_error, 2)
    return Conditions(
        thickness_A=thickness_A,
        tilt_y_mrad=float(tilt[0]),
        tilt_x_mrad=float(tilt[1]),
        source_A=float(rng.uniform(*ranges.source_A)),
        blur=float(rng.uniform(*ranges.blur)),
        center_y=float(center[0]),
        center_x=float(center[1]),
        rotation_deg=float(rng.normal(0, ranges.rotation_error_deg)),
    )


def _unit(rng: np.random.Generator) -> NDArray[np.float64]:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.sin(angle), np.cos(angle)])
