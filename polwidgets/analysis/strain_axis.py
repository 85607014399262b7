"""Strain along another axis than the one it was mapped along."""

from __future__ import annotations

import numpy as np
import xarray as xr


def along_axis(strain: xr.Dataset, axis_deg: float) -> xr.Dataset:
    """The same strain with its x axis in another direction; the rotation does not depend on it.

    Parameters
    ----------
    strain : Dataset on (scan_y, scan_x)
        As `polwidgets.strain_map` makes it.
    axis_deg : float
        Direction of the x axis in the scan frame, anticlockwise on screen.

    Returns
    -------
    Dataset
        A copy. Standard deviations are carried over as if those of e_xx, e_yy and e_xy were independent; map with
        ``axis_deg=`` to have their correlations counted.
    """
    turn = np.deg2rad(axis_deg - float(strain.attrs["axis_deg"]))
    cosine, sine = np.cos(turn), np.sin(turn)
    weights = {
        "e_xx": (cosine**2, sine**2, 2 * sine * cosine),
        "e_yy": (sine**2, cosine**2, -2 * sine * cosine),
        "e_xy": (-sine * cosine, sine * cosine, cosine**2 - sine**2),
    }
    turned = strain.copy()
    for name, weight in weights.items():
        parts = list(zip(weight, weights, strict=True))
        turned[name] = sum(factor * strain[part] for factor, part in parts).assign_attrs(strain[name].attrs)
        variance = sum(factor**2 * strain[f"{part}_error"] ** 2 for factor, part in parts)
        turned[f"{name}_error"] = np.sqrt(variance).assign_attrs(strain[f"{name}_error"].attrs)
    return turned.assign_attrs(axis_deg=float(axis_deg))
