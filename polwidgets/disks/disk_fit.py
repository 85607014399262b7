"""Measuring disks: the probe's edge around an inside that varies freely, marginalised over, weighted by its own errors.

Dynamical diffraction fills every disk with its rocking curve, so only the edge tells where the disk is. The inside is a
polynomial with a smoothness prior; blurred together with the edge, a product of the two is f p + s^2 grad f . grad p to
first order in the edge's variance s^2. For a given place the polynomial and a flat background are linear, so they are
eliminated (variable projection, doi:10.1137/0710036), and what is left are gradient and curvature of the likelihood in
the place of the disk: all that a fit of one disk, or of a lattice, needs.
"""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import torch

from polwidgets.disks.probe import TABLE_PX, DiskProbe

DEGREE: Final = 3
PRIOR: Final = 2.0  # standard deviation of the polynomial's terms over the mean
STIFF: Final = 0.15  # the same at first, when places are still unknown
BORDER_PX: Final = 3.0  # of background around a disk
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
        Of the polynomial, the constant first, and of the background, last.
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
        self._patterns, self._good, self._probe, self._gain = patterns, good, probe, gain
        self._half = int(np.ceil(min(probe.longest_px + BORDER_PX - 1, clear_px)))
        self._reach = min(probe.radius_px + BORDER_PX, clear_px)
        kind = {"dtype": patterns.dtype, "device": patterns.device}
        self._shape = torch.from_numpy(probe.shape).to(**kind)
        self._profile, self._slope = (torch.from_numpy(table).to(**kind) for table in (probe.profile, probe.slope))
        powers = [(i, order - i) for order in range(DEGREE + 1) for i in range(order + 1)]
        self._powers = powers
        self._derivatives = [torch.from_numpy(_derivative(powers, axis)).to(**kind) / probe.radius_px for axis in (0, 1)]
        self._varies = torch.tensor([float(sum(power) > 0) for power in powers], **kind)
        side = torch.arange(-self._half, self._half + 1, device=patterns.device)
        self._window = torch.stack(torch.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)

    def at(self, index: torch.Tensor, places: torch.Tensor, coefficients: torch.Tensor | None = None, prior: float = PRIOR) -> DiskLikelihood:
        """Likelihood of disks at `places` (disk, 2) of patterns `index` (disk,).

        The `coefficients` of a previous step sharpen the weights.
        """
        data, good, offset = self._gather(index, places)
        distance = torch.linalg.vector_norm(offset, dim=-1)
        good = good & (distance < self._reach)
        profile, slope = self._look_up(distance)
        scaled = offset / self._probe.radius_px
        ones = torch.ones_like(distance)
        down, right = ([ones, x, x * x, x * x * x] for x in (scaled[..., 0], scaled[..., 1]))
        terms = torch.stack([down[i] * right[j] for i, j in self._powers], -1)
        fall = -slope[..., None] * offset / distance.clamp(min=1e-6)[..., None]
        variance = self._probe.edge_px**2
        smeared = sum((terms @ each) * fall[..., axis, None] for axis, each in enumerate(self._derivatives))
        basis = torch.cat([terms * profile[..., None] + variance * smeared, ones[..., None]], -1)
        if coefficients is None:
            expected, mean = data, (data * good).amax(1)
        else:
            expected, mean = (basis @ coefficients[..., None])[..., 0], coefficients[:, 0]
        weight = good / (self._gain * expected.clamp(min=FLOOR * self._gain))
        weighted = basis * weight[..., None]
        normal = weighted.mT @ basis
        tightness = self._varies / (prior * mean.clamp(min=self._gain)[:, None]) ** 2 + 1e-9
        normal = normal + torch.diag_embed(torch.nn.functional.pad(tightness, (0, 1), value=1e-9))
        inverse = torch.linalg.inv(normal.double()).to(normal)
        coefficients = (inverse @ (weighted * data[..., None]).sum(1)[..., None])[..., 0]
        residual = data - (basis @ coefficients[..., None])[..., 0]
        inside = coefficients[:, :-1, None]
        filling = (terms @ inside)[..., 0]
        tilt = torch.cat([terms @ (each @ inside) for each in self._derivatives], -1)
        # the place moves opposite to the offset, which the matrix takes to the circle
        change = -(tilt * profile[..., None] + filling[..., None] * fall) @ self._shape
        moved = change * weight[..., None]
        gradient = (moved * residual[..., None]).sum(1)
        mixed = moved.mT @ basis
        information = moved.mT @ change - mixed @ inverse @ mixed.mT
        freedom = (good.sum(1) - basis.shape[-1]).clamp(min=1)
        misfit = (weight * residual**2).sum(1) / freedom
        intensity = ((filling * profile) * (distance < self._probe.radius_px + 3 * self._probe.edge_px)).sum(1)
        return DiskLikelihood(gradient, information, coefficients, misfit, intensity)

    def _gather(self, index: torch.Tensor, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pixels around places: intensity, whether they count, and offset from the place on the probe's circle."""
        rows, columns = self._patterns.shape[1:]
        pixels = places.round().long()[:, None] + self._window
        inside = ((pixels >= 0) & (pixels < torch.tensor([rows, columns], device=pixels.device))).all(-1)
        flat = (index[:, None] * rows + pixels[..., 0].clamp(0, rows - 1)) * columns + pixels[..., 1].clamp(0, columns - 1)
        data = self._patterns.reshape(-1)[flat]
        good = self._good.reshape(-1)[flat] & inside
        return data, good, (pixels.to(places) - places[:, None]) @ self._shape.T

    def _look_up(self, distance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        place = (distance / TABLE_PX).clamp(max=len(self._profile) - 2)
        low = place.long()
        rest = place - low
        return tuple(table[low] * (1 - rest) + table[low + 1] * rest for table in (self._profile, self._slope))  # type: ignore[return-value]


def fit_places(fit: DiskFit, index: torch.Tensor, places: torch.Tensor, *, steps: int = 4) -> tuple[torch.Tensor, DiskLikelihood]:
    """Every disk by itself: its most likely place, and the likelihood there."""
    start, likelihood = places, fit.at(index, places, prior=STIFF)
    for step in range(steps):
        certain = likelihood.information + 1e-2 * torch.eye(2, dtype=places.dtype, device=places.device)
        move = torch.linalg.solve(certain, likelihood.gradient[..., None])[..., 0]
        length = torch.linalg.vector_norm(move, dim=-1, keepdim=True)
        places = start + (places + move / length.clamp(min=1) - start).clamp(-2.5, 2.5)
        likelihood = fit.at(index, places, likelihood.coefficients, STIFF if step < 1 else PRIOR)
    return places, likelihood


def _derivative(powers: list[tuple[int, int]], axis: int) -> np.ndarray:
    """Matrix (term, term) whose column is the derivative of a monomial along an axis, in monomials."""
    matrix = np.zeros((len(powers), len(powers)))
    for column, power in enumerate(powers):
        if power[axis]:
            lower = (power[0] - (axis == 0), power[1] - (axis == 1))
            matrix[powers.index(lower), column] = power[axis]
    return matrix
