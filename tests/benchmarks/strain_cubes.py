"""Nanobeam scans with known strain, drawn by our own simulator: thickness and mistilt differ at every position."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr

from polwidgets.cube.schema import make_cube
from polwidgets.simulate.bloch import RockingCurves, rocking_curves
from polwidgets.simulate.nanobeam import Nanobeam, nanobeam_patterns, vacuum_probe

if TYPE_CHECKING:
    from ase import Atoms

K_STEP = 0.017
SEMIANGLE_MRAD = 2.0
PIXELS = 160


class DrawnScan(NamedTuple):
    """A cube, its probe, where it is unstrained, and the true e_xx and e_yy (row, column, 2)."""

    cube: xr.DataArray
    probe: xr.DataArray
    reference: np.ndarray
    truth: np.ndarray


def crystals() -> dict[str, tuple[Atoms, tuple[int, int, int]]]:
    """Crystals and zone axes; none of them is in the files that the figures are stated for."""
    from ase.build import bulk
    from ase.spacegroup import crystal

    cell = [3.905, 3.905, 3.905, 90, 90, 90]
    return {
        "Si": (bulk("Si", cubic=True), (1, 1, 0)),
        "Au": (bulk("Au", cubic=True), (1, 0, 0)),
        "SrTiO3": (crystal(["Sr", "Ti", "O"], [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)], spacegroup=221, cellpar=cell), (0, 0, 1)),
    }


def specimens(atoms: Atoms, zone_axis: tuple[int, int, int], *, count: int, tilt_mrad: float, seed: int) -> list[RockingCurves]:
    """Rocking curves of 8 to 45 nm, mistilted by up to so much in both directions."""
    rng = np.random.default_rng(seed)
    return [
        rocking_curves(
            atoms, thicknesses_A=rng.uniform(80, 450, 1), voltage_kV=300.0, semiangle_mrad=SEMIANGLE_MRAD, zone_axis=zone_axis,
            tilt_mrad=(float(rng.uniform(-tilt_mrad, tilt_mrad)), float(rng.uniform(-tilt_mrad, tilt_mrad))), most_beams=100,
        )
        for _ in range(count)
    ]  # fmt: skip


def drawn_scan(curves: list[RockingCurves], *, columns: int, seed: int, largest_strain: float = 0.02, **condition: float) -> DrawnScan:
    """A scan of specimens, row by row; the first third of its rows is unstrained."""
    rng = np.random.default_rng(seed)
    k = (np.arange(PIXELS) - PIXELS // 2) * K_STEP
    rows = len(curves) // columns
    usual = Nanobeam(background=0.1, dose=2e5, center_y=0.4 * K_STEP, center_x=-0.3 * K_STEP)
    base = dataclasses.replace(usual, **condition)
    truth = rng.uniform(-largest_strain, largest_strain, (rows, columns, 2))
    reference = np.zeros((rows, columns), bool)
    reference[: max(1, rows // 3)] = True
    truth[reference] = 0
    patterns = np.empty((rows, columns, PIXELS, PIXELS), np.float32)
    for curve, place in zip(curves, np.ndindex(rows, columns), strict=True):
        each = dataclasses.replace(base, e_xx=float(truth[place][0]), e_yy=float(truth[place][1]))
        patterns[place] = nanobeam_patterns(curve, [each], ky=k, kx=k, seed=int(rng.integers(2**31)))["intensity"][0]
    cube = make_cube(patterns, scan_step_A=20.0, k_step=K_STEP, voltage_kV=300.0, semiangle_mrad=SEMIANGLE_MRAD)
    vacuum = dataclasses.replace(base, dose=1e6, background=0.0)
    probe = vacuum_probe(voltage_kV=300.0, semiangle_mrad=SEMIANGLE_MRAD, ky=k, kx=k, seed=seed, condition=vacuum)
    return DrawnScan(cube, probe, reference, truth)
