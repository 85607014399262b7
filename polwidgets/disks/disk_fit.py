"""Measuring disks: the probe's edge around an inside that varies freely, marginalised over, weighted by its own errors.

Dynamical diffraction fills every disk with its rocking curve, so only the edge tells where the disk is. The inside is a
polynomial with a smoothness prior; blurred together with the edge, a product of the two is f p + s^2 grad f . grad p to
first order in the edge's variance s^2. For a given place the polynomial and a plane of background are linear, so they are
eliminated (variable projection, doi:10.1137/0710036), and what is left are gradient and curvature of the likelihood in
the place of the disk: all that a fit of one disk, or of a lattice, needs.
"""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from polwidgets.disks.probe import TABLE_PX, DiskProbe

DEGREE: Final = 3
POWERS: Final = tuple((i, order - i) for order in range(DEGREE + 1) for i in range(order + 1))
ORDERS: Final = torch.tensor([sum(power) for power in POWERS])
PRIOR: Final = 2.0  # standard deviation of the polynomial's terms over the mean
STIFF: Final = 0.15  # the same at first, when places are still unknown
BORDER_PX: Final = 3.0  # of background around a disk
FINE_PX: Final = 0.002  # so fine that the nearest entry of a table will do
PLANE: Final = 3  # terms of the background: level and slopes, those of order 0 and 1
CHUNK: Final = 128  # disks at once: what they need stays in the processor's cache
FLOOR: Final = 0.3  # electrons a pixel: least variance


@dataclasses.dataclass(frozen=True)
class DiskLikelihood:
    """How the likelihood of disks changes with their places, and what is inside.

    Attributes
    ----------
    gradient : tensor (disk, 2)
        Of the log-likelihood, at the given places, 1/pixel.
    information : tensor (disk, 2, 2)
        Its negative curvature: the inverse covariance of the place.
    coefficients : tensor (disk, term)
        Of the polynomial, the constant first, and of the background's plane, last.
    misfit : tensor (disk,)
        Chi-square over its degrees of freedom.
    intensity : tensor (disk,)
        Sum of the disk without background.
    """

    gradient: torch.Tensor
    information: torch.Tensor
    coefficients: torch.Tensor
    misfit: torch.Tensor
    intensity: torch.Tensor

    def replaced(self, better: torch.Tensor, other: DiskLikelihood) -> DiskLikelihood:
        """Those of `other` where `better` (disk,) says so."""
        pairs = ((getattr(self, field.name), getattr(other, field.name)) for field in dataclasses.fields(self))
        return DiskLikelihood(*(torch.where(better.reshape(-1, *[1] * (old.ndim - 1)), new, old) for old, new in pairs))


class DiskFit:
    """The disk model over windows of a batch of patterns.

    Parameters
    ----------
    patterns : float tensor (pattern, ky, kx)
    good : bool tensor (pattern, ky, kx)
    probe : DiskProbe
    gain : float
        What one electron adds to a pattern.
    clear_px : float
        Distance from a disk's middle within which pixels belong to it alone.
    """

    def __init__(self, patterns: torch.Tensor, good: torch.Tensor, probe: DiskProbe, *, gain: float, clear_px: float = np.inf) -> None:
        self._probe, self._gain = probe, gain
        self._reach = min(probe.radius_px + BORDER_PX, clear_px)
        self._shape = torch.from_numpy(probe.shape).to(patterns)
        radii = np.arange(0, (len(probe.profile) - 1) * TABLE_PX, FINE_PX)
        known = np.arange(len(probe.profile)) * TABLE_PX
        self._tables = torch.from_numpy(np.stack([np.interp(radii, known, each) for each in (probe.profile, probe.slope)])).to(patterns)
        self._derivatives = torch.from_numpy(np.stack([_derivative(axis) for axis in (0, 1)])).to(patterns) / probe.radius_px
        # a place is up to half a pixel's diagonal from the middle of its window
        farthest = self._reach * float(np.linalg.norm(np.linalg.inv(probe.shape), 2)) + 0.71
        self._margin = int(farthest) + 1
        side = torch.arange(-self._margin, self._margin + 1, device=patterns.device)
        window = torch.stack(torch.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
        self._window = window[torch.linalg.vector_norm(window.to(patterns), dim=1) < farthest]
        border = (self._margin,) * 4
        self._patterns, self._good = (torch.nn.functional.pad(each, border) for each in (patterns, good))

    def at(
        self, index: torch.Tensor, places: torch.Tensor, coefficients: torch.Tensor | None = None, prior: float = PRIOR
    ) -> DiskLikelihood:
        """Likelihood of disks at `places` (disk, 2) of patterns `index` (disk,).

        The `coefficients` of a previous step sharpen the weights.
        """
        parts = [slice(start, start + CHUNK) for start in range(0, max(len(index), 1), CHUNK)]
        found = [self._part(index[each], places[each], None if coefficients is None else coefficients[each], prior) for each in parts]
        return DiskLikelihood(*(torch.cat(column) for column in zip(*found, strict=True)))

    def _part(self, index: torch.Tensor, places: torch.Tensor, coefficients: torch.Tensor | None, prior: float) -> tuple[torch.Tensor, ...]:
        data, good, offset = self._gather(index, places)
        distance = (offset[:, 0] ** 2 + offset[:, 1] ** 2).sqrt()
        good &= distance < self._reach
        nearest = (distance * (1 / FINE_PX)).long().clamp_(max=self._tables.shape[1] - 1)
        profile = self._tables[0][nearest]
        steepness = self._tables[1][nearest] / distance.clamp(min=1e-3)
        terms = _monomials(offset / self._probe.radius_px)
        basis = self._basis(terms, profile, steepness)
        if coefficients is None:
            expected, mean = data, (data * good).amax(1)
        else:
            expected, mean = _combined(coefficients, basis), coefficients[:, 0]
        weight = good / (self._gain * expected).clamp(min=FLOOR * self._gain**2)
        weighted = basis * weight[:, None]
        tightness = (ORDERS > 0).to(data) / (prior * mean.clamp(min=self._gain)[:, None]) ** 2 + 1e-9
        normal = weighted @ basis.mT + torch.diag_embed(torch.nn.functional.pad(tightness, (0, PLANE), value=1e-9))
        inverse = torch.linalg.inv(normal.double()).to(normal)
        coefficients = (inverse @ (weighted @ data[..., None]))[..., 0]
        residual = data - _combined(coefficients, basis)
        inside = coefficients[:, :-PLANE]
        filling = _combined(inside, terms)
        tilt = torch.einsum("xlt,dt->dxl", self._derivatives, inside) @ terms[:, : self._derivatives.shape[1]]
        # the place moves opposite to the offset, which the matrix takes to the circle
        change = self._shape.T @ ((filling * steepness)[:, None] * offset - tilt * profile[:, None])
        moved = change * weight[:, None]
        gradient = (moved @ residual[..., None])[..., 0]
        mixed = moved @ basis.mT
        information = moved @ change.mT - mixed @ inverse @ mixed.mT
        freedom = (good.sum(1) - basis.shape[1]).clamp(min=1)
        misfit = (weight * residual**2).sum(1) / freedom
        return gradient, information, coefficients, misfit, (filling * profile).sum(1)

    def _basis(self, terms: torch.Tensor, profile: torch.Tensor, steepness: torch.Tensor) -> torch.Tensor:
        """The polynomial's terms behind the edge, and the background's plane, (disk, term, pixel)."""
        count = terms.shape[1]
        basis = torch.empty(len(terms), count + PLANE, terms.shape[2], dtype=terms.dtype, device=terms.device)
        for order in range(DEGREE + 1):
            # the gradient of a term of order n along the radius is n times the term (Euler)
            radial = profile - (self._probe.edge_px**2 * order) * steepness if order else profile
            first, end = order * (order + 1) // 2, (order + 1) * (order + 2) // 2
            torch.mul(terms[:, first:end], radial[:, None], out=basis[:, first:end])
        basis[:, count:] = terms[:, :PLANE]
        return basis

    def _gather(self, index: torch.Tensor, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pixels around places: intensity, whether they count, and offset from the place on the probe's circle."""
        rows, columns = self._patterns.shape[1:]
        corner = places.round().long().clamp(min=0) + self._margin
        corner = torch.minimum(corner, torch.tensor([rows, columns], device=places.device) - 1 - self._margin)
        first = (index * rows + corner[:, 0]) * columns + corner[:, 1]
        flat = first[:, None] + (self._window[:, 0] * columns + self._window[:, 1])
        offset = self._window.T.to(places) + (corner - self._margin - places)[..., None]
        return self._patterns.view(-1)[flat], self._good.view(-1)[flat], self._shape @ offset


def fit_places(
    fit: DiskFit, index: torch.Tensor, places: torch.Tensor, *, steps: int = 4, stiff: float = STIFF
) -> tuple[torch.Tensor, DiskLikelihood]:
    """Every disk by itself: its most likely place, and the likelihood there. Insides are held `stiff` at first."""
    start, likelihood = places, fit.at(index, places, prior=stiff)
    for step in range(steps):
        certain = likelihood.information + 1e-2 * torch.eye(2, dtype=places.dtype, device=places.device)
        move = torch.linalg.solve(certain, likelihood.gradient[..., None])[..., 0]
        length = torch.linalg.vector_norm(move, dim=-1, keepdim=True)
        places = start + (places + move / length.clamp(min=1) - start).clamp(-2.5, 2.5)
        likelihood = fit.at(index, places, likelihood.coefficients, stiff if step < 1 else PRIOR)
    return places, likelihood


def _monomials(offset: torch.Tensor) -> torch.Tensor:
    """All of `POWERS`, in their order, of offsets (disk, 2, pixel): (disk, term, pixel)."""
    terms = torch.empty(len(offset), len(POWERS), offset.shape[2], dtype=offset.dtype, device=offset.device)
    terms[:, 0] = 1
    for place, (down, right) in enumerate(POWERS[1:], 1):
        axis = 0 if down else 1
        torch.mul(terms[:, POWERS.index((down - (axis == 0), right - (axis == 1)))], offset[:, axis], out=terms[:, place])
    return terms


def _combined(coefficients: torch.Tensor, terms: torch.Tensor) -> torch.Tensor:
    return (coefficients[:, None] @ terms)[:, 0]


def _derivative(axis: int) -> NDArray[np.float64]:
    """Matrix (lower term, term) whose column is the derivative of a monomial along an axis, in monomials."""
    lower = [power for power in POWERS if sum(power) < DEGREE]
    matrix = np.zeros((len(lower), len(POWERS)))
    for column, power in enumerate(POWERS):
        if power[axis]:
            matrix[lower.index((power[0] - (axis == 0), power[1] - (axis == 1))), column] = power[axis]
    return matrix
