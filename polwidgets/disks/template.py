"""Template matching: disks where the correlation with the probe peaks and stands out of the counting noise."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Final, Literal

import numpy as np
import torch

from polwidgets.disks.base import Proposals, disk_detectors
from polwidgets.disks.probe import DiskProbe
from polwidgets.registry import parameter

POWER: Final = {"cross": 1.0, "hybrid": 0.5, "phase": 0.0}


@disk_detectors.register("template")
@dataclasses.dataclass(frozen=True)
class TemplateDetector:
    """Correlation with the probe, of which a ring around it is subtracted so that background does not count.

    Attributes
    ----------
    correlation : {"cross", "hybrid", "phase"}
        Weight of the Fourier components: their modulus, its root, or none (Pekin et al.,
        doi:10.1016/j.ultramic.2016.12.021). Cross-correlation is the best filter against noise; the others make
        sharper peaks.
    certainty : float
        Standard deviations of the counting noise by which the disk must stand out of what surrounds it.
    spacing : float
        Least distance of two disks, in disk diameters.
    most : int
        Disks a pattern that are kept.
    """

    map_name: ClassVar[str] = "correlation map"
    correlation: Literal["cross", "hybrid", "phase"] = parameter("cross", "weight of the Fourier components", choices=tuple(POWER))
    certainty: float = parameter(5.0, "standard deviations above the noise", min=1, max=50, step=0.5)
    spacing: float = parameter(0.9, "least distance of two disks, in diameters", min=0.2, max=3, step=0.1)
    most: int = parameter(64, "most disks a pattern", min=4, max=400, step=1)

    def propose(
        self,
        patterns: torch.Tensor,
        probe: DiskProbe,
        *,
        good: torch.Tensor,  # noqa: ARG002, a disk with a hole is one all the same
        gain: float,
    ) -> Proposals:
        """Propose disks; see `polwidgets.disks.base.DiskDetector`."""
        image = torch.from_numpy(probe.image).to(patterns)
        kernel = _kernel(image, probe)
        spectrum = torch.fft.rfft2(patterns)
        strength = _correlate(spectrum, kernel, patterns.shape)
        noise = _correlate(spectrum, kernel**2, patterns.shape).clamp(min=0) * gain + 1e-12
        # a disk of fewer than two electrons is none, however empty its surroundings
        certainty = strength / torch.sqrt(noise + (kernel**2).sum() * gain**2)
        peaks = strength if self.correlation == "cross" else _correlate(spectrum, kernel, patterns.shape, POWER[self.correlation])
        reach = max(1, int(self.spacing * probe.radius_px))
        highest = _highest(_highest(peaks, reach, 1), reach, 2)
        found = (peaks == highest) & (certainty > self.certainty)
        found[:, [0, -1]] = False
        found[:, :, [0, -1]] = False
        score = torch.where(found, certainty, 0.0).flatten(1)
        best, place = score.topk(min(self.most, score.shape[1]), dim=1)
        best = best[:, : max(1, int((best > 0).sum(1).max()))]
        place = place[:, : best.shape[1]]
        row, column = place // patterns.shape[2], place % patterns.shape[2]
        index = torch.arange(len(patterns), device=patterns.device)[:, None]
        fine = torch.stack([row + _vertex(peaks, index, row, column, 1, 0), column + _vertex(peaks, index, row, column, 0, 1)], -1)
        present = (best > 0).cpu().numpy()
        # the kernel's own response to the probe is one electron
        response = strength[index, row, column] / (kernel * image).sum()
        return Proposals(
            np.where(present[..., None], fine.double().cpu().numpy(), np.nan),
            best.double().cpu().numpy(),
            np.where(present, response.double().cpu().numpy(), 0.0),
        )

    def disk_map(self, patterns: torch.Tensor, probe: DiskProbe, *, good: torch.Tensor, gain: float) -> torch.Tensor:  # noqa: ARG002
        """The correlation whose peaks are proposed; see `polwidgets.disks.base.MapDetector`."""
        kernel = _kernel(torch.from_numpy(probe.image).to(patterns), probe)
        return _correlate(torch.fft.rfft2(patterns), kernel, patterns.shape, POWER[self.correlation])


def _kernel(image: torch.Tensor, probe: DiskProbe) -> torch.Tensor:
    """The probe over its even level, minus a ring of the same sum around it."""
    rows, columns = image.shape
    down, right = torch.meshgrid(torch.arange(rows) - rows // 2, torch.arange(columns) - columns // 2, indexing="ij")
    offset = torch.stack([down, right], -1).to(image) @ torch.from_numpy(probe.shape.T).to(image)
    distance = torch.linalg.vector_norm(offset, dim=-1)
    inner = probe.radius_px + 2 * probe.edge_px
    ring = ((distance > inner) & (distance < inner + max(2.0, 0.4 * probe.radius_px))).to(image.dtype)
    disk = torch.where(distance <= inner, image, 0)
    kernel: torch.Tensor = (disk / disk.sum() - ring / ring.sum()) / (disk / disk.sum()).max()
    return kernel


def _highest(values: torch.Tensor, reach: int, axis: int) -> torch.Tensor:
    """Largest value up to so far away along an axis, by windows of doubling width."""
    padding = [0, 0, 0, 0]
    padding[2 * (2 - axis) : 2 * (2 - axis) + 2] = reach, reach
    highest = torch.nn.functional.pad(values, padding, value=-torch.inf)
    width = 1
    while width < 2 * reach + 1:
        step = min(width, 2 * reach + 1 - width)
        length = highest.shape[axis] - step
        highest = torch.maximum(highest.narrow(axis, 0, length), highest.narrow(axis, step, length))
        width += step
    return highest


def _correlate(spectrum: torch.Tensor, kernel: torch.Tensor, shape: torch.Size, power: float = 1.0) -> torch.Tensor:
    centred = torch.fft.ifftshift(kernel)
    product = spectrum * torch.fft.rfft2(centred).conj()
    if power != 1:
        modulus = product.abs()
        product = product * (modulus + 1e-12 * modulus.amax((-2, -1), keepdim=True)) ** (power - 1)
    correlation: torch.Tensor = torch.fft.irfft2(product, s=tuple(shape[-2:]))
    return correlation


def _vertex(peaks: torch.Tensor, index: torch.Tensor, row: torch.Tensor, column: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """Sub-pixel place of the maximum along one axis: the vertex of the parabola through three values."""
    rows, columns = peaks.shape[1:]
    row, column = row.clamp(1, rows - 2), column.clamp(1, columns - 2)
    before, here, after = (peaks[index, row + step * down, column + step * right] for step in (-1, 0, 1))
    curvature = (2 * here - before - after).clamp(min=1e-20)
    vertex: torch.Tensor = (0.5 * (after - before) / curvature).clamp(-0.5, 0.5)
    return vertex
