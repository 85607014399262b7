"""Labelled patterns of many drawn specimens: domain randomisation."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.crystal.base import Crystal, crystals
from polwidgets.directions import ANGLES_DEG
from polwidgets.match.library import Variant
from polwidgets.progress import Progress, silent
from polwidgets.simulate.detector import pixel_grid
from polwidgets.simulate.patterns import basis
from polwidgets.training.labelled import labelled_patterns, with_symmetries
from polwidgets.training.specimens import Ranges, draw_specimens

ORDER: Final = 5
HALO_WIDTH: Final = 0.9  # of the diffuse background, 1/angstrom


def randomised_patterns(
    crystal: str | Crystal = "knn",
    *,
    specimens: int = 40,
    conditions: int = 25,
    positions: int = 2,
    symmetries: bool = False,
    ranges: Ranges | None = None,
    pixels: int = 32,
    k_max: float = 2.0,
    voltage_kV: float = 200.0,
    semiangle_mrad: float = 24.0,
    seed: int,
    progress: Progress = silent,
) -> xr.Dataset:
    """Noise-free patterns of the eight directions from drawn specimens, microscopes and probe positions.

    Parameters
    ----------
    specimens : int
        Crystals that are drawn; nearly all of the time goes into them.
    conditions : int
        Thicknesses, mistilts and detectors that are drawn for each.
    positions : int
        Probe positions that are drawn for every direction of each of these.
    symmetries : bool
        Add the quarter turns and mirror images of all: eight times the patterns, for nothing.
    ranges : Ranges, optional
    pixels, k_max : int, float
        Of the detector: pixels along a side, and half-width in 1/angstrom.

    Returns
    -------
    Dataset on (sample, ky, kx)
        See `polwidgets.training.labelled`; ``intensity`` in expected electrons, at the dose that was drawn. Samples of
        one ``specimen`` share the crystal; split by it.
    """
    part = crystals.build(crystal) if isinstance(crystal, str) else crystal
    drawn_from = ranges or Ranges()
    axis = k_max * ((2 * np.arange(pixels) + 1) / pixels - 1)
    k = pixel_grid(axis, axis)
    area = (2 * k_max / pixels) ** 2
    count = specimens * conditions * len(ANGLES_DEG) * positions
    patterns = np.empty((count, len(k)), np.float32)
    phase = np.random.default_rng([seed, specimens]).random((count, 2))
    terms = basis(phase, ORDER).astype(np.float32)
    thickness, owner = np.empty(count), np.empty(count, np.int64)
    start = 0
    for specimen in draw_specimens(
        part, drawn_from, specimens=specimens, conditions=conditions, voltage_kV=voltage_kV, semiangle_mrad=semiangle_mrad,
        k_outgoing=k_max, seed=seed,
    ):  # fmt: skip
        rng = np.random.default_rng([seed, specimen.number, 1])
        for drawn in specimen.conditions:
            # a pixel averages over its own width
            each = dataclasses.replace(drawn, blur=float(np.hypot(drawn.blur, 2 * k_max / pixels / 12**0.5)))
            dose = np.exp(rng.uniform(*np.log(drawn_from.dose)))
            diffuse = drawn_from.background * rng.random() * _background(k, rng.random())
            for angle in ANGLES_DEG:
                block = slice(start, start + positions)
                expected = specimen.library.expected(Variant(specimen.displacement_A, angle), each, k, order=ORDER) * area
                expected[0] += diffuse
                patterns[block] = (dose * (terms[block] @ expected.astype(np.float32))).clip(min=0)
                thickness[block], owner[block] = each.thickness_A, specimen.number
                start += positions
        progress("simulate drawn specimens", (specimen.number + 1) / specimens)
    labelled = labelled_patterns(
        patterns.reshape(count, pixels, pixels),
        ky=axis,
        kx=axis,
        direction_deg=np.tile(np.repeat(ANGLES_DEG, positions), specimens * conditions),
        thickness_A=thickness,
        specimen=owner,
        phase=phase,
        attrs={"recipe": "randomised", "voltage_kV": voltage_kV, "semiangle_mrad": semiangle_mrad, "seed": seed},
    )
    return with_symmetries(labelled) if symmetries else labelled


def _background(k: NDArray[np.float64], flat: float) -> NDArray[np.float64]:
    """Shares (pixel,) of a background that is flat in part and a halo for the rest."""
    halo = np.exp(-0.5 * (k**2).sum(1) / HALO_WIDTH**2)
    return np.asarray(flat / len(k) + (1 - flat) * halo / halo.sum())
