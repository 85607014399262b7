"""What strain is measured against: a region of the scan, given reciprocal vectors, or a known cell."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.analysis.strain_reasons import in_words
from polwidgets.cube.schema import UNCALIBRATED
from polwidgets.deformation import strain_and_rotation
from polwidgets.directions import rotate_vector
from polwidgets.disks.lattice import nearest_basis

Array = NDArray[np.float64]
Reference: TypeAlias = "xr.DataArray | NDArray[Any] | Sequence[float]"
"""A bool mask (scan_y, scan_x), reciprocal vectors (2, 2), or a cell (a, b, gamma)."""


FEW: Final = 6  # positions whose scatter says less than their own errors do


class ReferenceLattice(NamedTuple):
    """The unstrained lattice, in the units of the measured vectors.

    Attributes
    ----------
    vectors : array (2, 2)
        Reciprocal basis vectors (down, right) as rows.
    covariance : array (4, 4)
        Of the mean over a region; zero where the lattice was given.
    described : str
        In words.
    """

    vectors: Array
    covariance: Array
    described: str


def reference_mask(cube: xr.DataArray, reference: Reference | None) -> NDArray[np.bool_] | None:
    """The reference as a mask (scan_y, scan_x), where it is one.

    Raises
    ------
    ValueError
        It is neither a mask of the scan nor a lattice, or empty, or a lattice while the detector is not calibrated.
    """
    if reference is None:
        return None
    values = reference.values if isinstance(reference, xr.DataArray) else np.asarray(reference)
    if values.dtype.kind != "b":
        if values.shape not in ((3,), (2, 2)):
            raise ValueError(
                f"reference has shape {values.shape} and type {values.dtype}, expected a bool mask {cube.shape[:2]}, "
                "reciprocal basis vectors (2, 2) in 1/angstrom, or a cell (a, b, gamma) in angstrom and degrees"
            )
        if UNCALIBRATED in (cube[dim].attrs["units"] for dim in ("ky", "kx")):
            raise ValueError("a reference cell needs the detector in 1/angstrom; use pw.calibrate(cube, k_step=...), or give a mask")
        return None
    if isinstance(reference, xr.DataArray) and set(reference.dims) == {"scan_y", "scan_x"}:
        values = reference.transpose("scan_y", "scan_x").values
    if values.shape != cube.shape[:2]:
        raise ValueError(f"the reference mask has shape {values.shape}, the scan {cube.shape[:2]}; make it on the scan's own positions")
    if not values.any():
        raise ValueError("the reference mask is empty; mark at least one probe position that is unstrained")
    return np.asarray(values, bool)


def given_lattice(reference: Any, basis: Array) -> ReferenceLattice:
    """Reciprocal vectors or a cell, in the basis that the scan's own lattice `basis` is in."""
    values = np.asarray(reference, float)
    given = values if values.shape == (2, 2) else _turned_cell(values, basis)
    found = nearest_basis(given, basis)
    if np.isnan(found).any():
        raise ValueError(
            f"the reference cell does not fit the scan's lattice: its reciprocal vectors are {np.round(given, 4).tolist()}, "
            f"the scan's {np.round(basis, 4).tolist()} 1/angstrom; check the cell (primitive, projected) and k_step"
        )
    return ReferenceLattice(found, np.zeros((4, 4)), f"cell {np.round(values, 5).tolist()}")


def region_lattice(vectors: Array, covariance: Array, reason: NDArray[np.int64], region: NDArray[np.bool_] | None) -> ReferenceLattice:
    """Mean lattice of a region's good positions, or the median of all without one.

    Parameters
    ----------
    vectors : array (scan_y, scan_x, 2, 2)
        All in one basis where `reason` is 0.
    covariance : array (scan_y, scan_x, 4, 4)
        Of every position; what counts where a region is too small to show its own scatter.
    reason : array (scan_y, scan_x)
    region : bool array (scan_y, scan_x), optional
    """
    chosen = (reason == 0) if region is None else (reason == 0) & region
    if not chosen.any():
        raise ValueError(
            "the reference region shows no crystal that could be indexed: "
            f"{in_words(reason if region is None else reason[region])}; choose another region or give a cell"
        )
    inside = vectors[chosen].reshape(-1, 4)
    median = np.median(inside, axis=0)
    if region is None:
        return ReferenceLattice(median.reshape(2, 2), np.zeros((4, 4)), f"median of {len(inside)} positions")
    # the mean of what agrees with the median
    scatter = 1.4826 * np.median(np.abs(inside - median), axis=0)
    agrees = (np.abs(inside - median) <= np.maximum(4 * scatter, 1e-12)).all(1)
    close = inside[agrees]
    mean = close.mean(0)
    errors = close - mean
    own = errors.T @ errors / (len(close) - 1) if len(close) > FEW else covariance[chosen][agrees].mean(0)
    return ReferenceLattice(mean.reshape(2, 2), own / len(close), f"mean of {len(close)} of {int(region.sum())} positions")


def _turned_cell(cell: Array, basis: Array) -> Array:
    """Reciprocal vectors of a projected cell (a, b, gamma), turned as the scan's lattice is.

    A cell does not say from which side it is seen, nor in which basis: the one that needs the least strain is taken.
    """
    first, second, gamma = cell
    angle = np.deg2rad(gamma)
    best, least = np.full((2, 2), np.inf), np.inf
    for side, *steps in itertools.product((1, -1), *[range(-2, 3)] * 4):
        if abs(steps[0] * steps[3] - steps[1] * steps[2]) != 1:
            continue
        direct = np.array([[0.0, first], [-side * second * np.sin(angle), second * np.cos(angle)]])
        candidate = np.reshape(steps, (2, 2)) @ np.linalg.inv(direct).T
        if np.linalg.det(candidate) * np.linalg.det(basis) < 0:
            continue
        *strain, turn = strain_and_rotation(np.linalg.solve(basis, candidate).T)
        if np.abs(strain).max() < least:
            best, least = rotate_vector(candidate, -turn), float(np.abs(strain).max())
    return best
