"""The lattice refined with the patterns themselves.

A pattern changes by a quarter when the probe moves by a fortieth of a cell, so every pattern measures its own place in
the cell to a few thousandths; a smooth lattice through all of them is far better than an image of columns can give.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.cube.unit_cell import UnitCell, monomials, scan_places
from polwidgets.match.measurement import Readings
from polwidgets.simulate.patterns import basis, basis_slope

LARGEST_MOVE = 0.06  # cells: beyond it a position's step is no longer linear and counts less


def refine_unit_cell(
    unit_cell: UnitCell,
    cube: xr.DataArray,
    readings: Readings,
    expected: NDArray[np.float64],
    *,
    order: int,
    monomial_count: int = 3,
) -> UnitCell:
    """One Newton step of the Poisson likelihood over the lattice's polynomial.

    Parameters
    ----------
    expected : array (term, pixel)
        Modelled counts as a series in the phase.
    monomial_count : int
        3 fits an affine lattice, 6 lets it bend.
    """
    phase = unit_cell.phase_of(cube).reshape(-1, 2)
    slope, information = np.empty((len(phase), 2)), np.empty((len(phase), 2, 2))
    for part in readings.chunks():
        slope[part], information[part] = _slope_and_information(readings.block(part), phase[part], expected, order)
    move = np.linalg.solve(information + 1e-6 * information.mean(0), slope[..., None])[..., 0]
    # robust against defects and walls: information of far movers is cut
    trust = np.minimum(1.0, LARGEST_MOVE / np.maximum(np.hypot(*move.T), 1e-12)) ** 2 * readings.lit
    shape = monomials(*scan_places(cube), monomial_count).reshape(len(phase), -1)
    scale = np.abs(shape).max(0).clip(1e-12)
    shape = shape / scale
    normal = np.einsum("pi,pab,pj,p->iajb", shape, information, shape, trust, optimize=True).reshape(2 * monomial_count, -1)
    right = np.einsum("pi,pa,p->ia", shape, slope, trust, optimize=True).ravel()
    solution = np.linalg.solve(normal, right).reshape(monomial_count, 2) / scale[:, None]
    coefficients = np.zeros((max(monomial_count, len(unit_cell.coefficients)), 2))
    coefficients[: len(unit_cell.coefficients)] += unit_cell.coefficients
    coefficients[:monomial_count] += solution
    return UnitCell(coefficients)


def _slope_and_information(
    counts: NDArray[np.float32], phase: NDArray[np.float64], expected: NDArray[np.float64], order: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First derivative and Fisher information of the log-likelihood in the phase, (position, 2) and (position, 2, 2)."""
    model = expected.astype(np.float32)
    rate = np.maximum(basis(phase, order).astype(np.float32) @ model, 1e-3 * model[0].max())
    down, right = (basis_slope(phase, order, axis).astype(np.float32) @ model for axis in (0, 1))
    excess = counts / rate - 1
    slope = np.stack([(excess * down).sum(1), (excess * right).sum(1)], -1)
    cross = (down * right / rate).sum(1)
    information = np.stack([np.stack([(down**2 / rate).sum(1), cross], -1), np.stack([cross, (right**2 / rate).sum(1)], -1)], -2)
    return slope.astype(float), information.astype(float)
