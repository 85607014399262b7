"""One pattern of a scan after each of some perturbations: a slider asks again and again, and only from its own part on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from polwidgets.perturb.base import Batch, Perturbation

KEPT_BYTES: Final = 2**26  # of patterns after one perturbation


class _Step(NamedTuple):
    part: Perturbation | None
    batch: Batch
    generator_state: torch.Tensor


class PerturbationSteps:
    """What perturbations make of the pattern at a probe position.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
    """

    def __init__(self, cube: xr.DataArray) -> None:
        self.cube = cube
        self._ky, self._kx = (torch.from_numpy(cube[dim].values.astype(np.float32)) for dim in ("ky", "kx"))
        self._begun: tuple[Any, ...] = ()
        self._steps: list[_Step] = []

    def pattern(self, parts: Sequence[Perturbation], position: tuple[int, int], *, seed: int) -> NDArray[np.float32]:
        """The pattern (ky, kx) at a position (row, column) after all of them; what moves the probe reads the rows around it."""
        (row, column), (height, width) = position, self.cube.shape[:2]
        margins = [part.margin_rows for part in parts]
        scanning = any(part.acts_on == "scan" for part in parts)
        rows = _about(row, sum(margins), height)
        begun = (row, column, rows.start, rows.stop, scanning, seed)
        if begun != self._begun:
            batch = self._read(rows, None if scanning else column)
            self._begun, self._steps = begun, [_Step(None, batch, torch.Generator().manual_seed(seed).get_state())]
        before = [step.part for step in self._steps[1:]]
        changed = (place for place, (old, new) in enumerate(zip(before, parts, strict=False)) if old != new)
        same = next(changed, min(len(before), len(parts)))
        del self._steps[same + 1 :]
        _, batch, state = self._steps[-1]
        generator = torch.Generator().set_state(state)
        for place in range(same, len(parts)):
            batch = parts[place](batch, generator=generator)
            if margins[place]:
                batch = _cut(batch, _about(row, sum(margins[place + 1 :]), height), width)
            if len(self._steps) == place + 1 and batch.patterns.nbytes <= KEPT_BYTES:
                self._steps.append(_Step(parts[place], batch, generator.get_state()))
        return batch.patterns[(row - batch.first_row) * width + column if scanning else 0].numpy()

    def _read(self, rows: slice, column: int | None) -> Batch:
        """Whole rows of the scan, or one position in each."""
        part = self.cube[rows] if column is None else self.cube[rows, column : column + 1]
        patterns = torch.from_numpy(np.array(part.values, np.float32).reshape(-1, *self.cube.shape[2:]))
        unknown = torch.full((len(patterns),), torch.nan)
        shape = (self.cube.sizes["scan_y"], self.cube.sizes["scan_x"]) if column is None else None
        return Batch(patterns, unknown, self._ky, self._kx, scan_shape=shape, first_row=rows.start)


def _about(row: int, margin: int, height: int) -> slice:
    return slice(max(0, row - margin), min(height, row + margin + 1))


def _cut(batch: Batch, rows: slice, width: int) -> Batch:
    """Only these rows of the scan."""
    needed = slice((rows.start - batch.first_row) * width, (rows.stop - batch.first_row) * width)
    return dataclasses.replace(batch, patterns=batch.patterns[needed], direction_deg=batch.direction_deg[needed], first_row=rows.start)
