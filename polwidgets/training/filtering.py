"""Training patterns with a clear shift of intensity, as the study keeps them (doi:10.48550/arXiv.2603.15582)."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.simulate.detector import pixel_grid

Rule = Literal["none", "above_mean", "above_median", "upper_quarter"]


def magnitude_filter(labelled: xr.Dataset, rule: Rule = "above_mean") -> xr.Dataset:
    """Keep patterns whose centre of mass is further from their scan's than is usual there.

    Parameters
    ----------
    labelled : Dataset on (sample, ky, kx)
        Patterns of one specimen and one direction are a scan.
    rule : str
        Further than the scan's mean (the study's, which keeps about 43 %) or median, or among its furthest quarter;
        ``"none"`` keeps all.

    Raises
    ------
    ValueError
        An unknown rule, or nothing is left.
    """
    check_rule(rule)
    if rule == "none":
        return labelled
    shift = center_of_mass_shift(labelled)
    keep = np.zeros(len(shift), bool)
    for members in _scans(labelled):
        own = shift[members]
        limit = {"above_mean": own.mean(), "above_median": np.median(own), "upper_quarter": np.quantile(own, 0.75)}[rule]
        keep[members] = own > limit
    if not keep.any():
        raise ValueError(
            f"the filter {rule!r} leaves none of {len(shift)} patterns: within every scan all centres of mass are equally far from the "
            "mean; give more than one probe position a scan, or the rule 'none'"
        )
    return labelled.isel(sample=np.flatnonzero(keep))


def check_rule(rule: str) -> None:
    """Say which rules there are, where this is none."""
    if rule not in get_args(Rule):
        raise ValueError(f"unknown filter rule {rule!r}; there are {', '.join(get_args(Rule))}")


def center_of_mass_shift(labelled: xr.Dataset) -> NDArray[np.float64]:
    """How far every pattern's centre of mass lies from its scan's mean one, (sample,), 1/angstrom."""
    patterns = labelled["intensity"].values.reshape(labelled.sizes["sample"], -1)
    k = pixel_grid(labelled["ky"].values, labelled["kx"].values).astype(np.float32)
    center = np.asarray(patterns @ k / np.maximum(patterns.sum(1, keepdims=True), 1e-30), float)
    for members in _scans(labelled):
        center[members] -= center[members].mean(0)
    return np.asarray(np.hypot(center[:, 0], center[:, 1]))


def _scans(labelled: xr.Dataset) -> list[NDArray[np.int64]]:
    """Indices of the patterns of every specimen and direction."""
    count = labelled.sizes["sample"]
    specimen = labelled["specimen"].values if "specimen" in labelled.coords else np.zeros(count)
    owner = np.stack([np.unique(values, return_inverse=True)[1] for values in (specimen, labelled["direction_deg"].values)])
    _, scan = np.unique(owner, axis=1, return_inverse=True)
    return [np.flatnonzero(scan == number) for number in range(int(scan.max()) + 1)]
