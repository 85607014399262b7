"""From the simulator's k mesh to a detector's pixels: shift, rotate, rescale and blur in one sparse matrix."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import ndtr


def detector_points(
    k: NDArray[np.float64], *, rotation_deg: float = 0.0, center: tuple[float, float] = (0.0, 0.0), scale: float = 1.0
) -> NDArray[np.float64]:
    """Wave vectors of a detector's pixels, from the beam's axis and in the crystal's frame.

    Parameters
    ----------
    k : array (pixel, 2)
        Detector coords (down, right), 1/angstrom.
    rotation_deg : float
        Angle of the crystal's axes on the detector, anticlockwise on screen.
    center : (float, float)
        Where the undiffracted beam lies in these coords, (down, right), 1/angstrom.
    scale : float
        True wave number over the one that the coords say.

    Returns
    -------
    array (pixel, 2)
    """
    down, right = ((k - np.array(center)) * scale).T
    angle = np.deg2rad(rotation_deg)
    return np.stack([np.cos(angle) * down + np.sin(angle) * right, -np.sin(angle) * down + np.cos(angle) * right], -1)


def pixel_grid(ky: NDArray[np.float64], kx: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coords (down, right) of every pixel of a detector, row by row, (pixel, 2)."""
    return np.stack(np.meshgrid(ky, kx, indexing="ij"), -1).reshape(-1, 2)


def detector_matrix(
    points: NDArray[np.float64], *, k_step: tuple[float, float], half_width: tuple[int, int], blur: float, scale: float = 1.0
) -> csr_array:
    """Matrix that takes flattened mesh patterns to detector pixels.

    Linear interpolation convolved with a Gaussian, in closed form, so that any blur down to none is exact and no
    intensity is made or lost.

    Parameters
    ----------
    points : array (pixel, 2)
        Where the pixels look, in the crystal's frame, 1/angstrom.
    blur : float
        Standard deviation of the detector's point spread, 1/angstrom.
    scale : float
        Factor on the result, for example the area of a pixel over that of a mesh cell.
    """
    rows, columns = (2 * half + 1 for half in half_width)
    weights, places = [], []
    for axis, size in enumerate((rows, columns)):
        place = points[:, axis] / k_step[axis] + half_width[axis]
        sigma = max(blur / k_step[axis], 1e-6)
        reach = int(np.ceil(3.5 * sigma + 1))
        near = np.floor(place).astype(int)[:, None] + np.arange(-reach + 1, reach + 1)
        weight = _blurred_hat(place[:, None] - near, sigma)
        weights.append(np.where((near >= 0) & (near < size), weight, 0.0))
        places.append(near.clip(0, size - 1))
    values = scale * weights[0][:, :, None] * weights[1][:, None, :]
    index = places[0][:, :, None] * columns + places[1][:, None, :]
    count = values.shape[1] * values.shape[2]
    pointer = np.arange(len(points) + 1) * count
    matrix = csr_array((values.ravel(), index.ravel(), pointer), shape=(len(points), rows * columns))
    matrix.sum_duplicates()
    return matrix


def on_detector(matrix: csr_array, patterns: torch.Tensor) -> torch.Tensor:
    """Apply a detector matrix to mesh patterns (n, rows, columns); returns (n, pixel)."""
    flat = patterns.reshape(len(patterns), -1)
    if flat.device.type == "cpu":
        dense = np.ascontiguousarray(flat.numpy().T)
        return torch.from_numpy(np.ascontiguousarray((matrix.astype(dense.dtype) @ dense).T))
    sparse = torch.sparse_csr_tensor(matrix.indptr, matrix.indices, matrix.data, matrix.shape, dtype=flat.dtype, device=flat.device)
    return (sparse @ flat.T).T.contiguous()


def _blurred_hat(distance: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Linear interpolation's hat of unit half-width convolved with a Gaussian: second difference of its antiderivative."""

    def ramp(x: NDArray[np.float64]) -> NDArray[np.float64]:
        z = x / sigma
        return np.asarray(x * ndtr(z) + sigma * np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi))

    return ramp(distance + 1) - 2 * ramp(distance) + ramp(distance - 1)
