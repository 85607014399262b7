"""One lattice through all disks of a pattern at once: weak disks, which fix no place by themselves, still say their share."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from polwidgets.disks.disk_fit import PRIOR, DiskFit, DiskLikelihood

Array = NDArray[np.float64]

# standard deviations of the insides' terms, step by step: held stiff while places are unknown, else a disk lit on one
# side is taken for a whole one elsewhere
PRIORS: Final = (0.05, 0.1, 0.3, PRIOR, PRIOR)
FREE: Final = (0.3, 1.0, PRIOR, PRIOR, PRIOR)  # where places are known to about half a pixel
TRUSTING: Final = 3  # steps in which every disk has its full say
TRUSTED: Final = 6.0  # squared deviations beyond which a disk loses its say
SYSTEMATIC_PX: Final = 0.02  # what the model of a disk leaves out


@dataclasses.dataclass(frozen=True)
class LatticeFit:
    """Fitted lattices of a batch of patterns, in detector pixels.

    Attributes
    ----------
    parameters : array (pattern, 6)
        Origin (row, column) and both basis vectors (row, column).
    covariance : array (pattern, 6, 6)
        Of the parameters, from the likelihood alone.
    deviation : array (pattern,)
        Mean squared deviation of the disks from the lattice over what their errors let expect: 1 where all is well.
    count : array (pattern,)
        Disks that had a say.
    misfit : array (pattern,)
        Mean of the disks' chi-squares over their degrees of freedom.
    """

    parameters: Array
    covariance: Array
    deviation: Array
    count: NDArray[np.int64]
    misfit: Array

    def improved(self, other: LatticeFit) -> LatticeFit:
        """Pattern by pattern, whichever fits the disks better."""
        better = other.misfit < self.misfit
        pairs = ((getattr(self, field.name), getattr(other, field.name)) for field in dataclasses.fields(self))
        return LatticeFit(*(np.where(better.reshape(-1, *[1] * (old.ndim - 1)), new, old) for old, new in pairs))


class FixedDisks:
    """Disks that were measured one by one: places (disk, 2) and their inverse covariance (disk, 2, 2)."""

    def __init__(self, places: torch.Tensor, information: torch.Tensor) -> None:
        self._places, self._information = places, information

    def at(
        self,
        index: torch.Tensor,  # noqa: ARG002, as `DiskFit.at`
        places: torch.Tensor,
        coefficients: torch.Tensor | None = None,  # noqa: ARG002
        prior: float = PRIOR,  # noqa: ARG002
    ) -> DiskLikelihood:
        """The likelihood of other places, a parabola around the measured ones."""
        gradient = (self._information @ (self._places - places)[..., None])[..., 0]
        ones = torch.ones(len(places))
        return DiskLikelihood(gradient, self._information, ones[:, None], ones, ones)


def fit_lattice(
    fit: DiskFit | FixedDisks, start: Array, indices: Array, present: NDArray[np.bool_], *, priors: tuple[float, ...] = PRIORS
) -> LatticeFit:
    """Most likely lattice given every disk's likelihood.

    Parameters
    ----------
    fit : DiskFit or FixedDisks
        The likelihood of every disk in `present`, row by row.
    start : array (pattern, 6)
        Parameters to start from; NaN in patterns that have no disks.
    indices : array (pattern, disk, 2)
        Lattice points whose disks are looked at.
    present : bool array (pattern, disk)
        False pads patterns with fewer disks.
    priors : tuple of float
        Standard deviation of the insides' terms, step by step.
    """
    index, slot = np.nonzero(present)
    patterns = len(present)
    parameters = torch.from_numpy(np.nan_to_num(start))
    design = torch.from_numpy(_design(indices[index, slot]))
    owner = torch.from_numpy(index)
    coefficients = None
    for step, prior in enumerate(priors):
        places = torch.einsum("dij,dj->di", design, parameters[owner])
        likelihood = fit.at(owner, places.float(), coefficients, prior)
        coefficients = likelihood.coefficients
        information, gradient, deviation, say = _weighed(likelihood, trusting=step < TRUSTING)
        normal = _summed(owner, patterns, design.mT @ information @ design)
        side = _summed(owner, patterns, (design.mT @ gradient[..., None])[..., 0])
        covariance = torch.linalg.inv(normal + 1e-6 * torch.eye(6, dtype=normal.dtype))
        if step < len(priors) - 1:
            move = (covariance @ side[..., None])[..., 0]
            # no disk may jump: the basis is multiplied by indices of a few
            longest = move.abs().amax(1, keepdim=True) * 2
            parameters = parameters + move / longest.clamp(min=1)
    count = _summed(owner, patterns, say)
    freedom = (2 * count - 6).clamp(min=1)
    spread = _summed(owner, patterns, say * deviation) / freedom
    disks = torch.bincount(owner, minlength=patterns)
    misfit = torch.where(disks > 0, _summed(owner, patterns, likelihood.misfit.double()) / disks.clamp(min=1), torch.inf)
    results = (parameters, covariance, spread, count.round().long(), misfit)
    return LatticeFit(*(each.cpu().numpy() for each in results))


def _weighed(likelihood: DiskLikelihood, *, trusting: bool) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Information and gradient of disks after errors that the model leaves out, squared deviations, and who has a say."""
    eye = torch.eye(2, dtype=torch.float64)
    honest = likelihood.misfit.double().clamp(min=1)[:, None]
    information = likelihood.information.double() / honest[..., None]
    information = 0.5 * (information + information.mT) + 1e-3 * eye
    gradient = likelihood.gradient.double() / honest
    covariance = torch.linalg.inv(information)
    softened = torch.linalg.inv(covariance + SYSTEMATIC_PX**2 * eye)
    away = (covariance @ gradient[..., None])[..., 0]
    deviation = (away * (softened @ away[..., None])[..., 0]).sum(-1)
    says = (likelihood.intensity > 0) & torch.isfinite(deviation)
    # a disk whose place is unknown to half a pixel neither helps nor counts
    says &= torch.diagonal(information, dim1=-2, dim2=-1).sum(-1) > 8
    say = says.double() * (1.0 if trusting else 1 / (1 + deviation / TRUSTED))
    softened = torch.nan_to_num(softened) * say[:, None, None]
    return softened, (softened @ torch.nan_to_num(away)[..., None])[..., 0], torch.nan_to_num(deviation), say


def _design(indices: Array) -> Array:
    """Matrices (disk, 2, 6) from lattice parameters to places."""
    design = np.zeros((len(indices), 2, 6))
    for axis in (0, 1):
        design[:, axis, axis] = 1
        design[:, axis, 2 + axis] = indices[:, 0]
        design[:, axis, 4 + axis] = indices[:, 1]
    return design


def _summed(owner: torch.Tensor, patterns: int, values: torch.Tensor) -> torch.Tensor:
    total = torch.zeros((patterns, *values.shape[1:]), dtype=values.dtype)
    return total.index_add_(0, owner, values)
