"""The one form in which labelled patterns come."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.cube.schema import WAVENUMBER
from polwidgets.directions import rotate_vector


def labelled_patterns(
    patterns: NDArray[np.float32],
    *,
    ky: NDArray[np.float64],
    kx: NDArray[np.float64],
    direction_deg: NDArray[np.float64],
    thickness_A: NDArray[np.float64],
    specimen: NDArray[np.int64],
    phase: NDArray[np.float64],
    good_pixels: NDArray[np.bool_] | None = None,
    attrs: Mapping[str, float | str],
) -> xr.Dataset:
    """Label patterns (sample, ky, kx).

    Parameters
    ----------
    direction_deg, thickness_A, specimen : arrays (sample,)
    phase : array (sample, 2)
        Probe position in the unit cell (down, right), in cells.
    good_pixels : bool array (ky, kx), optional
        By default all are good.

    Returns
    -------
    Dataset on (sample, ky, kx)
        ``intensity`` with coords ``direction_deg``, ``thickness_A``, ``specimen``, ``cell_y``, ``cell_x`` and ``good_pixels``.
    """
    units = {"units": WAVENUMBER}
    good = np.ones((len(ky), len(kx)), bool) if good_pixels is None else good_pixels
    return xr.Dataset(
        {"intensity": (("sample", "ky", "kx"), patterns)},
        coords={
            "ky": ("ky", ky, units),
            "kx": ("kx", kx, units),
            "direction_deg": ("sample", direction_deg),
            "thickness_A": ("sample", thickness_A),
            "specimen": ("sample", specimen),
            "cell_y": ("sample", phase[:, 0] % 1.0),
            "cell_x": ("sample", phase[:, 1] % 1.0),
            "good_pixels": (("ky", "kx"), good),
        },
        attrs=dict(attrs),
    )


def with_symmetries(labelled: xr.Dataset) -> xr.Dataset:
    """Patterns in all eight symmetries of the square: quarter turns of pattern, place and label, and their mirror images.

    For patterns along the axes of a crystal that its displacement alone keeps from being square, on a square detector
    about the beam; they are as true as simulated ones, and free.

    Returns
    -------
    Dataset on (sample, ky, kx)
        Eight times the samples.
    """
    ky, kx = labelled["ky"].values, labelled["kx"].values
    if not (ky.shape == kx.shape and np.allclose(ky, kx) and np.allclose(ky, -ky[::-1])):
        raise ValueError("symmetries of the square need a square detector about the beam; ky and kx are not the same, or not centred")
    patterns = labelled["intensity"].transpose("sample", "ky", "kx").values
    direction, down, right = (labelled[name].values for name in ("direction_deg", "cell_y", "cell_x"))
    parts = []
    for mirrored in (False, True):
        for quarters in range(4):
            turned = np.rot90(patterns[..., ::-1] if mirrored else patterns, quarters, (1, 2))
            place = rotate_vector(np.stack([down, -right if mirrored else right], -1), 90.0 * quarters)
            parts.append((turned, ((180.0 - direction if mirrored else direction) + 90.0 * quarters) % 360.0, place))
    return labelled_patterns(
        np.concatenate([part[0] for part in parts]),
        ky=ky,
        kx=kx,
        direction_deg=np.concatenate([part[1] for part in parts]),
        thickness_A=np.tile(labelled["thickness_A"].values, 8),
        specimen=np.tile(labelled["specimen"].values, 8),
        phase=np.concatenate([part[2] for part in parts]),
        attrs=labelled.attrs,
    )
