"""The classic polarization signals of single patterns.

Both read a polar displacement from an asymmetry of the pattern, and both need the same warning: dynamical scattering
turns their sign with thickness (within a few nanometres), a mistilt of a milliradian fakes them, and they depend more on
where in the unit cell the probe stood than on the polarization. They are offered for comparison; average them over whole
unit cells, and trust their sign only against a simulation at the specimen's own thickness and tilt.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from polwidgets.cube.detectors import Disk
from polwidgets.cube.reduce import center_of_mass, virtual_images


def friedel_signal(cube: xr.DataArray, g: tuple[float, float], radius: float) -> xr.DataArray:
    """Normalised difference of a Friedel pair of disks, (I(g) - I(-g)) / (I(g) + I(-g)).

    The sign turns with thickness and mistilt: see the module's warning.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
        Calibrated so that the undiffracted beam is at k = 0.
    g : (ky, kx)
        Reflection, in the units of the detector coords.
    radius : float
        Of the two disks, in the same units.

    Returns
    -------
    DataArray (scan_y, scan_x)
        In [-1, 1]; NaN where both disks are empty.

    References
    ----------
    Yadav et al., Nature 565 (2019) 468, doi:10.1038/s41586-018-0855-y; on what breaks Friedel's law, Deb et al.,
    doi:10.48550/arXiv.2005.03159.
    """
    pair = virtual_images(cube, {"plus": Disk(radius, g[0], g[1]), "minus": Disk(radius, -g[0], -g[1])})
    total = (pair["plus"] + pair["minus"]).where(lambda value: value > 0)
    return ((pair["plus"] - pair["minus"]) / total).rename("friedel_signal")


def central_disk_signal(cube: xr.DataArray, radius: float) -> xr.Dataset:
    """Shift of the centre of mass inside the central disk from its mean over the scan.

    The sign turns with thickness and mistilt: see the module's warning.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
        Calibrated so that the undiffracted beam is at k = 0.
    radius : float
        Of the central disk, in the units of the detector coords.

    Returns
    -------
    Dataset
        ``shift_ky`` and ``shift_kx`` (scan_y, scan_x), in the units of the detector coords.

    References
    ----------
    Das et al., Nature 568 (2019) 368, doi:10.1038/s41586-019-1092-8.
    """
    center = center_of_mass(cube, Disk(radius))
    shifts = {}
    for axis in ("ky", "kx"):
        shift = center[f"com_{axis}"] - np.nanmean(center[f"com_{axis}"])
        shifts[f"shift_{axis}"] = shift.assign_attrs(center[f"com_{axis}"].attrs)
    return xr.Dataset(shifts)
