"""Patterns that any model learns at once: a beam, and a spot on the side of the polarization."""

from __future__ import annotations

import dataclasses

import numpy as np
import xarray as xr

import polwidgets as pw
from polwidgets.directions import direction_to_vector
from polwidgets.match.conditions import Conditions
from polwidgets.match.specimen import SpecimenFit


def spots(ky: np.ndarray, kx: np.ndarray, direction_deg: np.ndarray, center: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Counts (n, ky, kx), area-true, of directions on the detector."""
    down, right = np.meshgrid(ky - center[0], kx - center[1], indexing="ij")
    place = 0.5 * direction_to_vector(direction_deg)
    beam = np.exp(-0.5 * (down**2 + right**2) / 0.2**2)
    spot = np.exp(-0.5 * ((down - place[:, 0, None, None]) ** 2 + (right - place[:, 1, None, None]) ** 2) / 0.25**2)
    return 1e4 * abs((ky[1] - ky[0]) * (kx[1] - kx[0])) * (beam + spot)


def labelled(samples: int = 96, specimens: int = 6, shape: tuple[int, int] = (24, 22), seed: int = 0) -> xr.Dataset:
    """Labelled patterns with their beam off the detector's middle."""
    rng = np.random.default_rng(seed)
    label = np.arange(samples) % 8
    ky, kx = (0.1 * (np.arange(size) - size / 2) for size in shape)
    patterns = rng.poisson(spots(ky, kx, 45.0 * label, (0.05, -0.03)))
    return xr.Dataset(
        {"intensity": (("sample", "ky", "kx"), patterns.astype(np.float32))},
        coords={
            "ky": ky, "kx": kx, "direction_deg": ("sample", 45.0 * label),
            "specimen": ("sample", rng.permutation(np.arange(samples) % specimens)),
        },
        attrs={"center_y": 0.05, "center_x": -0.03, "voltage_kV": 200.0, "semiangle_mrad": 24.0, "recipe": "spots"},
    )  # fmt: skip


def turned_scan(
    lone: SpecimenFit, rotation_deg: float = 30.0, scan_rotation_deg: float = 18.0
) -> tuple[xr.DataArray, SpecimenFit, np.ndarray]:
    """A scan on another detector: finer, larger, its beam elsewhere, its crystal turned; and directions in the scan frame."""
    label = np.arange(20).reshape(4, 5) % 8
    ky, kx = 0.065 * (np.arange(43) - 20.0), 0.065 * (np.arange(40) - 21.0)
    patterns = spots(ky, kx, (45.0 * label + rotation_deg).ravel(), (-0.1, 0.12))
    cube = pw.make_cube(
        np.random.default_rng(1).poisson(patterns).reshape(4, 5, 43, 40), scan_step_A=0.4, k_step=0.065, voltage_kV=200.0,
        semiangle_mrad=24.0, scan_rotation_deg=scan_rotation_deg,
    ).assign_coords(ky=("ky", ky, {"units": "1/angstrom"}), kx=("kx", kx, {"units": "1/angstrom"}))  # fmt: skip
    conditions = Conditions(center_y=-0.1, center_x=0.12, rotation_deg=rotation_deg)
    specimen = dataclasses.replace(lone, conditions=conditions, scan_rotation_deg=scan_rotation_deg)
    return cube, specimen, (45.0 * label + rotation_deg - scan_rotation_deg) % 360
