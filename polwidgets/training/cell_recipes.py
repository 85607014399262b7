"""Labelled unit cells to train on: of drawn specimens, or of the matched one."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.crystal.base import Crystal, crystals
from polwidgets.directions import ANGLES_DEG
from polwidgets.match.conditions import Conditions
from polwidgets.match.library import Library, Variant
from polwidgets.match.sliding_cell import window_size
from polwidgets.match.specimen import SpecimenFit
from polwidgets.progress import Progress, silent
from polwidgets.simulate.patterns import frequencies
from polwidgets.training.cells import K_STEP, ORDER, REACH, cell_pixels
from polwidgets.training.specimens import K_LIMIT, MESH, Ranges, draw_specimens

LENGTHS: Final = (0.75, 1.0, 1.3)  # of matched displacements, in the crystal's own
THICKNESS_ERROR_A: Final = 2.0  # a match's, at least: random occupancy is beyond what its own error knows
TILT_ERROR_mrad: Final = 0.08
SOURCE_ERROR_A: Final = 0.02
DRAWS: Final = 6  # of every matched cell an epoch: there are few, and each is drawn anew
PATTERNS: Final = (80.0, 260.0)  # in a cell of a usual scan


def randomised_cells(
    crystal: str | Crystal = "knn",
    *,
    specimens: int = 50,
    conditions: int = 40,
    ranges: Ranges | None = None,
    voltage_kV: float = 200.0,
    semiangle_mrad: float = 24.0,
    seed: int,
    progress: Progress = silent,
) -> xr.Dataset:
    """Cells of drawn specimens in all eight directions, noise-free and of a point source.

    Noise, source, background, origin and walls are drawn when a network is trained (see `polwidgets.models.cell_net`).

    Parameters
    ----------
    specimens : int
        Crystals that are drawn.
    conditions : int
        Thicknesses, mistilts and detectors that are drawn for each.

    Returns
    -------
    Dataset on (cell, direction, term, pixel)
        ``series``: electrons a (1/angstrom)^2 for one in the beam; coords ``thickness_A``, ``tilt_y_mrad``,
        ``tilt_x_mrad`` and ``specimen`` of every cell; attrs say from where source (angstrom), dose (electrons a pattern),
        background (share of the beam) and patterns in a cell are drawn in training. For terms and pixels see `polwidgets.training.cells`.
    """
    part = crystals.build(crystal) if isinstance(crystal, str) else crystal
    drawn_from = ranges or Ranges()
    series = np.empty((specimens * conditions, *_cell_shape(part)), np.float16)
    drawn: list[Conditions] = []
    for specimen in draw_specimens(
        part, drawn_from, specimens=specimens, conditions=conditions, voltage_kV=voltage_kV, semiangle_mrad=semiangle_mrad,
        k_outgoing=REACH, seed=seed,
    ):  # fmt: skip
        for each in specimen.conditions:
            series[len(drawn)] = _cell(specimen.library, specimen.displacement_A, each)
            drawn.append(each)
        progress("simulate drawn specimens", (specimen.number + 1) / specimens)
    owner = np.repeat(np.arange(specimens), conditions)
    optics = {"voltage_kV": voltage_kV, "semiangle_mrad": semiangle_mrad}
    about: dict[str, float | str] = {"recipe": "randomised", **optics, "seed": seed, "draws": 1}
    return _labelled(series, drawn, owner, part, drawn_from, PATTERNS, about)


def matched_cells(
    specimen: SpecimenFit, cube: xr.DataArray, *, conditions: int = 24, seed: int, progress: Progress = silent
) -> xr.Dataset:
    """Cells of a matched specimen in all eight directions, with what its match leaves open drawn for each.

    Parameters
    ----------
    cube : DataArray
        For its scan step: how many patterns a cell has.
    conditions : int
        How often the match's errors are drawn.

    Returns
    -------
    Dataset on (cell, direction, term, pixel)
        As `randomised_cells` gives it, with displacements of three lengths; every draw counts as a specimen.
    """
    found = specimen.conditions
    depth = specimen.crystal.cell_A[2]
    library = Library(
        specimen.crystal, voltage_kV=specimen.voltage_kV, semiangle_mrad=specimen.semiangle_mrad,
        thicknesses_A=found.thickness_A + depth * np.array([-1, 0, 1]), k_outgoing=REACH, mesh=MESH, k_limit=K_LIMIT,
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    up, right = found.crystal_tilt_mrad
    if specimen.unit_cell is None:
        raise ValueError("the specimen was matched to a lone pattern, which has no lattice; use pw.match(cube)")
    patterns = float(np.prod(window_size(cube, specimen.unit_cell)))
    dose = specimen.dose / specimen.gain
    ranges = dataclasses.replace(
        Ranges(), source_A=(max(found.source_A - SOURCE_ERROR_A, 0.0), found.source_A + SOURCE_ERROR_A), dose=(dose / 2, 2 * dose)
    )
    own = float(specimen.crystal.displacement_A)  # type: ignore[attr-defined]
    series = np.empty((conditions, *_cell_shape(specimen.crystal)), np.float16)
    drawn = []
    for index in range(conditions):
        each = Conditions(
            thickness_A=found.thickness_A + rng.normal(0, max(THICKNESS_ERROR_A, specimen.errors.get("thickness_A", 0.0))),
            tilt_y_mrad=up + rng.normal(0, TILT_ERROR_mrad),
            tilt_x_mrad=right + rng.normal(0, TILT_ERROR_mrad),
            blur=found.blur,
            center_y=rng.normal(0, ranges.center_error / 2),
            center_x=rng.normal(0, ranges.center_error / 2),
            rotation_deg=rng.normal(0, ranges.rotation_error_deg / 2),
        )
        series[index] = _cell(library, own * LENGTHS[index % len(LENGTHS)], each)
        drawn.append(each)
        progress("simulate the matched specimen", (index + 1) / conditions)
    optics = {"voltage_kV": specimen.voltage_kV, "semiangle_mrad": specimen.semiangle_mrad}
    about: dict[str, float | str] = {"recipe": "matched", **optics, "seed": seed, "draws": DRAWS}
    return _labelled(series, drawn, np.arange(conditions), specimen.crystal, ranges, (0.9 * patterns, 1.1 * patterns), about)


def _cell(library: Library, displacement_A: float, conditions: Conditions) -> NDArray[np.float64]:
    """One cell in all directions, (direction, term, pixel)."""
    # the network's pixels average over their own width; the source is drawn in training
    point = dataclasses.replace(conditions, source_A=0.0, blur=float(np.hypot(conditions.blur, K_STEP / 12**0.5)))
    return np.stack([library.expected(Variant(displacement_A, angle), point, cell_pixels(), order=ORDER) for angle in ANGLES_DEG])


def _cell_shape(crystal: Crystal) -> tuple[int, int, int]:
    if not getattr(crystal, "displacement_A", 0):
        raise ValueError(f"{type(crystal).__name__} has no polar displacement, so its cells have no direction; give a polar crystal")
    if not np.isclose(*crystal.cell_A[:2]):
        raise ValueError(f"the cells of {type(crystal).__name__} are not square; cell_net knows square ones only")
    return len(ANGLES_DEG), 2 * len(frequencies(ORDER)) - 1, len(cell_pixels())


def _labelled(
    series: NDArray[np.float16],
    conditions: list[Conditions],
    specimen: NDArray[np.int64],
    crystal: Crystal,
    ranges: Ranges,
    patterns: tuple[float, float],
    attrs: dict[str, float | str],
) -> xr.Dataset:
    coords = {name: ("cell", [getattr(each, name) for each in conditions]) for name in ("thickness_A", "tilt_y_mrad", "tilt_x_mrad")}
    drawn_later = {
        "source_low_A": ranges.source_A[0], "source_high_A": ranges.source_A[1],
        "dose_low": ranges.dose[0], "dose_high": ranges.dose[1], "background": ranges.background,
        "patterns_low": patterns[0], "patterns_high": patterns[1],
    }  # fmt: skip
    return xr.Dataset(
        {"series": (("cell", "direction", "term", "pixel"), series)},
        coords={**coords, "specimen": ("cell", specimen), "direction_deg": ("direction", list(ANGLES_DEG))},
        attrs={**attrs, "crystal": crystals.name_of(crystal), "cell_A": float(crystal.cell_A[0]), **drawn_later},
    )
