"""The copy of a cube that travels to the browser: binned where it must be, a few scan rows at a time, coarse first.

Intensities travel as the square root, quantised row by row: with 8 bits that is finer than the shot noise of any
pattern whose brightest pixel has less than 16 000 counts, and with 16 bits finer than anyone can see.
"""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.widgets.geometry import values_of

CHUNK_BYTES: Final = 2**20
LARGEST_BYTES: Final = 4 * 2**20  # of a chunk: a notebook's connection does not survive one of fifteen


@dataclasses.dataclass(frozen=True)
class PreviewPlan:
    """How a cube is shrunk and cut into chunks.

    Attributes
    ----------
    binning : int
        Detector pixels averaged to one, along both axes; edge bins may be narrower.
    bits : int
        8 or 16 a value.
    detector_shape : (rows, columns)
        Of a preview pattern.
    rows : tuple of int
        Scan rows in the order they travel, spread over the scan from the start.
    rows_per_chunk : int
        Scan rows that travel together.
    """

    binning: int
    bits: int
    detector_shape: tuple[int, int]
    rows: tuple[int, ...]
    rows_per_chunk: int

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return -(-len(self.rows) // self.rows_per_chunk)

    def chunk(self, index: int) -> tuple[int, ...]:
        """Scan rows of a chunk."""
        if not 0 <= index < self.chunks:
            raise IndexError(f"preview chunk {index} does not exist; there are {self.chunks}")
        return self.rows[index * self.rows_per_chunk : (index + 1) * self.rows_per_chunk]


def plan_preview(shape: tuple[int, ...], budget_bytes: float, *, stored_together: int = 1) -> PreviewPlan:
    """The finest preview of a cube of this shape (scan_y, scan_x, ky, kx) that stays within a budget.

    Where `stored_together` scan rows share a chunk of the file, such blocks of rows travel as one, coarse first among blocks.
    """
    scan_rows, scan_columns, height, width = shape
    if budget_bytes <= 0:
        raise ValueError(f"the preview's budget must be positive, got {budget_bytes} bytes; give preview_MB, for example 64")
    binning = 1
    while True:
        detector_shape = (-(-height // binning), -(-width // binning))
        values = scan_rows * scan_columns * detector_shape[0] * detector_shape[1]
        if values <= budget_bytes or detector_shape == (1, 1):
            break
        binning *= 2
    bits = 16 if 2 * values <= budget_bytes else 8
    row_bytes = scan_columns * detector_shape[0] * detector_shape[1] * bits // 8
    stored_together = max(1, min(stored_together, LARGEST_BYTES // row_bytes))
    blocks = coarse_first(-(-scan_rows // stored_together))
    rows = tuple(row for block in blocks for row in range(block * stored_together, min(scan_rows, (block + 1) * stored_together)))
    together = stored_together * max(1, CHUNK_BYTES // (row_bytes * stored_together))
    return PreviewPlan(binning, bits, detector_shape, rows, together)


def coarse_first(count: int) -> tuple[int, ...]:
    """0 to count - 1 so ordered that each stretch of the sequence is spread over the whole range."""
    digits = max(1, (count - 1).bit_length())
    reversed_bits = (int(f"{index:0{digits}b}"[::-1], 2) for index in range(2**digits))
    return tuple(index for index in reversed_bits if index < count)


def quantised_rows(cube: xr.DataArray, rows: tuple[int, ...], plan: PreviewPlan) -> tuple[bytes, list[float], list[float]]:
    """Scan rows as they travel.

    Returns
    -------
    data : bytes
        Row after row, C order (scan_x, ky, kx), 8 or 16 bits a value, little endian.
    lowest, highest : list of float
        Of each row; a value q of n bits stands for ``lowest + (q / (2**n - 1))**2 * (highest - lowest)``.
    """
    top = 2**plan.bits - 1
    parts, lowest, highest = [], [], []
    # read what is stored together in one go
    loaded = values_of(cube.isel(scan_y=list(rows)))
    for patterns in loaded:
        block = binned(np.array(patterns, np.float32), plan.binning)
        if patterns.dtype.kind == "f":
            np.nan_to_num(block, copy=False, posinf=0, neginf=0)
        low, high = float(block.min()), float(block.max())
        # in place: this is most of what a preview costs
        block -= low
        block *= top * top / (high - low if high > low else 1.0)
        np.rint(np.sqrt(block, out=block), out=block)
        parts.append(block.astype(f"<u{plan.bits // 8}").tobytes())
        lowest.append(low)
        highest.append(high)
    return b"".join(parts), lowest, highest


def binned(patterns: NDArray[np.float32], binning: int) -> NDArray[np.float32]:
    """Mean of binning x binning detector pixels of (..., ky, kx); the last bin takes what is left."""
    if binning == 1:
        return patterns
    for axis in (-2, -1):
        size = patterns.shape[axis]
        starts = np.arange(0, size, binning)
        counts = np.diff(np.append(starts, size)).astype(np.float32)
        sums: NDArray[np.float32] = np.add.reduceat(patterns, starts, axis=axis)
        patterns = sums / (counts[:, None] if axis == -2 else counts)
    return patterns
