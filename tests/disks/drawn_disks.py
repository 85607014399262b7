"""Nanobeam patterns with known disks, for tests: any lattice, with rocking-curve contrast inside the disks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr

from polwidgets.cube.schema import make_cube
from polwidgets.simulate.bloch import MARGIN, RockingCurves
from polwidgets.simulate.nanobeam import Nanobeam, nanobeam_patterns, vacuum_probe

ROWS, COLUMNS, K_STEP, RADIUS_PX = 90, 101, 0.02, 4.3
VOLTAGE_KV = 300.0
WAVELENGTH_A = 0.0196875
SEMIANGLE_MRAD = RADIUS_PX * K_STEP * WAVELENGTH_A * 1e3
KY, KX = ((np.arange(n) - n // 2) * K_STEP for n in (ROWS, COLUMNS))
BASIS = np.array([[0.02, 0.34], [0.36, -0.05]])  # reciprocal vectors (down, right), 1/angstrom: an oblique lattice
INSTRUMENT = Nanobeam(center_y=0.31 * K_STEP, center_x=-0.84 * K_STEP, blur_px=0.5)


def curves(seed: int = 0, *, contrast: float = 0.8, reach: int = 2, basis: np.ndarray = BASIS) -> RockingCurves:
    """Reflections of a lattice, each with its own strength, slope and bend inside."""
    rng = np.random.default_rng(seed)
    indices = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 2, indexing="ij"), -1).reshape(-1, 2)
    mesh = np.linspace(-MARGIN, MARGIN, 7)
    down, right = np.meshgrid(mesh, mesh, indexing="ij")
    inside = []
    for index in indices:
        slope, bend = rng.uniform(-contrast, contrast, (2, 2))
        shape = 1 + slope[0] * down + slope[1] * right + 0.5 * bend[0] * (down**2 - 0.5) + 0.5 * bend[1] * down * right
        strength = 0.25 if not index.any() else rng.uniform(0.1, 1.0) * 0.15 / np.hypot(*index)
        inside.append(strength * np.clip(shape, 0.02, None))
    g, zero = indices @ basis, np.zeros(len(indices))
    intensities = torch.tensor(np.array(inside)[None], dtype=torch.float32)
    semiangle = RADIUS_PX * K_STEP
    return RockingCurves(intensities, np.array([200.0]), g, zero, zero + 0.01, mesh * semiangle, semiangle, (0.0, 0.0), VOLTAGE_KV)


def patterns(conditions: Sequence[Nanobeam], *, seed: int = 0, **options: Any) -> xr.Dataset:
    """Labelled patterns."""
    return nanobeam_patterns(curves(seed, **options), conditions, ky=KY, kx=KX, seed=seed)


def scan(conditions: Sequence[Nanobeam], shape: tuple[int, int], *, seed: int = 0, **options: Any) -> xr.DataArray:
    """A cube, each position with its own insides of the disks."""
    drawn = [patterns([each], seed=seed + 1000 * row, **options)["intensity"].values[0] for row, each in enumerate(conditions)]
    intensity = np.reshape(drawn, (*shape, ROWS, COLUMNS))
    cube = make_cube(intensity, scan_step_A=(12.0, 15.0), k_step=K_STEP, voltage_kV=VOLTAGE_KV, semiangle_mrad=SEMIANGLE_MRAD)
    return cube.assign_coords(ky=("ky", KY, cube.ky.attrs), kx=("kx", KX, cube.kx.attrs))


def probe() -> xr.DataArray:
    """The vacuum probe of the same instrument, a million electrons."""
    condition = Nanobeam(center_y=INSTRUMENT.center_y, center_x=INSTRUMENT.center_x, blur_px=INSTRUMENT.blur_px, dose=1e6)
    return vacuum_probe(voltage_kV=VOLTAGE_KV, semiangle_mrad=SEMIANGLE_MRAD, ky=KY, kx=KX, seed=5, condition=condition)
