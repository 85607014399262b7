"""Diffraction patterns from a scattering matrix, on its own k mesh.

For a periodic crystal the pattern is a short trigonometric series in the probe position: the highest frequency is the
aperture's diameter. So a few dozen coefficients a pixel (`pattern_series`) give the pattern of every probe position
there is; a finite source only damps them.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from numpy.typing import NDArray

from polwidgets.simulate.probe import Probe
from polwidgets.simulate.smatrix import ScatteringMatrix


def patterns_at(smatrix: ScatteringMatrix, positions_A: NDArray[np.float64], *, probe: Probe, thickness_index: int = 0) -> torch.Tensor:
    """Patterns at probe positions.

    Parameters
    ----------
    positions_A : array (position, 2)
        Probe positions (down, right) from the cell's origin, angstrom.

    Returns
    -------
    real tensor (position, rows, columns)
        Fractions of the incident intensity a mesh point; the beam's axis is at ``probe.tilt_wave`` from the middle.
    """
    weighted, incoming = _weighted_columns(smatrix, probe, thickness_index)
    return _onto_mesh(smatrix, _intensities(weighted, incoming, positions_A / np.array(smatrix.cell_A)))


def position_averaged(smatrix: ScatteringMatrix, *, probe: Probe, thickness_index: int = 0) -> torch.Tensor:
    """Position-averaged pattern (PACBED), (rows, columns): incoherent in g0, so no position is needed."""
    weighted, _ = _weighted_columns(smatrix, probe, thickness_index)
    return _onto_mesh(smatrix, (weighted.real.square() + weighted.imag.square()).sum(1, keepdim=True))[0]


@functools.lru_cache(maxsize=16)
def frequencies(order: int) -> NDArray[np.int64]:
    """Half of the frequencies (down, right) within a circle of `order`, zero first; the other half is conjugate."""
    reach = np.arange(-order, order + 1)
    grid = np.stack(np.meshgrid(reach, reach, indexing="ij"), -1).reshape(-1, 2)
    half = grid[(grid[:, 0] > 0) | ((grid[:, 0] == 0) & (grid[:, 1] > 0))]
    half = half[(half**2).sum(1) <= order**2]
    half = half[np.lexsort((half[:, 1], half[:, 0], (half**2).sum(1)))]
    return np.concatenate([np.zeros((1, 2), np.int64), half])


def basis(phase: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """Values of the series' terms at phases.

    Parameters
    ----------
    phase : array (..., 2)
        Probe position in the unit cell, in cells (down, right).

    Returns
    -------
    array (..., term)
        One, then cosine and sine of every frequency in turn.
    """
    angle = 2 * np.pi * np.asarray(phase, float) @ frequencies(order)[1:].T
    waves = np.stack([np.cos(angle), np.sin(angle)], -1).reshape(*angle.shape[:-1], -1)
    return np.concatenate([np.ones((*angle.shape[:-1], 1)), waves], -1)


def basis_slope(phase: NDArray[np.float64], order: int, axis: int) -> NDArray[np.float64]:
    """Derivative of `basis` along one axis of the phase, per cell."""
    wave = 2 * np.pi * frequencies(order)[1:]
    angle = np.asarray(phase, float) @ wave.T
    waves = np.stack([-np.sin(angle) * wave[:, axis], np.cos(angle) * wave[:, axis]], -1).reshape(*angle.shape[:-1], -1)
    return np.concatenate([np.zeros((*angle.shape[:-1], 1)), waves], -1)


def pattern_series(smatrix: ScatteringMatrix, *, probe: Probe, order: int, thickness_index: int = 0) -> torch.Tensor:
    """Patterns as a trigonometric series in the probe's phase in the unit cell, exact up to `order`.

    The patterns of a position mesh fine enough for the aperture's diameter are transformed; frequencies above `order`
    are dropped (a source of a third of an angstrom damps the fourth to a sixth).

    Returns
    -------
    real tensor (term, rows, columns)
        Coefficients of the terms of `basis`.
    """
    if order == 0:
        return position_averaged(smatrix, probe=probe, thickness_index=thickness_index)[None]
    weighted, incoming = _weighted_columns(smatrix, probe, thickness_index)
    # the highest frequency is the aperture's diameter; so fine a mesh that what is dropped does not alias into what is kept
    count = np.ptp(incoming, axis=0) + order + 1
    phase = np.stack(np.meshgrid(*(np.arange(n) / n for n in count), indexing="ij"), -1).reshape(-1, 2)
    transform = basis(phase, order).T / len(phase)
    transform[1:] *= 2
    intensity = _intensities(weighted, incoming, phase)
    return _onto_mesh(smatrix, torch.from_numpy(transform).to(intensity) @ intensity)


def source_damping(order: int, source_A: float, cell_A: tuple[float, float]) -> NDArray[np.float64]:
    """What a Gaussian source of standard deviation `source_A` leaves of every term of the series, (term,)."""
    wave = frequencies(order) / np.array(cell_A)
    damping = np.exp(-2 * np.pi**2 * source_A**2 * (wave**2).sum(1))
    return np.concatenate([damping[:1], np.repeat(damping[1:], 2)])


def _weighted_columns(smatrix: ScatteringMatrix, probe: Probe, thickness_index: int) -> tuple[torch.Tensor, NDArray[np.int64]]:
    """Columns times the probe's amplitude, normalised to unit intensity; columns outside the aperture are dropped."""
    amplitude = probe.amplitude(smatrix.k_incoming, voltage_kV=smatrix.voltage_kV, edge=max(smatrix.k_step))
    used = np.abs(amplitude).max(0) > 0
    amplitude = amplitude[:, used] / np.sqrt((np.abs(amplitude) ** 2).sum())
    columns = smatrix.values[thickness_index][:, torch.from_numpy(used)]
    return columns * torch.from_numpy(amplitude).to(columns)[:, :, None], smatrix.incoming[used]


def _intensities(weighted: torch.Tensor, incoming: NDArray[np.int64], phase: NDArray[np.float64]) -> torch.Tensor:
    """Intensities (class, position, outgoing) at phases (position, 2)."""
    angle = torch.from_numpy(-2 * np.pi * phase @ incoming.T)
    waves = torch.matmul(torch.polar(torch.ones_like(angle), angle).to(weighted), weighted)
    return waves.real.square() + waves.imag.square()


def _onto_mesh(smatrix: ScatteringMatrix, intensity: torch.Tensor) -> torch.Tensor:
    """(class, n, outgoing) to patterns (n, rows, columns) in order of k."""
    rows, columns = (2 * half + 1 for half in smatrix.half_width)
    inside = smatrix.pixel.ravel() >= 0
    # the patterns are gathered, not scattered: every mesh point is met once
    source = np.empty(rows * columns, np.int64)
    source[smatrix.pixel.ravel()[inside]] = np.flatnonzero(inside)
    flat = intensity.transpose(0, 1).reshape(intensity.shape[1], -1)
    return flat[:, torch.from_numpy(source).to(flat.device)].reshape(-1, rows, columns)
