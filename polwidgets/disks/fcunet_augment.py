"""What is drawn anew for every batch of clean patterns: symmetry, shift, inelastic background, counts, faults; and the target.

The original's augmentations (plasmon background, Poisson noise, shift, salt and pepper; ellipticity, blur, tilt and
semi-angle are drawn with the crystals), and detectors that end early or have a beam stop.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import torch

from polwidgets.disks.fcunet_grid import MOST_ELECTRONS, noise_units
from polwidgets.disks.fcunet_patterns import CleanPatterns

DOSE: Final = (5e3, MOST_ELECTRONS)
BACKGROUND: Final = 0.35  # largest share of the electrons
PLASMON: Final = 0.12  # largest share that is scattered once more by a little
SHIFT_PX: Final = 8
GAIN: Final = (0.4, 1.1)  # binning to the network's grid smooths noise
SPECKS: Final = 2e-3  # largest share of the pixels
SPOT_PX: Final = 1.0  # standard deviation of the target's spots
SEEN: Final = (1.5, 4.5)  # standard deviations above the noise from which on a disk counts, and counts fully


class DrawnBatch(NamedTuple):
    """Patterns (n, row, column) in units of their noise, probes (n, row, column), targets (n, 2, row, column)."""

    patterns: torch.Tensor
    probe: torch.Tensor
    target: torch.Tensor


def draw_batch(clean: CleanPatterns, index: torch.Tensor, generator: torch.Generator) -> DrawnBatch:
    """Draw a batch of the patterns (n,); everything random comes from the generator."""
    device = generator.device
    index = index.cpu()
    count = len(index)
    owner = clean.specimen[index]
    image, probe = (part.to(device).float().square() for part in (clean.amplitude[index], clean.probe[owner]))
    places, share = clean.places[index].to(device), clean.intensity[index].to(device)
    structure, radius = clean.structure[index].to(device), clean.radius_px[owner].to(device)
    side = image.shape[-1]

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator, device=device)

    def between(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * uniform(count)

    image, probe, places = _symmetric(image, probe, places, uniform(count, 3) < 0.5)
    shift = ((2 * uniform(count, 2) - 1) * SHIFT_PX * (uniform(count, 1) < 0.6)).round().long()
    image, places = _shifted(image, shift), places + shift[:, None]
    dose = torch.exp(between(math.log(DOSE[0]), math.log(DOSE[1])))
    diffuse = BACKGROUND * uniform(count).square() * (uniform(count) < 0.9)
    plasmon = PLASMON * uniform(count) * (uniform(count) < 0.6)
    middle = side // 2 + shift.float()
    near = _lorentzian(side, torch.full_like(middle, side // 2), between(1.0, 6.0))
    spectrum = torch.fft.rfft2(torch.fft.ifftshift(near, dim=(-2, -1)))
    scattered = torch.fft.irfft2(torch.fft.rfft2(image) * spectrum, s=(side, side)).clamp(min=0)
    total = image.sum((1, 2), keepdim=True)
    wide = _lorentzian(side, middle, torch.exp(between(math.log(5.0), math.log(80.0)))) * total
    left = (1 - diffuse) * (1 - plasmon)
    background = _each(diffuse) * wide + _each((1 - diffuse) * plasmon) * scattered + _each(0.03 * uniform(count) ** 4) * total / side**2
    gain = between(*GAIN)
    expected = (_each(left) * image + background) * _each(dose)
    counts = torch.poisson(expected / _each(gain), generator=generator) * _each(gain)
    seen = _frame(uniform(count, 5), side) & ~_beam_stop(uniform(count, 4), middle, side)
    specks = uniform(count, side, side) < _each(SPECKS * uniform(count) * (uniform(count) < 0.3))
    spoilt = torch.where(uniform(count, side, side) < 0.5, 0.0, counts.amax((1, 2), keepdim=True) * uniform(count, side, side))
    counts = torch.where(specks, spoilt, counts) * seen
    at = places.nan_to_num(-1).round().long()
    inside = ((at >= 0) & (at < side)).all(-1)
    flat = (at[..., 0] * side + at[..., 1]).where(inside, 0)
    electrons = share * _each(left * dose)[:, 0]
    below = torch.gather((background * _each(dose)).flatten(1), 1, flat) * math.pi * _each(radius)[:, 0] ** 2
    certainty = electrons / torch.sqrt(electrons + below + 1)
    visible = ((certainty - SEEN[0]) / (SEEN[1] - SEEN[0])).clamp(0, 1) * inside * torch.gather(seen.flatten(1), 1, flat)
    target = _spots(places, torch.stack([visible, visible * structure.sqrt()], 1), side)
    return DrawnBatch(noise_units(counts), probe.sqrt(), target)


def _each(values: torch.Tensor) -> torch.Tensor:
    return values[:, None, None]


def _symmetric(
    image: torch.Tensor, probe: torch.Tensor, places: torch.Tensor, drawn: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mirror images and quarter turns, about the pixel ``n // 2`` that stays where it is."""
    side = image.shape[-1]
    for axis in (1, 2):
        chosen = drawn[:, axis]
        image, probe = (torch.where(_each(chosen), part.flip(axis).roll(1, axis), part) for part in (image, probe))
        mirrored = places.clone()
        mirrored[..., axis - 1] = side - places[..., axis - 1]
        places = torch.where(_each(chosen), mirrored, places)
    image, probe = (torch.where(_each(drawn[:, 0]), part.mT, part) for part in (image, probe))
    return image, probe, torch.where(_each(drawn[:, 0]), places.flip(-1), places)


def _shifted(image: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Moved by whole pixels (n, 2); nothing comes in from beyond the edge."""
    side = image.shape[-1]
    along = torch.arange(side, device=image.device) - shift[..., None]
    rows, columns = along.clamp(0, side - 1).unbind(1)
    moved = torch.gather(image, 1, rows[:, :, None].expand_as(image))
    moved = torch.gather(moved, 2, columns[:, None].expand_as(image))
    inside = (along >= 0) & (along < side)
    return moved * (inside[:, 0, :, None] & inside[:, 1, None])


def _lorentzian(side: int, middle: torch.Tensor, width: torch.Tensor) -> torch.Tensor:
    """Of unit sum around middles (n, 2), the half width (n,) in pixels: where inelastically scattered electrons fall."""
    along = torch.arange(side, device=middle.device)
    square = (along[:, None] - _each(middle[:, 0])) ** 2 + (along - _each(middle[:, 1])) ** 2
    shape = (1 + square / _each(width) ** 2) ** -1.5
    return shape / shape.sum((1, 2), keepdim=True)


def _frame(drawn: torch.Tensor, side: int) -> torch.Tensor:
    """Pixels that the detector has: for a third of the patterns it ends up to a third before the grid does, on any side."""
    along = torch.arange(side, device=drawn.device)
    margin = (drawn[:, :4] ** 2 * side / 3).long() * (drawn[:, 4:] < 0.35)
    first, last = margin[:, :2, None], side - margin[:, 2:4, None]
    inside = (along >= first) & (along < last)
    return inside[:, 0, :, None] & inside[:, 1, None]


def _beam_stop(drawn: torch.Tensor, middle: torch.Tensor, side: int) -> torch.Tensor:
    """A bar from an edge to the beam, for one pattern in twenty-five."""
    along = torch.arange(side, device=drawn.device)
    width = 2 + 5 * drawn[:, :1]
    bar = ((along - middle[:, :1]).abs() < width)[:, :, None] & (along < middle[:, 1:] + width)[:, None]
    bar = torch.where(_each(drawn[:, 1] < 0.5), bar, bar.mT)
    return bar & _each(drawn[:, 2] < 0.04)


def _spots(places: torch.Tensor, heights: torch.Tensor, side: int) -> torch.Tensor:
    """Gaussians of heights (n, map, disk) at places (n, disk, 2)."""
    along = torch.arange(side, device=places.device)
    rows, columns = torch.exp(-0.5 * ((along - places.nan_to_num(-1e3)[..., None]) / SPOT_PX) ** 2).unbind(2)
    return torch.einsum("nmd,ndr,ndc->nmrc", heights, rows, columns)
