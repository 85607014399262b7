"""The native format: zarr with the cube's coords and attrs, as a folder or zipped."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import dask.array as da
import xarray as xr
import zarr
from zarr.storage import LocalStore, ZipStore

from polwidgets.cube.readers.base import Measure, RawScan, readers
from polwidgets.cube.stream import lazy


@readers.register("zarr")
@dataclasses.dataclass(frozen=True)
class Zarr:
    """Cubes written by `save_cube` or ``cube.to_dataset().to_zarr``, and patterns written by abTEM's ``to_zarr``."""

    def accepts(self, path: Path) -> bool:
        """A folder with zarr's own metadata, or a .zarr.zip."""
        if path.is_dir():
            return any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zarray"))
        return path.name.endswith(".zarr.zip")

    def read(self, path: Path) -> xr.DataArray | RawScan:
        """The cube, in dask blocks that follow the file's chunks."""
        store = ZipStore(path, mode="r") if path.is_file() else LocalStore(path, read_only=True)
        try:
            group = zarr.open_group(store, mode="r")
        except Exception as error:  # zarr raises whatever its codecs and its JSON parser raise
            raise ValueError(f"{path} is not a readable zarr group ({error}); is it truncated, or a single array?") from error
        metadata: Any = group.attrs.get("metadata0", {})
        if str(metadata.get("data_origin", "")).startswith("abTEM"):
            return _from_abtem(group["array0"], metadata)
        names = sorted(group.array_keys())
        if "intensity" not in names:
            kind = "a prediction" if "probability" in names or "direction" in names else "no cube"
            raise ValueError(
                f"{path} holds {kind}: its variables are {', '.join(names) or 'none'}; a cube has 'intensity'. "
                f"Open it with xarray.open_zarr({str(path)!r})"
            )
        cube: xr.DataArray = xr.open_zarr(store, chunks=None, consolidated=False)["intensity"].drop_encoding()
        # dask fuses slices into the read of the file, so that one pattern costs one chunk
        return cube.copy(data=lazy(group["intensity"]))


def _from_abtem(array: Any, metadata: dict[str, Any]) -> RawScan:
    """Patterns in abTEM's (x, y, kx, ky) with y upward; lengths in angstrom, wave numbers in 1/angstrom."""
    axes = [metadata["axes"][f"axis_{index}"] for index in range(array.ndim)]
    labels = tuple(axis["label"] for axis in axes)
    if labels != ("x", "y", "kx", "ky"):
        raise ValueError(f"the abTEM file has axes {labels}, expected ('x', 'y', 'kx', 'ky'): patterns of a grid scan")
    measures: list[Measure] = [(axis["sampling"], axis["units"]) for axis in axes]
    attrs: dict[str, float | str] = {}
    if "energy" in metadata:
        attrs["voltage_kV"] = float(metadata["energy"]) / 1e3
    if "semiangle_cutoff" in metadata:
        attrs["semiangle_mrad"] = float(metadata["semiangle_cutoff"])
    patterns = lazy(array)
    # patterns that abTEM has not yet shifted begin with the undiffracted beam; the offsets are of shifted ones
    shifted = [index for index in (2, 3) if not axes[index].get("fftshift", True)]
    return RawScan(
        da.fft.fftshift(patterns, axes=shifted) if shifted else patterns,
        scan_step=(measures[0], measures[1]),
        k_step=(measures[2], measures[3]),
        center_px=(-axes[2]["offset"] / axes[2]["sampling"], -axes[3]["offset"] / axes[3]["sampling"]),
        axis_order="abTEM",
        attrs=attrs,
    )
