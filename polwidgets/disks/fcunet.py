"""The network as a disk detector: peaks of its map, with the spread of Monte-Carlo passes in their certainty."""

from __future__ import annotations

import dataclasses
import functools
import math
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

import numpy as np
import torch
from torch.nn.functional import max_pool2d

from polwidgets.disks.base import Proposals, disk_detectors
from polwidgets.disks.fcunet_grid import GRID_PX, MOST_ELECTRONS, NetworkGrid, noise_units
from polwidgets.disks.fcunet_network import Dropout, FCUNet, folded
from polwidgets.disks.fcunet_training import load_network
from polwidgets.disks.probe import DiskProbe
from polwidgets.registry import parameter

SHIPPED: Final = Path(__file__).parents[1] / "data" / "weights" / "fcunet.safetensors"
BATCH: Final = 16  # patterns at once
RING_PX: Final = 1.5  # of background around a disk, on the network's grid
SPREAD: Final = 20.0  # error of a place over the spread of passes, measured on the crystals that training was validated on
DISKS, STRUCTURE = 0, 1  # the network's maps


@disk_detectors.register("fcunet")
@dataclasses.dataclass(frozen=True)
class FCUNetDetector:
    """A Fourier-space complex U-Net (after Munshi et al., doi:10.1038/s41524-022-00939-9), trained on simulated crystals.

    Attributes
    ----------
    height : float
        Least height of a peak in the network's map of disks, where a sure disk has one.
    certainty : float
        Standard deviations of the counting noise by which the disk must stand out; less where the passes disagree on its place.
    passes : int
        Monte-Carlo passes with dropout, over which heights and places are averaged; the spread of places lowers the
        certainty. With one pass nothing is left out, and the certainty knows of counting noise alone.
    most : int
        Disks a pattern that are kept.
    weights : str
        The shipped ones, or a file that `polwidgets.train_disk_network` wrote.
    seed : int
        Draws what the passes leave out: the same for every pattern, however a scan is cut into blocks.
    """

    map_name: ClassVar[str] = "structure-factor map"
    height: float = parameter(0.6, "least height of a peak; a sure disk has one", min=0.05, max=0.95, step=0.05)
    certainty: float = parameter(3.0, "standard deviations above the noise", min=0, max=50, step=0.5)
    passes: int = parameter(3, "Monte-Carlo passes", min=1, max=64, step=1)
    most: int = parameter(128, "most disks a pattern", min=4, max=400, step=1)
    weights: str = parameter("shipped", "the shipped weights, or a file")
    seed: int = parameter(0, "of what the passes leave out", min=0, max=2**31 - 1, step=1)

    def propose(
        self,
        patterns: torch.Tensor,
        probe: DiskProbe,
        *,
        good: torch.Tensor,  # noqa: ARG002, bad pixels are zero, which the network was trained on
        gain: float,
    ) -> Proposals:
        """Propose disks; see `polwidgets.disks.base.DiskDetector`."""
        grid = _grid(probe, patterns)
        parts = [self._part(part, probe, grid, gain) for part in torch.split(patterns.float(), BATCH) if len(part)]
        widest = max((part.places.shape[1] for part in parts), default=1)
        places, certainty, strength = (
            np.concatenate([_padded(getattr(part, name), widest, empty) for part in parts] or [np.empty(shape)])
            for name, empty, shape in (("places", np.nan, (0, 1, 2)), ("certainty", 0.0, (0, 1)), ("strength", 0.0, (0, 1)))
        )
        return Proposals(places, certainty, strength)

    def disk_map(self, patterns: torch.Tensor, probe: DiskProbe, *, good: torch.Tensor, gain: float) -> torch.Tensor:  # noqa: ARG002
        """Where disks are, as strong as their structure factor; see `polwidgets.disks.base.MapDetector`."""
        maps, grid = self.maps(patterns, probe, gain=gain)
        return grid.resampled(maps[:, STRUCTURE])

    def maps(self, patterns: torch.Tensor, probe: DiskProbe, *, gain: float) -> tuple[torch.Tensor, NetworkGrid]:
        """What the network sees.

        Parameters
        ----------
        patterns : float tensor (pattern, ky, kx)
        probe : DiskProbe
        gain : float
            What one electron adds to a pattern.

        Returns
        -------
        tensor (pattern, 2, row, column)
            Where disks are, 1 at the middle of a sure one; and the root of their structure factor over the strongest one's.
            Means over the passes.
        NetworkGrid
            Its pixels; ``grid.on_detector`` takes places to the detector.
        """
        grid = _grid(probe, patterns)
        counts = [grid.binned(part) / gain for part in torch.split(patterns.float(), BATCH)]
        return torch.cat([self._maps(part, probe, grid).mean(0) for part in counts]), grid

    @torch.inference_mode()
    def _maps(self, counts: torch.Tensor, probe: DiskProbe, grid: NetworkGrid) -> torch.Tensor:
        """Maps of every pass (pass, pattern, 2, row, column)."""
        network = _network(self.weights, str(counts.device))
        total = counts.sum((1, 2), keepdim=True).clamp(min=1)
        seen = noise_units(counts * (MOST_ELECTRONS / total).clamp(max=1))
        image = grid.binned(torch.from_numpy(probe.image).to(counts))
        rows, columns = (slice(n // 2 - GRID_PX // 2, n // 2 + GRID_PX // 2) for n in grid.canvas)
        shape = (image / image.sum())[None, rows, columns].sqrt()
        tiles = [network.look(seen[:, rows, columns], shape) for rows, columns in grid.tiles()]
        found = []
        for number in range(self.passes):
            drawn = []
            for levels in tiles:
                generator = torch.Generator(counts.device).manual_seed(self.seed + number)
                dropout = Dropout(network.sizes.dropout, generator, shared=True) if self.passes > 1 else None
                drawn.append(network.read(levels, dropout))
            found.append(grid.joined(drawn))
        return torch.stack(found)

    def _part(self, patterns: torch.Tensor, probe: DiskProbe, grid: NetworkGrid, gain: float) -> Proposals:
        counts = grid.binned(patterns) / gain
        heights = self._maps(counts, probe, grid)[:, :, DISKS]
        mean = heights.mean(0)
        radius = probe.radius_px / grid.pixel
        peaks = _peaks(mean, max(1, round(1.1 * radius)), self.height, self.most)
        fine = torch.stack([_vertex(each, peaks) for each in heights])
        place = torch.stack([peaks.row, peaks.column], -1) + fine.mean(0)
        strength, noise = _measured(counts, peaks.pattern, place, radius)
        # a place is known to the radius over the certainty
        spread = SPREAD * (0.5 * fine.var(0, correction=0).sum(-1)).sqrt() / radius
        unsure = torch.hypot(noise / strength.clamp(min=1e-6), spread)
        certainty = torch.where(peaks.present & (strength > 0), 1 / unsure.clamp(min=1e-6), 0.0)
        detector = grid.on_detector(place.double().cpu().numpy())
        on = (detector > -0.5).all(-1) & (detector < np.array(grid.shape) - 0.5).all(-1)
        kept = (certainty > self.certainty).cpu().numpy() & on
        order = np.argsort(-np.where(kept, certainty.cpu().numpy(), -1.0), axis=1, kind="stable")[:, : max(1, int(kept.sum(1).max()))]
        kept, sure, strong = (
            np.take_along_axis(each, order, 1) for each in (kept, certainty.double().cpu().numpy(), strength.double().cpu().numpy() * gain)
        )
        detector = np.take_along_axis(detector, order[..., None], 1)
        return Proposals(np.where(kept[..., None], detector, np.nan), np.where(kept, sure, 0.0), np.where(kept, strong, 0.0))


class _Peaks(NamedTuple):
    """Pixels of peaks (pattern, peak): which pattern (pattern, 1), row, column, and whether there is one."""

    pattern: torch.Tensor
    row: torch.Tensor
    column: torch.Tensor
    present: torch.Tensor


@functools.lru_cache(maxsize=4)
def _network(weights: str, device: str) -> FCUNet:
    path = SHIPPED if weights == "shipped" else Path(weights)
    if not path.is_file():
        raise FileNotFoundError(
            f"there are no weights {path} for the detector 'fcunet'; train them with polwidgets.train_disk_network, or use 'template'"
        )
    return folded(load_network(path)[0]).to(device)


def _grid(probe: DiskProbe, patterns: torch.Tensor) -> NetworkGrid:
    if patterns.ndim != 3:
        raise ValueError(f"patterns have the shape {tuple(patterns.shape)}, expected (pattern, ky, kx)")
    return NetworkGrid.for_disks(probe.radius_px, (patterns.shape[1], patterns.shape[2]))


def _padded(values: np.ndarray, width: int, empty: float) -> np.ndarray:
    more = [(0, 0), (0, width - values.shape[1]), (0, 0)][: values.ndim]
    return np.pad(values, more, constant_values=empty)


def _peaks(heights: torch.Tensor, reach: int, least: float, most: int) -> _Peaks:
    """Pixels (pattern, row, column) that are the highest within their reach."""
    highest = max_pool2d(heights[:, None], (2 * reach + 1, 1), stride=1, padding=(reach, 0))
    highest = max_pool2d(highest, (1, 2 * reach + 1), stride=1, padding=(0, reach))[:, 0]
    score = torch.where((heights == highest) & (heights > least), heights, 0.0).flatten(1)
    best, flat = score.topk(min(most, score.shape[1]), dim=1)
    width = max(1, int((best > 0).sum(1).max()))
    row, column = flat[:, :width] // heights.shape[2], flat[:, :width] % heights.shape[2]
    return _Peaks(torch.arange(len(heights), device=heights.device)[:, None], row, column, best[:, :width] > 0)


def _vertex(heights: torch.Tensor, peaks: _Peaks) -> torch.Tensor:
    """Where the maximum lies from its pixel (pattern, peak, 2): spots are Gaussian, so their logarithm is a parabola."""
    rows, columns = heights.shape[1:]
    row, column = peaks.row.clamp(1, rows - 2), peaks.column.clamp(1, columns - 2)
    moves = []
    for down, right in ((1, 0), (0, 1)):
        before, here, after = (heights[peaks.pattern, row + n * down, column + n * right].clamp(min=0.02).log() for n in (-1, 0, 1))
        moves.append((0.5 * (after - before) / (2 * here - before - after).clamp(min=0.1)).clamp(-0.7, 0.7))
    return torch.stack(moves, -1)


def _measured(counts: torch.Tensor, pattern: torch.Tensor, places: torch.Tensor, radius: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Electrons in disks (pattern, peak) above the median of a ring around them, and their standard deviation."""
    reach = math.ceil(radius + 1 + RING_PX)
    padded = torch.nn.functional.pad(counts, (reach,) * 4)
    side = torch.arange(-reach, reach + 1, device=counts.device)
    window = torch.stack(torch.meshgrid(side, side, indexing="ij"), -1).reshape(-1, 2)
    corner = places.round().long()
    corner = torch.minimum(corner.clamp(min=0), torch.tensor(counts.shape[1:], device=counts.device) - 1)
    at = corner[..., None, :] + reach + window
    values = padded[pattern[..., None], at[..., 0], at[..., 1]]
    distance = torch.linalg.vector_norm(window + (corner - places)[..., None, :], dim=-1)
    inside = distance <= radius + 0.7
    ring = ~inside & (distance <= radius + 0.7 + RING_PX)
    level = torch.where(ring, values, torch.nan).nanmedian(-1).values
    area = inside.sum(-1)
    total = (values * inside).sum(-1)
    # a median knows its level half as well as a mean
    noise = torch.sqrt((total + 1.6 * area**2 * level / ring.sum(-1).clamp(min=1)).clamp(min=0) + 1)
    return total - area * level, noise
