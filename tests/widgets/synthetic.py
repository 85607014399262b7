"""Asymmetric cubes and predictions whose every value is known."""

from __future__ import annotations

import numpy as np
import xarray as xr

import polwidgets as pw
from polwidgets.directions import nearest_class
from polwidgets.models.prediction import make_prediction


def make_scan(scan_shape: tuple[int, int] = (20, 28), detector_shape: tuple[int, int] = (32, 40)) -> xr.DataArray:
    """A scan whose patterns are a disk about (15, 18.5) with one bright spot that wanders with the probe position.

    Intensities grow along both scan axes by different amounts; no plane is square.
    """
    rows, columns = np.mgrid[: scan_shape[0], : scan_shape[1]]
    ky, kx = np.mgrid[: detector_shape[0], : detector_shape[1]]
    disk = np.clip(8.5 - np.hypot(ky - 15, kx - 18.5), 0, 1)
    strength = 20 + 3 * rows + columns + 25 * (np.hypot(rows - 6, columns - 19) < 4)
    cube = strength[:, :, None, None] * disk
    spot_y, spot_x = 12 + 6 * rows / scan_shape[0], 14 + 9 * columns / scan_shape[1]
    distance = np.hypot(ky - spot_y[..., None, None], kx - spot_x[..., None, None])
    cube = cube + 150 * np.exp(-(distance**2) / 3)
    return pw.make_cube(
        cube.astype(np.float32), scan_step_A=0.5, k_step=0.12, center_px=(15.0, 18.5), voltage_kV=200.0, semiangle_mrad=24.0
    )


def make_map(scan: xr.DataArray, *, wall: float = 0.4) -> xr.Dataset:
    """Two domains, 45 degrees above the slanted wall and 180 below, with a spot of doubt in the upper right."""
    height, width = scan.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    direction = np.where(rows < wall * height + 0.2 * columns, 45.0, 180.0)
    doubt = np.hypot(rows - 0.2 * height, columns - 0.8 * width) < 0.15 * height
    confidence = np.where(doubt, 0.2, 0.9)[..., None]
    probability = np.where(np.arange(8) == nearest_class(direction)[..., None], confidence, (1 - confidence) / 7)
    displacement = np.broadcast_to(12.0 + rows / height, direction.shape)
    return make_prediction(
        scan, probability=probability, displacement_pm=displacement, displacement_error_pm=0.1 * displacement, attrs={"model": "synthetic"}
    )
