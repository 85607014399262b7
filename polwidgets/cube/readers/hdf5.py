"""HDF5: EMD 0.x (also fpd and Prismatic), EMD 1.0 as written by py4DSTEM, and any file with the dataset's path."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np

from polwidgets.cube.readers.base import Measure, RawScan, readers
from polwidgets.cube.stream import lazy
from polwidgets.registry import parameter

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"


@readers.register("hdf5")
@dataclasses.dataclass(frozen=True)
class Hdf5:
    """A four-dimensional dataset in an HDF5 file, with the dims that EMD describes beside it."""

    dataset: str = parameter("", "Path of the dataset inside the file; needed where there are several.")

    def accepts(self, path: Path) -> bool:
        """By suffix and first bytes; .hspy and .nxs, which are HDF5 inside, are read through their own vendors' reader."""
        if path.suffix.lower() not in (".h5", ".hdf5", ".emd", ".hdf", ".he5", ".mat") or not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(SIGNATURE)) == SIGNATURE

    def read(self, path: Path) -> RawScan:
        """The dataset; the file stays open as long as the cube lives."""
        try:
            file = h5py.File(path, "r")
        except OSError as error:
            raise ValueError(f"{path} is not a readable HDF5 file ({error}); is it truncated?") from error
        dataset = self._choose(path, file)
        patterns = lazy(dataset)
        measures = _measures(dataset)
        # fpd and others keep axes of one value between scan and detector
        kept = _kept_axes(dataset.shape)
        patterns = patterns[tuple(slice(None) if axis in kept else 0 for axis in range(dataset.ndim))]
        scan_step = k_step = None
        if measures and len(kept) == 4:
            rows, columns, down, right = (measures[axis] for axis in kept)
            scan_step, k_step = (rows, columns), (down, right)
        calibration = _py4dstem_calibration(dataset)
        return RawScan(
            patterns,
            scan_step=calibration.get("scan_step", scan_step),
            k_step=calibration.get("k_step", k_step),
            axis_order="scan_y scan_x kx ky" if calibration.get("flip") else "py4DSTEM",
        )

    def _choose(self, path: Path, file: h5py.File) -> h5py.Dataset:
        if self.dataset:
            if not isinstance(file.get(self.dataset), h5py.Dataset):
                raise ValueError(f"{path} has no dataset {self.dataset!r}; it holds {_listing(file)}")
            return file[self.dataset]
        stacks = [dataset for dataset in _datasets(file) if _is_scan(dataset)]
        if not stacks:
            raise ValueError(
                f"{path} holds no four-dimensional numeric dataset; it holds {_listing(file)}. For a list of patterns pass dataset=..."
            )
        if len(stacks) > 1:
            raise ValueError(f"{path} holds several 4D datasets; pass dataset=... with one of {', '.join(d.name for d in stacks)}")
        return stacks[0]


def _datasets(file: h5py.File) -> list[h5py.Dataset]:
    found: list[h5py.Dataset] = []
    file.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
    return found


def _listing(file: h5py.File) -> str:
    described = [f"{dataset.name} {dataset.shape} {dataset.dtype}" for dataset in _datasets(file) if dataset.ndim]
    return "; ".join(described[:20]) + (f" and {len(described) - 20} more" if len(described) > 20 else "") or "no arrays"


def _is_scan(dataset: h5py.Dataset) -> bool:
    """Whether the dataset is numeric and, without axes of one value, a scan of patterns rather than of lists."""
    kept = _kept_axes(dataset.shape)
    return dataset.dtype.kind in "uif" and len(kept) == 4 and min(dataset.shape[axis] for axis in kept[2:]) > 1


def _kept_axes(shape: tuple[int, ...]) -> list[int]:
    """Axes left when those of one value are dropped, as long as there are more than four."""
    axes = list(range(len(shape)))
    for axis in reversed(range(len(shape))):
        if len(axes) > 4 and shape[axis] == 1:
            axes.remove(axis)
    return axes


def _measures(dataset: h5py.Dataset) -> list[Measure] | None:
    """Step and unit of every axis, from EMD's dim vectors, which are counted from 0 or from 1."""
    group = dataset.parent
    first = 0 if "dim0" in group else 1
    vectors = [group.get(f"dim{first + axis}") for axis in range(dataset.ndim)]
    if not all(isinstance(vector, h5py.Dataset) for vector in vectors):
        return None
    measures: list[Measure] = []
    for vector in vectors:
        unit = vector.attrs.get("units", "")
        text = unit.decode() if isinstance(unit, bytes) else str(unit)
        values = np.asarray(vector[()])
        regular = values.ndim == 1 and len(values) > 1 and values.dtype.kind in "uif"
        measures.append((float(values[1] - values[0]), text) if regular else (1.0, None))
    return measures


def _py4dstem_calibration(dataset: h5py.Dataset) -> dict[str, Any]:
    """Pixel sizes from py4DSTEM's calibration, which wins over the dims (those are not always updated)."""
    root = dataset.file[dataset.name.split("/")[1]]
    group = root.get("metadatabundle/calibration") if isinstance(root, h5py.Group) else None
    if group is None:
        return {}
    values = {name: item[()] for name, item in group.items() if isinstance(item, h5py.Dataset)}
    values = {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}
    found: dict[str, Any] = {"flip": bool(values.get("QR_flip", False))}
    for key, prefix in (("scan_step", "R"), ("k_step", "Q")):
        size, unit = values.get(f"{prefix}_pixel_size"), values.get(f"{prefix}_pixel_units")
        if isinstance(size, (int, float, np.number)) and unit not in (None, "pixels"):
            found[key] = ((float(size), unit), (float(size), unit))
    if any(name in values and values[name] not in (0, "None") for name in ("QR_rotation", "QR_rotation_degrees")):
        warnings.warn(
            "the file gives a rotation between scan and detector, whose sense differs among py4DSTEM's versions, so it is not read; "
            "pass scan_rotation_deg=..., or use pw.calibrate(cube, scan_rotation_deg='estimate')",
            stacklevel=4,
        )
    return found
