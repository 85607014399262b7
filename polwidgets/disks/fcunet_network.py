"""The Fourier-space complex U-Net: how a pattern's spectrum over the probe's is to be filtered, and a real head that reads the result.

After FCU-Net (Munshi et al., doi:10.1038/s41524-022-00939-9): the product of the pattern's Fourier transform and the
conjugate of the probe's goes through an encoder and decoder of complex convolutions, with skips, back to the detector, and
through a real head. It departs from the original in four ways. Patterns come in units of their counting noise (a square
root), so that disks of a hundredth of the strongest are not lost in its tails. The U-Net gives complex factors by which
spectra are multiplied, not spectra, so it is a filter that adapts to the pattern. The head is a U-Net of its own, at half
the resolution, where the local work is cheapest. And half the Fourier plane is enough, since patterns are real.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
from typing import Final

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

SPECTRA: Final = 3  # matched to the probe, divided by the probe, and as it is
INVERSE_FLOOR: Final = 0.1  # of the probe's strongest component: weaker ones are not divided by


@dataclasses.dataclass(frozen=True)
class FCUNetSizes:
    """Sizes of the network.

    Attributes
    ----------
    fourier : tuple of int
        Complex channels of the Fourier-space U-Net, from the finest level to the coarsest.
    factors : int
        Filtered copies of each of the `SPECTRA`.
    head : tuple of int
        Real channels of the head, from half the resolution down.
    dropout : float
        Share of the head's features that a pass leaves out.
    """

    fourier: tuple[int, ...] = (8, 16, 24, 32)
    factors: int = 2
    head: tuple[int, ...] = (32, 48, 64)
    dropout: float = 0.1


class ComplexConv2d(nn.Module):
    """Complex convolution; real parts of all channels come first, then their imaginary parts.

    A real convolution with the weights' two-by-two matrices, which is what a complex product is: the same numbers as
    torch's own convolution of complex tensors gives, in a third of the time.
    """

    def __init__(self, inputs: int, outputs: int, size: int = 3, *, stride: int = 1) -> None:
        super().__init__()
        scale = 1 / math.sqrt(inputs * size**2)
        self.real = nn.Parameter(torch.randn(outputs, inputs, size, size) * scale)
        self.imaginary = nn.Parameter(torch.randn(outputs, inputs, size, size) * scale)
        self.bias = nn.Parameter(torch.zeros(2 * outputs))
        self._stride, self._padding = stride, size // 2

    def forward(self, parts: torch.Tensor) -> torch.Tensor:
        """Of (n, 2 inputs, rows, columns)."""
        return functional.conv2d(parts, self._matrices(), self.bias, self._stride, self._padding)

    def as_real(self) -> nn.Conv2d:
        """The same function, whose matrices are made but once."""
        weight = self._matrices()
        outputs, inputs, size, _ = weight.shape
        fixed = nn.Conv2d(inputs, outputs, size, stride=self._stride, padding=self._padding)
        fixed.weight, fixed.bias = nn.Parameter(weight.detach()), nn.Parameter(self.bias.detach())
        return fixed

    def _matrices(self) -> torch.Tensor:
        real, imaginary = self.real, self.imaginary
        return torch.cat([torch.cat([real, -imaginary], 1), torch.cat([imaginary, real], 1)])


class FCUNet(nn.Module):
    """From patterns and probe to a map of disks and one of structure factors."""

    def __init__(self, sizes: FCUNetSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.fourier = _UNet(2, sizes.fourier, ComplexConv2d, parts=2)
        self.factors = ComplexConv2d(sizes.fourier[0], SPECTRA * sizes.factors, 1)
        with torch.no_grad():
            self.factors.real.mul_(0.1)
            self.factors.imaginary.mul_(0.1)
            self.factors.bias[: SPECTRA * sizes.factors] = 1  # at first, every spectrum as it is
        self.head = _UNet(4 * SPECTRA * sizes.factors, sizes.head, _RealConv2d, parts=1)
        self.maps = nn.Conv2d(sizes.head[0], 2 * 4, 1)

    def forward(self, patterns: torch.Tensor, probe: torch.Tensor, dropout: Dropout | None = None) -> torch.Tensor:
        """Maps (n, 2, row, column): where disks are, and the root of their structure factor.

        Parameters
        ----------
        patterns : tensor (n, row, column)
            In units of their counting noise; edges a multiple of 16.
        probe : tensor (n or 1, row, column)
            Square root of the probe, centred on pixel ``n // 2``, its squares of unit sum.
        dropout : Dropout, optional
            Leaves out coarsest and finest features, in training; nothing without it.
        """
        return self._maps(self.head.up(self.look(patterns, probe), dropout, dropout))

    def look(self, patterns: torch.Tensor, probe: torch.Tensor) -> list[torch.Tensor]:
        """What all passes have in common: the filtered spectra, and the head's way down to its coarsest level."""
        spectra = _spectra(patterns, probe)
        rows, columns = patterns.shape[-2:]
        known = torch.roll(spectra[:, [0, 2], :, : columns // 2], rows // 2, 2)
        # the root of the modulus: hybrid correlation, whose components are of like size
        modulus = known.abs()
        weight = torch.rsqrt(modulus + 1e-3 * modulus.amax((-2, -1), keepdim=True) + 1e-12)
        hybrid = known * (weight / (modulus * weight).square().mean((-2, -1), keepdim=True).sqrt().clamp(min=1e-6))
        features = self.factors(self.fourier(torch.cat([hybrid.real, hybrid.imag], 1)))
        real, imaginary = features.chunk(2, 1)
        factors = functional.pad(torch.roll(torch.complex(real, imaginary), -(rows // 2), 2), (0, 1))
        filtered = spectra.repeat_interleave(self.sizes.factors, 1) * factors
        maps = torch.fft.fftshift(torch.fft.irfft2(filtered, s=(rows, columns)), dim=(-2, -1))
        # noise is of order one, disks are up to hundreds: large values are brought nearer by a root
        return self.head.down(functional.pixel_unshuffle(maps * torch.rsqrt(1 + maps.abs()), 2))

    def read(self, levels: list[torch.Tensor], dropout: Dropout | None = None) -> torch.Tensor:
        """The head's way up, once more for every Monte-Carlo pass.

        A pass leaves out coarsest features alone. Without some of the finest ones every peak changes its height by a tenth,
        sure or not, and the spread of passes tells nothing.
        """
        return self._maps(self.head.up(levels, dropout, None))

    def _maps(self, features: torch.Tensor) -> torch.Tensor:
        return functional.pixel_shuffle(self.maps(features), 2)


def folded(network: FCUNet) -> FCUNet:
    """The same function in evaluation mode, a fifth quicker: normalisation is part of the convolutions."""
    fixed = copy.deepcopy(network).eval()
    for block in [module for module in fixed.modules() if isinstance(module, _Block)]:
        convolve = block.convolve.as_real() if isinstance(block.convolve, ComplexConv2d) else block.convolve
        assert isinstance(convolve, nn.Conv2d)
        assert isinstance(block.normalise, nn.BatchNorm2d)
        block.convolve, block.normalise = fuse_conv_bn_eval(convolve.eval(), block.normalise), nn.Identity()
    return fixed.requires_grad_(False)


class Dropout:
    """Leaves out features by its own generator, so that the same seed leaves out the same; in one way for all patterns if `shared`."""

    def __init__(self, share: float, generator: torch.Generator, *, shared: bool) -> None:
        self._share, self._generator, self._shared = share, generator, shared

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        """Some of the features zero, the rest larger."""
        shape = (1 if self._shared else len(features), *features.shape[1:])
        kept = torch.rand(shape, generator=self._generator, device=features.device) >= self._share
        return features * kept / (1 - self._share)


class _RealConv2d(nn.Conv2d):
    def __init__(self, inputs: int, outputs: int, size: int = 3, *, stride: int = 1) -> None:
        super().__init__(inputs, outputs, size, stride=stride, padding=size // 2)


class _Block(nn.Module):
    """Convolution, batch normalisation and rectification, on real and imaginary parts alike."""

    def __init__(self, inputs: int, outputs: int, convolution: type[ComplexConv2d] | type[_RealConv2d], parts: int, stride: int) -> None:
        super().__init__()
        self.convolve: nn.Module = convolution(inputs, outputs, stride=stride)
        self.normalise: nn.Module = nn.BatchNorm2d(parts * outputs)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.normalise(self.convolve(features)), inplace=True)


class _UNet(nn.Module):
    """Encoder and decoder; what goes up is added to what went down at the same level."""

    def __init__(self, inputs: int, channels: tuple[int, ...], convolution: type[ComplexConv2d] | type[_RealConv2d], *, parts: int) -> None:
        super().__init__()
        self.enter = nn.ModuleList()
        for level, (before, here) in enumerate(zip((inputs, *channels), channels, strict=False)):
            first = _Block(before, here, convolution, parts, 2 if level else 1)
            self.enter.append(nn.Sequential(first, _Block(here, here, convolution, parts, 1)))
        self.rise = nn.ModuleList(convolution(below, here, 1) for here, below in itertools.pairwise(channels))
        self.leave = nn.ModuleList(_Block(here, here, convolution, parts, 1) for here in channels[:-1])

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.up(self.down(features), None, None)

    def down(self, features: torch.Tensor) -> list[torch.Tensor]:
        """Features of every level, the finest first."""
        levels = []
        features = features.contiguous(memory_format=torch.channels_last)
        for block in self.enter:
            features = block(features)
            levels.append(features)
        return levels

    def up(self, levels: list[torch.Tensor], coarsest: Dropout | None, finest: Dropout | None) -> torch.Tensor:
        """Features at the finest level, some of the coarsest and of the finest left out."""
        features = coarsest(levels[-1]) if coarsest else levels[-1]
        for rise, leave, beside in zip(reversed(self.rise), reversed(self.leave), reversed(levels[:-1]), strict=True):
            features = leave(beside + functional.interpolate(rise(features), scale_factor=2))
        return finest(features) if finest else features


def _spectra(patterns: torch.Tensor, probe: torch.Tensor) -> torch.Tensor:
    """Half planes (n, 3, row, column // 2 + 1): over the probe in two ways, and without it; white noise stays of unit size."""
    pattern = torch.fft.rfft2(torch.fft.ifftshift(patterns, dim=(-2, -1)))
    shape = torch.fft.rfft2(torch.fft.ifftshift(probe, dim=(-2, -1))).conj()
    power = shape.abs().square()
    inverse = shape / (power + INVERSE_FLOOR * power.amax((-2, -1), keepdim=True))
    inverse = inverse / inverse.abs().square().mean((-2, -1), keepdim=True).sqrt()
    return torch.stack([pattern * shape, pattern * inverse, pattern], 1)
