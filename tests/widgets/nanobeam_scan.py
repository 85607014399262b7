"""A small nanobeam scan with known strain, and strain maps whose every value is known."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr

from polwidgets.cube.schema import make_cube
from polwidgets.simulate.bloch import MARGIN, RockingCurves
from polwidgets.simulate.nanobeam import Nanobeam, nanobeam_patterns, vacuum_probe

SHAPE = (3, 4)
DETECTOR = (90, 101)
K_STEP, RADIUS_PX, VOLTAGE_KV = 0.02, 4.3, 300.0
SEMIANGLE_MRAD = RADIUS_PX * K_STEP * 19.6875
BASIS = np.array([[0.02, 0.34], [0.36, -0.05]])  # reciprocal vectors (down, right), 1/angstrom
KY, KX = ((np.arange(n) - n // 2) * K_STEP for n in DETECTOR)
REASONS = "good no_electrons no_disks no_lattice another_lattice_than_the_reference"


def true_strain() -> np.ndarray:
    """e_xx of every position: none in the first row."""
    row, column = np.indices(SHAPE)
    return 0.004 * row * (column - 1.5)


def make_scan(dose: float = 4e4) -> tuple[xr.DataArray, xr.DataArray]:
    """The cube and its vacuum probe."""
    indices = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 2, indexing="ij"), -1).reshape(-1, 2)
    strength = np.where(indices.any(1), 0.15 / np.maximum(np.hypot(*indices.T), 1) ** 2, 0.3)
    mesh = np.linspace(-MARGIN, MARGIN, 7)
    inside = strength[:, None, None] * (1 + 0.4 * np.sin(indices[:, :1, None]) * mesh[:, None] + 0.2 * mesh)
    zero = np.zeros(len(indices))
    curves = RockingCurves(
        torch.tensor(inside[None], dtype=torch.float32), np.array([200.0]), indices @ BASIS, zero, zero + 0.01,
        mesh * RADIUS_PX * K_STEP, RADIUS_PX * K_STEP, (0.0, 0.0), VOLTAGE_KV,
    )  # fmt: skip
    conditions = [Nanobeam(e_xx=float(strain), dose=dose, blur_px=0.5) for strain in true_strain().ravel()]
    patterns = nanobeam_patterns(curves, conditions, ky=KY, kx=KX, seed=3)["intensity"].values.reshape(*SHAPE, *DETECTOR)
    optics = {"voltage_kV": VOLTAGE_KV, "semiangle_mrad": SEMIANGLE_MRAD}
    cube = make_cube(patterns.astype(np.float32), scan_step_A=(12.0, 15.0), k_step=K_STEP, **optics)
    cube = cube.assign_coords(ky=("ky", KY, cube.ky.attrs), kx=("kx", KX, cube.kx.attrs))
    return cube, vacuum_probe(**optics, ky=KY, kx=KX, seed=5, condition=Nanobeam(dose=1e6, blur_px=0.5))


def make_strain(cube: xr.DataArray) -> xr.Dataset:
    """Maps as `pw.strain_map` makes them, known exactly; the last position has none."""
    row, column = np.indices(SHAPE)
    missing = (row == SHAPE[0] - 1) & (column == SHAPE[1] - 1)
    values = {"e_xx": true_strain(), "e_yy": -0.5 * true_strain(), "e_xy": 0.002 * column, "rotation_deg": 0.3 - 0.1 * row}
    dims = ("scan_y", "scan_x")
    maps: dict[str, object] = {}
    for name, map_values in values.items():
        maps[name] = (dims, np.where(missing, np.nan, map_values))
        maps[f"{name}_error"] = (dims, np.where(missing, np.nan, 0.0005 + 0.0001 * row))
    maps["fit_quality"] = (dims, 1 - 0.1 * row)
    maps["disks"] = (dims, 10 + row)
    maps["center_ky"] = (dims, 0.01 * row)
    maps["center_kx"] = (dims, 0.01 * column)
    maps["reason"] = (dims, np.where(missing, 4, 0).astype(np.int8), {"flag_values": np.arange(5, dtype=np.int8), "flag_meanings": REASONS})
    names = ("reference_1_ky", "reference_1_kx", "reference_2_ky", "reference_2_kx")
    attrs = {"axis_deg": 0.0, "reference": "made for a test", **dict(zip(names, BASIS.ravel().tolist(), strict=True))}
    return xr.Dataset(maps, coords={dim: cube[dim] for dim in dims}, attrs=attrs)
