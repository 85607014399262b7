"""A cube in blocks of whole patterns: every pass over a cube goes through here, so memory stays bounded."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, TypeVar

import dask.array as da
import numpy as np
import xarray as xr
from dask.array.core import normalize_chunks
from dask.local import get_sync
from numpy.typing import NDArray
from tqdm.auto import tqdm

Result = TypeVar("Result")

BLOCK_BYTES: Final = 8 * 2**20
SLOW_SECONDS: Final = 1.0  # a pass that takes longer shows its progress


class Block(NamedTuple):
    """Where a block lies in the scan."""

    scan_y: slice
    scan_x: slice


def scan_blocks(cube: xr.DataArray, block_bytes: int = BLOCK_BYTES) -> list[Block]:
    """Blocks of about this size that tile the scan; those of a dask cube follow its chunks, so that none is computed twice."""
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    if cube.chunks:
        rows, columns = cube.chunks[:2]
    else:
        height, width = cube.shape[:2]
        pattern_bytes = cube.dtype.itemsize * math.prod(cube.shape[2:])
        columns = _split(width, max(1, block_bytes // pattern_bytes))
        rows = _split(height, max(1, block_bytes // (pattern_bytes * width)))
    return [Block(y, x) for y in _slices(rows) for x in _slices(columns)]


def map_blocks(
    cube: xr.DataArray, function: Callable[[NDArray[Any]], Result], *, label: str | None = None, block_bytes: int = BLOCK_BYTES
) -> Iterator[tuple[Block, Result]]:
    """Apply a function to every block of patterns (y, x, ky, kx), in as many threads as there are cores.

    NumPy releases the interpreter in what the reductions do. No more blocks are in memory than there are threads.
    With a `label`, a pass that takes long shows its progress. Work that is long for its bytes asks for smaller blocks.
    """

    def job(block: Block) -> tuple[Block, Result]:
        return block, function(load(cube, block))

    blocks = scan_blocks(cube, block_bytes)
    with ThreadPoolExecutor(workers(), thread_name_prefix="polwidgets") as pool:
        done = pool.map(job, blocks)
        try:
            yield from tqdm(done, total=len(blocks), desc=label, delay=SLOW_SECONDS, leave=False, disable=label is None)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def load(cube: xr.DataArray, block: Block) -> NDArray[Any]:
    """The patterns of a block, (y, x, ky, kx), as a NumPy array; a view where the cube is in memory or memory-mapped."""
    part = cube[block.scan_y, block.scan_x]
    if part.chunks:
        # the threads are ours: dask must not start its own inside them (and called by name would import its distributed scheduler)
        return np.asarray(part.data.compute(scheduler=get_sync))
    return part.to_numpy()


def lazy(source: Any) -> da.Array:
    """A dask array over anything with shape, dtype and slicing, in blocks of whole patterns (the last two axes)."""
    chunks = normalize_chunks(
        ("auto",) * (len(source.shape) - 2) + (-1, -1),
        source.shape,
        limit=BLOCK_BYTES,
        dtype=source.dtype,
        previous_chunks=getattr(source, "chunks", None),
    )
    patterns: da.Array = da.from_array(source, chunks=chunks, lock=False, name=False)
    return patterns


def workers() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _split(length: int, size: int) -> tuple[int, ...]:
    return tuple(min(size, length - start) for start in range(0, length, size))


def _slices(sizes: tuple[int, ...]) -> list[slice]:
    ends = np.cumsum(sizes).tolist()
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]
