"""The one form in which labelled patterns come."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.cube.schema import WAVENUMBER


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
