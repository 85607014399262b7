"""NumPy's .npy and .npz."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polwidgets.cube.readers.base import RawScan, readers
from polwidgets.cube.stream import lazy
from polwidgets.registry import parameter


@readers.register("numpy")
@dataclasses.dataclass(frozen=True)
class NumpyFile:
    """One array in a .npy, or in a .npz beside other arrays."""

    dataset: str = parameter("", "Name of the array in a .npz; by default its only one with 3 or 4 dimensions, or 'cube' or 'intensity'.")

    def accepts(self, path: Path) -> bool:
        """By suffix."""
        return path.suffix.lower() in (".npy", ".npz")

    def read(self, path: Path) -> RawScan:
        """The .npy memory-mapped; the .npz, whose members are compressed as a whole, read at first use."""
        try:
            if path.suffix.lower() == ".npy":
                return RawScan(lazy(np.load(path, mmap_mode="r")))
            shapes = _shapes(path)
        except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError) as error:
            raise ValueError(f"{path} is not a readable NumPy file ({error}); is it truncated?") from error
        name = self._choose(path, shapes)
        return RawScan(lazy(_ReadOnce(lambda: _member(path, name), *shapes[name])))

    def _choose(self, path: Path, shapes: dict[str, tuple[tuple[int, ...], np.dtype[Any]]]) -> str:
        listing = ", ".join(f"{name} {shape}" for name, (shape, _) in shapes.items())
        if self.dataset:
            if self.dataset not in shapes:
                raise ValueError(f"{path} has no array {self.dataset!r}; it holds {listing}")
            return self.dataset
        stacks = [name for name, (shape, _) in shapes.items() if len(shape) in (3, 4)]
        known = [name for name in ("cube", "intensity") if name in stacks]
        if not known and len(stacks) != 1:
            raise ValueError(f"which array of {path} holds the patterns? Pass dataset=...; it holds {listing}")
        return known[0] if known else stacks[0]


@dataclasses.dataclass
class _ReadOnce:
    """An array that is read when first sliced and then kept."""

    read: Callable[[], NDArray[Any]]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    _array: NDArray[Any] | None = None
    _lock: Any = dataclasses.field(default_factory=Lock)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        with self._lock:
            if self._array is None:
                self._array = self.read()
        part: NDArray[Any] = self._array[index]
        return part


def _member(path: Path, name: str) -> NDArray[Any]:
    try:
        with np.load(path) as archive:
            array: NDArray[Any] = archive[name]
            return array
    except (ValueError, EOFError, zipfile.BadZipFile, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
        raise ValueError(f"array {name!r} of {path} cannot be read ({error}); is the file truncated?") from error


def _shapes(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Shape and dtype of every array of a .npz, from their headers alone."""
    shapes = {}
    with zipfile.ZipFile(path) as archive:
        for entry in archive.namelist():
            with archive.open(entry) as member:
                first = np.lib.format.read_magic(member) == (1, 0)
                shape, _, dtype = (np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0)(member)
                shapes[entry.removesuffix(".npy")] = (shape, dtype)
    return shapes
