"""A folder of TIFFs, one pattern a file."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from polwidgets.cube.readers.base import RawScan, readers
from polwidgets.cube.stream import lazy
from polwidgets.registry import parameter

SUFFIXES: Final = (".tif", ".tiff")


@readers.register("tiff")
@dataclasses.dataclass(frozen=True)
class TiffFolder:
    """Files in the natural order of their names, row after row of the scan.

    Where every name ends with two numbers, such as ``y012_x007.tif`` or ``12_7.tif``, that cover a grid, they are row and
    column (or the other way round where an x or a col stands before the first); else the scan is square or its shape given.
    """

    pattern: str = parameter("*", "Which files of the folder, for example 'frame_*'.")

    def accepts(self, path: Path) -> bool:
        """A folder with TIFFs in it."""
        return path.is_dir() and any(file.suffix.lower() in SUFFIXES for file in path.iterdir())

    def read(self, path: Path) -> RawScan:
        """The list of patterns, read file by file when needed."""
        try:
            import tifffile
        except ImportError as error:
            raise ImportError("reading TIFFs needs tifffile; pip install 'polwidgets[io]'") from error

        files = sorted((file for file in path.glob(self.pattern) if file.suffix.lower() in SUFFIXES), key=_natural)
        if not files:
            raise ValueError(f"{path} has no TIFFs that match {self.pattern!r}")
        try:
            first = tifffile.imread(files[0])
        except Exception as error:  # whatever the decoder raises
            raise ValueError(f"{files[0]} is not a readable TIFF ({error}); is it truncated?") from error
        grid = _grid(files)
        if grid is not None:
            files, shape = grid
        # some writers add an axis of one image
        page = first.reshape(first.shape[-2:]) if first.ndim > 2 and first.size == np.prod(first.shape[-2:]) else first
        if page.ndim != 2:
            raise ValueError(f"{files[0]} has shape {first.shape}, expected one pattern a file (rows, columns)")
        return RawScan(lazy(_Files(tuple(files), page.shape, page.dtype)), scan_shape=None if grid is None else shape)


@dataclasses.dataclass(frozen=True)
class _Files:
    """Patterns (n, ky, kx) read when sliced."""

    files: tuple[Path, ...]
    pattern_shape: tuple[int, int]
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, int, int]:
        return (len(self.files), *self.pattern_shape)

    @property
    def ndim(self) -> int:
        return 3

    def __getitem__(self, index: tuple[Any, ...]) -> NDArray[Any]:
        which, *rest = index if isinstance(index, tuple) else (index,)
        if isinstance(which, (int, np.integer)):
            return np.asarray(self._read(self.files[which])[tuple(rest)])
        chosen = np.arange(len(self.files))[which]
        return np.asarray(np.stack([self._read(self.files[number]) for number in chosen])[(slice(None), *rest)])

    def _read(self, file: Path) -> NDArray[Any]:
        import tifffile

        try:
            pattern = np.asarray(tifffile.imread(file))
        except Exception as error:  # whatever the decoder raises
            raise ValueError(f"{file} is not a readable TIFF ({error}); is it truncated?") from error
        if pattern.size != np.prod(self.pattern_shape) or pattern.shape[-2:] != self.pattern_shape:
            raise ValueError(
                f"{file} has shape {pattern.shape}, the first file of the folder {self.pattern_shape}; all patterns must be alike"
            )
        return pattern.reshape(self.pattern_shape).astype(self.dtype, copy=False)


def _natural(file: Path) -> list[tuple[int, int | str]]:
    """Sorting key in which 10 comes after 9."""
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", file.stem) if part]


def _grid(files: list[Path]) -> tuple[list[Path], tuple[int, int]] | None:
    """Files row after row and the scan's shape, where the last two numbers of the names cover a grid."""
    matches = [re.search(r"([a-zA-Z]*)[^a-zA-Z\d]*(\d+)[^\d]+(\d+)\D*$", file.stem) for file in files]
    if not all(matches):
        return None
    pairs = [(int(match[2]), int(match[3])) for match in matches if match]
    label = matches[0][1].lower() if matches[0] else ""
    if label in ("x", "col", "column", "c"):
        pairs = [(row, column) for column, row in pairs]
    rows, columns = (sorted({pair[axis] for pair in pairs}) for axis in (0, 1))
    if len(set(pairs)) != len(files) or len(rows) * len(columns) != len(files) or len(rows) == 1:
        return None
    ordered = [file for _, file in sorted(zip(pairs, files, strict=True), key=lambda item: item[0])]
    return ordered, (len(rows), len(columns))
