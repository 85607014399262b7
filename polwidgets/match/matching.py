"""Find the specimen from the data alone."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.crystal.base import Crystal, crystals
from polwidgets.match.lone_pattern import match_pattern
from polwidgets.match.scan import match_scan
from polwidgets.match.specimen import POOR_CORRELATION, SpecimenFit
from polwidgets.progress import Progress, reporter


def match(
    cube_or_pattern: xr.DataArray,
    *,
    crystal: str | Crystal = "knn",
    thickness_range_A: tuple[float, float] = (40.0, 700.0),
    good_pixels: NDArray[np.bool_] | None = None,
    progress: bool | Progress = False,
) -> SpecimenFit:
    """Find thickness, mistilt, source size, detector blur, pattern centre and lattice of a scan or of a lone pattern.

    The scan's patterns are reduced to their own trigonometric series in the unit-cell phase, and the simulator's series
    is fitted to it by least squares from the best point of a grid; the lattice is then refined with the patterns
    themselves. Opposite polarizations cancel to first order, so the specimen is matched with the undisplaced crystal
    and no domain has to be known.

    Parameters
    ----------
    cube_or_pattern : DataArray
        A calibrated cube (scan_y, scan_x, ky, kx), or one position-averaged pattern (ky, kx), whose scale, centre and
        rotation may be unknown. Attrs ``voltage_kV`` and ``semiangle_mrad`` are needed.
    crystal : str or Crystal
        A registered name, or a part.
    thickness_range_A : (float, float)
        Where to search.
    good_pixels : bool array (ky, kx), optional
        Detector pixels to trust.
    progress : bool or callable

    Returns
    -------
    SpecimenFit
        A poor match warns and says so in ``poor``; it is never silently confident.

    Raises
    ------
    ValueError
        Missing calibration, a scan smaller than a unit cell, no lattice, or a senseless thickness range.
    """
    part = crystals.build(crystal) if isinstance(crystal, str) else crystal
    low, high = thickness_range_A
    if not 0 < low < high <= 3000:
        raise ValueError(
            f"thickness_range_A must be 0 < low < high <= 3000 angstrom, got {thickness_range_A}; note that 10 angstrom are 1 nm"
        )
    if cube_or_pattern.dims == ("ky", "kx"):
        fit = match_pattern(cube_or_pattern, part, (low, high), progress=reporter(progress))
    else:
        fit = match_scan(cube_or_pattern, part, thickness_range_A, good_pixels=good_pixels, progress=reporter(progress))
    _warn(fit, thickness_range_A)
    return fit


def _warn(fit: SpecimenFit, thickness_range_A: tuple[float, float]) -> None:
    if fit.poor:
        warnings.warn(
            f"poor match: the model correlates with the data by {fit.score:.2f} only (expected at least {POOR_CORRELATION}); "
            f"check the crystal ({crystals.name_of(fit.crystal)}), voltage, semi-angle, detector sampling and scan step",
            stacklevel=3,
        )
    low, high = thickness_range_A
    if not low + 1 < fit.thickness_A < high - 1:
        warnings.warn(
            f"the fitted thickness {fit.thickness_A:.0f} angstrom lies at the border of thickness_range_A {thickness_range_A}; widen it",
            stacklevel=3,
        )
