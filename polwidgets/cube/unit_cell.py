"""The crystal's lattice in the scan plane, and the phase of every probe position in the unit cell.

The lattice is found in a virtual image, without assuming that the scan fits the cells, lies along them, or holds still:
a windowed power spectrum proposes, then a least-squares fit of the lattice's own harmonics measures, in which a slow
drift is a low polynomial.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from polwidgets.cube.schema import LENGTH, require_calibrated, step_of

STAR = np.array([[1, 0], [0, 1], [1, 1], [1, -1]])  # the harmonics that a lattice image has
PROPOSALS = 3


@dataclasses.dataclass(frozen=True)
class UnitCell:
    """Phase in the unit cell as a polynomial of the place in the scan.

    Attributes
    ----------
    coefficients : array (monomial, 2)
        Of 1, y, x (then y^2, yx, x^2 where drift bends the lattice), for the phase (down, right) in cells; y and x are
        scan coords in angstrom, so that a part of the scan has the phases of the whole.
    """

    coefficients: NDArray[np.float64]

    def phase(self, y_A: NDArray[np.float64], x_A: NDArray[np.float64]) -> NDArray[np.float64]:
        """Phase (down, right) in cells, unwrapped, of the probe positions on the grid y by x; shape (y, x, 2)."""
        return monomials(y_A, x_A, len(self.coefficients)) @ self.coefficients

    def phase_of(self, cube: xr.DataArray) -> NDArray[np.float64]:
        """Phase of a cube's probe positions, (scan_y, scan_x, 2)."""
        return self.phase(*scan_places(cube))

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Reciprocal lattice vectors at the scan's start as rows, in (y, x), 1/angstrom."""
        return np.asarray(self.coefficients[1:3].T)

    @property
    def edges_A(self) -> NDArray[np.float64]:
        """Measured edges (down, right) of the cell in the scan, angstrom; drift and scan errors included."""
        return np.asarray(np.linalg.norm(np.linalg.inv(self.matrix), axis=0))

    @property
    def rotation_deg(self) -> float:
        """Angle of the crystal's right axis against +scan_x, anticlockwise on screen."""
        (down_y, down_x), (right_y, right_x) = self.matrix
        return float(np.rad2deg(np.arctan2(down_x - right_y, down_y + right_x)))

    def moved(self, phase: ArrayLike) -> UnitCell:
        """The same lattice with its origin moved: `phase` (down, right) is added to the phase everywhere."""
        coefficients = self.coefficients.copy()
        coefficients[0] += phase
        return UnitCell(coefficients)


def scan_places(scan: xr.DataArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows' y and columns' x of a scan."""
    return scan["scan_y"].values, scan["scan_x"].values


def monomials(y_A: NDArray[np.float64], x_A: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Values of 1, y, x, y^2, yx, x^2 (the first `count`) on the grid; shape (y, x, count)."""
    y, x = np.meshgrid(y_A, x_A, indexing="ij")
    return np.stack([np.ones_like(y), y, x, y * y, y * x, x * x][:count], -1)


def find_unit_cell(
    image: xr.DataArray, *, cell_A: tuple[float, float], bright_phase: tuple[float, float] = (0.0, 0.0), tolerance: float = 0.12
) -> UnitCell:
    """Lattice of a virtual image, or of several together.

    Parameters
    ----------
    image : DataArray (scan_y, scan_x) or (image, scan_y, scan_x)
        For example an annular dark-field image, in which columns of heavy atoms are bright; or any images of the same
        scan, weighted by their contrast.
    cell_A : (float, float)
        Expected edges (down, right) of the cell.
    bright_phase : (float, float)
        Phase (down, right) that the brightest column of the first image gets.
    tolerance : float
        How far an edge may be off, by drift or calibration, as a fraction.

    Raises
    ------
    ValueError
        The scan is smaller than a unit cell, or no lattice of these edges stands out.
    """
    require_calibrated(image)
    start = np.array([image[dim].values[0] for dim in ("scan_y", "scan_x")])
    y, x = (values - first for values, first in zip(scan_places(image), start, strict=True))
    extent = [step_of(image, dim) * image.sizes[dim] for dim in ("scan_y", "scan_x")]
    # a turned cell still has to fit into the scan once
    if min(extent) < 0.95 * min(cell_A):
        raise ValueError(
            f"the scan covers {extent[0]:.2f} x {extent[1]:.2f} {LENGTH}, less than one unit cell ({cell_A[0]:.2f} x {cell_A[1]:.2f}); "
            "scan a larger region, or check scan_step_A"
        )
    if max(step_of(image, dim) for dim in ("scan_y", "scan_x")) > 0.5 * min(cell_A):
        raise ValueError(
            f"the scan step is over half a unit cell ({min(cell_A):.2f} {LENGTH}), so the lattice cannot be seen; check scan_step_A"
        )
    values = np.asarray(image.values, float).reshape(-1, len(y), len(x))
    values = values - values.mean((1, 2), keepdims=True)
    values = values / (values.std() or 1.0)
    # over few cells a harmonic's peak is wide enough to pass for another's; the refined fits tell them apart
    proposed = [np.concatenate([np.zeros((1, 2)), vectors.T]) for vectors in _propose(values, y, x, cell_A, tolerance)]
    refined = [_refine(values, y, x, coefficients) for coefficients in proposed]
    likely = [(_explained(values, y, x, fit), fit) for fit in refined if _distortion(fit, cell_A) < 1.5 * tolerance]
    explained, affine = max(likely, key=lambda found: found[0], default=(0.0, proposed[0]))
    # the best of all lattices explains of white noise what so many pixels hold; the more cells, the more lattices there are
    chance = 34 + 4 * np.log(extent[0] * extent[1] / (cell_A[0] * cell_A[1]))
    if explained < max(0.005, chance / values[0].size):
        raise ValueError(
            f"no lattice of {cell_A[0]:.2f} x {cell_A[1]:.2f} {LENGTH} stands out in the image (the best explains {explained:.1%} of the "
            "contrast); check the crystal and scan_step_A, or use more dose"
        )
    return UnitCell(affine).moved(np.array(bright_phase) - _brightest(values, y, x, affine) - start @ affine[1:])


def fold(values: NDArray[np.float64], phase: NDArray[np.float64], *, cells: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Mean of patterns (or of anything else) on a `cells` x `cells` grid of phases.

    Parameters
    ----------
    values : array (scan_y, scan_x, ...)
    phase : array (scan_y, scan_x, 2)
        Phase (down, right) in cells; wrapped here.

    Returns
    -------
    mean : array (cells, cells, ...)
        NaN where no probe position falls.
    count : int array (cells, cells)
    """
    bins = np.floor((phase % 1.0) * cells).astype(int) % cells
    flat = (bins[..., 0] * cells + bins[..., 1]).ravel()
    count = np.bincount(flat, minlength=cells * cells)
    rows = values.reshape(len(flat), -1)
    total = torch.zeros(cells * cells, rows.shape[1], dtype=torch.float64)
    total.index_add_(0, torch.from_numpy(flat), torch.from_numpy(np.ascontiguousarray(rows, dtype=np.float64)))
    with np.errstate(invalid="ignore"):
        mean = total.numpy() / count[:, None]
    return mean.reshape(cells, cells, *values.shape[2:]), count.reshape(cells, cells)


def _propose(
    values: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64], cell_A: tuple[float, float], tolerance: float
) -> list[NDArray[np.float64]]:
    """Pairs of reciprocal lattice vectors (rows, in (y, x)) with much power in the windowed spectrum, best first.

    The two vectors are turned together and may then each move by the tolerance; a pair counts with all its harmonics.
    """
    window = np.hanning(len(y) + 2)[1:-1, None] * np.hanning(len(x) + 2)[None, 1:-1]
    signal = window * (values - (window * values).sum((1, 2), keepdims=True) / window.sum())

    def power(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Spectral power of all images at the vectors (n, 2)."""
        along_y = np.exp(-2j * np.pi * vectors[:, :1] * y)
        along_x = np.exp(-2j * np.pi * vectors[:, 1:] * x)
        return np.asarray((np.abs(np.einsum("ny,iyx,nx->in", along_y, signal, along_x, optimize=True)) ** 2).sum(0))

    square = abs(cell_A[0] / cell_A[1] - 1) < 0.02
    resolution = 1.0 / max(y[-1], x[-1])
    angle_step = min(0.5 * resolution * min(cell_A), 0.15)
    reach = np.pi / 4 if square else np.pi / 2
    angles = np.arange(-reach, reach, angle_step)
    offsets = np.arange(-tolerance, tolerance + 1e-9, max(0.25 * angle_step, 0.01))
    stretch, skew = (grid.ravel() for grid in np.meshgrid(offsets, offsets, indexing="ij"))
    scores, pairs = [], []
    for angle in angles:
        down, right = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        chosen = []
        for own, other, edge in ((down, right, cell_A[0]), (right, down, cell_A[1])):
            candidates = (own * (1 + stretch[:, None]) + other * skew[:, None]) / edge
            powers = power(candidates)
            # a mild preference for the undistorted lattice decides between equals
            powers = powers * np.exp(-0.5 * (stretch**2 + skew**2) / tolerance**2)
            chosen.append(candidates[powers.argmax()])
        pairs.append(np.array(chosen))
        scores.append(float(power(STAR @ pairs[-1]).sum()))
    peaks = np.flatnonzero((scores >= np.roll(scores, 1)) & (scores >= np.roll(scores, -1)))
    return [pairs[index] for index in sorted(peaks, key=lambda index: -scores[index])[:PROPOSALS]]


def _design(y: NDArray[np.float64], x: NDArray[np.float64], coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    phase = monomials(y, x, len(coefficients)) @ coefficients
    angle = 2 * np.pi * (phase.reshape(-1, 2) @ STAR.T)
    return np.concatenate([np.ones((len(angle), 1)), np.cos(angle), np.sin(angle)], 1)


def _misfit(values: NDArray[np.float64], design: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = values.reshape(len(values), -1).T
    return np.asarray(flat - design @ np.linalg.lstsq(design, flat, rcond=None)[0]).ravel()


def _explained(values: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64], coefficients: NDArray[np.float64]) -> float:
    total = (values**2).sum()
    return float(1 - (_misfit(values, _design(y, x, coefficients)) ** 2).sum() / total) if total else 0.0


def _distortion(coefficients: NDArray[np.float64], cell_A: tuple[float, float]) -> float:
    """Largest stretch or squeeze of the expected cell, as a fraction."""
    stretches = np.linalg.svd(coefficients[1:3].T * np.array(cell_A)[:, None], compute_uv=False)
    return float(np.abs(stretches - 1).max())


def _refine(
    values: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64], coefficients: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Least squares over the lattice vectors; the harmonics' amplitudes, and so the origin, are eliminated linearly."""
    extent = max(y[-1], x[-1])

    def residual(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        return _misfit(values, _design(y, x, np.concatenate([coefficients[:1], parameters.reshape(-1, 2) / extent])))

    solution = least_squares(residual, (coefficients[1:] * extent).ravel(), x_scale=0.1, max_nfev=60)
    return np.concatenate([coefficients[:1], solution.x.reshape(-1, 2) / extent])


def _brightest(
    values: NDArray[np.float64], y: NDArray[np.float64], x: NDArray[np.float64], coefficients: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Phase at which the fitted harmonics are largest, to 1/200 of a cell."""
    solution = np.linalg.lstsq(_design(y, x, coefficients), values[0].ravel(), rcond=None)[0]
    place = np.arange(200) / 200
    grid = np.stack(np.meshgrid(place, place, indexing="ij"), -1).reshape(-1, 2)
    angle = 2 * np.pi * grid @ STAR.T
    return np.asarray(grid[(np.cos(angle) @ solution[1 : 1 + len(STAR)] + np.sin(angle) @ solution[1 + len(STAR) :]).argmax()])
