"""Nanobeam scans with known strain, drawn by our own simulator: thickness and mistilt differ at every position."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from polwidgets.cube.schema import make_cube
from polwidgets.simulate.bloch import rocking_curves
from polwidgets.simulate.nanobeam import Nanobeam, nanobeam_patterns, vacuum_probe

if TYPE_CHECKING:
    from ase import Atoms

K_STEP = 0.017
SEMIANGLE_MRAD = 2.0


def crystals() -> dict[str, tuple[Atoms, tuple[int, int, int]]]:
    """Crystals and zone axes; none of them is in the files that the figures are stated for."""
    from ase.build import bulk
    from ase.spacegroup import crystal

    strontium_titanate = crystal(["Sr", "Ti", "O"], [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)], spacegroup=221, cellpar=[3.905] * 3 + [90] * 3)
    return {
        "Si": (bulk("Si", cubic=True), (1, 1, 0)),
        "Au": (bulk("Au", cubic=True), (1, 0, 0)),
        "SrTiO3": (strontium_titanate, (0, 0, 1)),
    }


def drawn_scan(
    atoms: Atoms,
    zone_axis: tuple[int, int, int],
    *,
    seed: int,
    scan_shape: tuple[int, int] = (6, 6),
    pixels: int = 160,
    tilt_mrad: float = 6.0,
    thickness_A: tuple[float, float] = (80.0, 450.0),
    largest_strain: float = 0.02,
    **condition: float,
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray, np.ndarray]:
    """Cube, probe, reference mask (the first two rows are unstrained) and the true e_xx, e_yy (rows, columns, 2)."""
    rng = np.random.default_rng(seed)
    k = (np.arange(pixels) - pixels // 2) * K_STEP
    base = dataclasses.replace(Nanobeam(background=0.1, dose=2e5, center_y=0.4 * K_STEP, center_x=-0.3 * K_STEP), **condition)
    truth = rng.uniform(-largest_strain, largest_strain, (*scan_shape, 2))
    truth[:2] = 0
    patterns = np.empty((*scan_shape, pixels, pixels), np.float32)
    for index in np.ndindex(scan_shape):
        e_xx, e_yy = truth[index]
        each = dataclasses.replace(base, e_xx=e_xx, e_yy=e_yy, thickness_A=rng.uniform(*thickness_A))
        tilt = tuple(rng.uniform(-tilt_mrad, tilt_mrad, 2).tolist())
        curves = rocking_curves(
            atoms, thicknesses_A=[each.thickness_A], voltage_kV=300.0, semiangle_mrad=SEMIANGLE_MRAD, zone_axis=zone_axis, tilt_mrad=tilt,
            most_beams=100,
        )  # fmt: skip
        patterns[index] = nanobeam_patterns(curves, [each], ky=k, kx=k, seed=int(rng.integers(2**31)))["intensity"][0]
    reference = np.zeros(scan_shape, bool)
    reference[:2] = True
    cube = make_cube(patterns, scan_step_A=20.0, k_step=K_STEP, voltage_kV=300.0, semiangle_mrad=SEMIANGLE_MRAD)
    instrument = Nanobeam(
        dose=1e6, blur_px=base.blur_px, ellipticity=base.ellipticity, ellipticity_angle_deg=base.ellipticity_angle_deg,
        center_y=base.center_y, center_x=base.center_x,
    )  # fmt: skip
    probe = vacuum_probe(voltage_kV=300.0, semiangle_mrad=SEMIANGLE_MRAD, ky=k, kx=k, seed=seed, condition=instrument)
    return cube, probe, xr.DataArray(reference, dims=("scan_y", "scan_x")), truth
