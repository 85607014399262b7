"""Opening and saving cubes."""

from __future__ import annotations

import dataclasses
import math
import os
import shutil
import uuid
import zipfile
from pathlib import Path
from typing import Any, Final

import dask.array as da
import numpy as np
import xarray as xr
import zarr
from tqdm.auto import tqdm

from polwidgets.cube.axis_order import parse_order, reorder
from polwidgets.cube.readers.base import RawScan, readers
from polwidgets.cube.schema import DIMS, UNCALIBRATED, make_cube, step_of, validate
from polwidgets.cube.stream import SLOW_SECONDS, load, scan_blocks
from polwidgets.cube.units import length_in_angstrom, wavenumber_in_inverse_angstrom

CHUNK_BYTES: Final = 512 * 2**10  # a pattern is read with its neighbours: about a millisecond


def open_cube(
    path: str | os.PathLike[str],
    *,
    reader: str | None = None,
    scan_shape: tuple[int, int] | None = None,
    axis_order: str | None = None,
    scan_step_A: float | tuple[float, float] | None = None,
    k_step: float | tuple[float, float] | None = None,
    center_px: tuple[float, float] | None = None,
    voltage_kV: float | None = None,
    semiangle_mrad: float | None = None,
    scan_rotation_deg: float | None = None,
    **options: Any,
) -> xr.DataArray:
    """Open a 4D-STEM scan, lazily.

    Parameters
    ----------
    path : path
        Native zarr, .npy, .npz, HDF5 (EMD, py4DSTEM, fpd, any other with ``dataset=``), a folder of TIFFs, EMPAD .raw or
        .xml, or a vendor's file (MIB, blockfile, DM3, DM4, TIA, TVIPS, NeXus, HyperSpy; needs the extra ``io``).
    reader : str, optional
        Name of a registered reader, where the path does not tell.
    scan_shape : (rows, columns), optional
        Of the scan, for files that hold a list of patterns; without it, what the file says, else a square.
    axis_order : str, optional
        Of the file's axes: "py4DSTEM", "abTEM", or the four names in order such as "ky kx scan_y scan_x", with a minus for
        an axis that grows upward or leftward. Without it, what the file says, else (scan_y, scan_x, ky, kx).
    scan_step_A, k_step : float or (y, x), optional
        Distance of probe positions in angstrom and detector pixel in 1/angstrom; win over what the file says.
    center_px : (row, column), optional
        Detector pixel of the undiffracted beam; `polwidgets.calibrate` finds it.
    voltage_kV, semiangle_mrad, scan_rotation_deg : float, optional
        Attrs of the cube; win over what the file says.
    **options
        Of the reader, for example ``dataset=`` for HDF5 and .npz, ``pattern=`` for TIFFs.

    Returns
    -------
    xarray.DataArray
        A cube backed by dask: nothing is read until numbers are needed, and slices read only their part of the file.

    Raises
    ------
    FileNotFoundError, ValueError
        Nothing there, no reader, a damaged file, a scan shape that does not fit: says what was got and what to do.
    """
    path = Path(path).expanduser()
    found = _read(path, reader, options)
    attrs = {"voltage_kV": voltage_kV, "semiangle_mrad": semiangle_mrad, "scan_rotation_deg": scan_rotation_deg}
    known = {name: value for name, value in attrs.items() if value is not None}
    if isinstance(found, xr.DataArray):
        if scan_shape is not None and tuple(scan_shape) != found.shape[:2]:
            raise ValueError(f"{path} is a cube with a scan of {found.shape[:2]}, got scan_shape={tuple(scan_shape)}; leave it out")
        cube = found if axis_order is None else found.copy(data=reorder(found.data, axis_order))
    else:
        found = dataclasses.replace(found, attrs={**found.attrs, **known}, axis_order=axis_order or found.axis_order)
        cube = _label(path, found, scan_shape, needs_k_step=k_step is None)
    return validate(relabel(cube, scan_step_A=scan_step_A, k_step=k_step, center_px=center_px).assign_attrs(known))


def save_cube(cube: xr.DataArray, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a cube as native zarr, block by block.

    The cube is written beside the target and then renamed, so that a broken run leaves no half file. Its chunks are small
    groups of whole patterns: one pattern is read in about a millisecond, and the whole at the speed of the disk.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
        A dask cube is computed block by block.
    path : path
        Ending in ``.zarr`` (a folder) or ``.zarr.zip`` (one file).
    overwrite : bool
        Replace what is there.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    FileExistsError
        Something is there and `overwrite` is not set.
    """
    validate(cube)
    path = Path(path).expanduser()
    if not path.name.endswith((".zarr", ".zarr.zip")):
        raise ValueError(f"a cube is saved as .zarr or .zarr.zip, got {path.name!r}")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists; pass overwrite=True to replace it, or choose another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        _write(cube, aside)
        if path.suffix == ".zip":
            folder, aside = aside, aside.with_name(f"{aside.name}.zip")
            _zip(folder, aside)
        if path.exists():
            # a folder cannot be renamed onto a folder that has something in it
            old = aside.with_name(f"{aside.name}.old")
            path.rename(old)
            aside.rename(path)
            _remove(old)
        else:
            aside.rename(path)
    finally:
        _remove(aside)
    return path


def relabel(
    cube: xr.DataArray,
    *,
    scan_step_A: float | tuple[float, float] | None = None,
    k_step: float | tuple[float, float] | None = None,
    center_px: tuple[float, float] | None = None,
) -> xr.DataArray:
    """The same data with other steps or another pattern centre; what is not given stays as it was."""
    if scan_step_A is None and k_step is None and center_px is None:
        return cube
    fresh = make_cube(
        cube.data,
        scan_step_A=scan_step_A if scan_step_A is not None else _calibrated_steps(cube, "scan_y", "scan_x"),
        k_step=k_step if k_step is not None else _calibrated_steps(cube, "ky", "kx"),
        center_px=center_px if center_px is not None else center_of(cube),
    )
    coords = {dim: fresh[dim] for dim in DIMS if scan_step_A is not None or not dim.startswith("scan")}
    return cube.assign_coords(coords)


def center_of(pattern: xr.DataArray) -> tuple[float, float]:
    """Detector pixel (row, column), sub-pixel, at which k is zero."""
    down, right = (-float(pattern[dim].values[0]) / step_of(pattern, dim) for dim in ("ky", "kx"))
    return down, right


def _read(path: Path, reader: str | None, options: dict[str, Any]) -> RawScan | xr.DataArray:
    if not path.exists():
        near = [entry.name for entry in sorted(path.parent.glob("*"))[:8]] if path.parent.is_dir() else []
        raise FileNotFoundError(f"there is no {path}" + (f"; {path.parent} holds {', '.join(near)}" if near else ""))
    if reader is None:
        reader = next((name for name in readers if readers[name]().accepts(path)), None)
    if reader is None:
        raise ValueError(
            f"no reader knows {path}; there are {', '.join(readers)} (pass reader=... if one fits), "
            "or load the array yourself and label it with pw.make_cube" + ("; unpack the archive first" if path.suffix == ".zip" else "")
        )
    unknown = sorted(set(options) - {field.name for field in dataclasses.fields(readers[reader])})  # type: ignore[arg-type]
    if unknown:
        own = ", ".join(field.name for field in dataclasses.fields(readers[reader])) or "none"  # type: ignore[arg-type]
        raise TypeError(
            f"open_cube has no hint {', '.join(unknown)} for {path.name}; check the spelling. Hints: scan_shape, axis_order, scan_step_A, "
            f"k_step, center_px, voltage_kV, semiangle_mrad, scan_rotation_deg; of the reader {reader!r}: {own}"
        )
    return readers.build(reader, **options).read(path)


def _label(path: Path, found: RawScan, scan_shape: tuple[int, int] | None, *, needs_k_step: bool) -> xr.DataArray:
    """The patterns as a cube, with what the file says in the conventions' units."""
    patterns = found.patterns
    if patterns.ndim == 2:
        patterns = patterns[None]
    if patterns.ndim == 3 or scan_shape is not None:
        patterns = _as_scan(path, patterns, scan_shape or found.scan_shape)
    axes = parse_order(found.axis_order)
    names = [axis.removeprefix("-") for axis in axes]
    scan_names, k_names = ([name for name in names if name.startswith(prefix)] for prefix in ("scan", "k"))
    steps: dict[str, float | None] = dict.fromkeys(DIMS)
    for name, measure in zip(scan_names, found.scan_step or (), strict=False):
        steps[name] = length_in_angstrom(*measure)
    voltage = found.attrs.get("voltage_kV")
    for name, measure in zip(k_names, found.k_step or () if needs_k_step else (), strict=False):
        steps[name] = wavenumber_in_inverse_angstrom(*measure, None if voltage is None else float(voltage))
    center = None
    if found.center_px is not None:
        place = {
            name: patterns.shape[names.index(name)] - 1 - value if f"-{name}" in axes else value
            for name, value in zip(k_names, found.center_px, strict=True)
        }
        center = (place["ky"], place["kx"])
    # a foreign byte order would only slow down, or fail, whatever comes later
    patterns = reorder(patterns, found.axis_order).astype(patterns.dtype.newbyteorder("="), copy=False)
    if patterns.chunks and any(len(sizes) > 1 for sizes in patterns.chunks[2:]):
        patterns = patterns.rechunk({2: -1, 3: -1})
    return make_cube(
        patterns,
        scan_step_A=_both(steps["scan_y"], steps["scan_x"]),
        k_step=_both(steps["ky"], steps["kx"]),
        center_px=center,
        **found.attrs,
    )


def _as_scan(path: Path, patterns: Any, scan_shape: tuple[int, int] | None) -> Any:
    """A list of patterns (n, ky, kx), or a scan of another shape, as a scan of this shape."""
    count = int(np.prod(patterns.shape[:-2]))
    if scan_shape is None:
        side = round(count**0.5)
        if side * side != count:
            pairs = [(rows, count // rows) for rows in range(2, side + 1) if count % rows == 0][-4:]
            fits = ", ".join(f"{pair} or {pair[::-1]}" for pair in pairs) or "only one row"
            raise ValueError(f"{path} holds {count} patterns, which is no square; pass scan_shape=(rows, columns): {fits} would fit")
        scan_shape = (side, side)
    rows, columns = (int(value) for value in scan_shape)
    if rows * columns != count or min(rows, columns) < 1:
        raise ValueError(
            f"scan_shape {rows} x {columns} asks for {rows * columns} patterns, {path} holds {count}; "
            "check the shape (rows first), or whether the file is complete"
        )
    if patterns.ndim == 4:
        if patterns.shape[:2] == (rows, columns):
            return patterns
        patterns = patterns.reshape(count, *patterns.shape[2:])
    # blocks of whole rows of the scan, so that reshaping moves no data
    per_block = max(1, round(patterns.chunksize[0] / columns)) * columns
    return patterns.rechunk({0: per_block}).reshape(rows, columns, *patterns.shape[1:])


def _both(first: float | None, second: float | None) -> tuple[float, float] | None:
    return None if first is None or second is None or first == 0 or second == 0 else (first, second)


def _calibrated_steps(cube: xr.DataArray, first: str, second: str) -> tuple[float, float] | None:
    if UNCALIBRATED in (cube[first].attrs.get("units"), cube[second].attrs.get("units")):
        return None
    return step_of(cube, first), step_of(cube, second)


def _write(cube: xr.DataArray, folder: Path) -> None:
    side = max(1, math.isqrt(CHUNK_BYTES // (cube.dtype.itemsize * cube.shape[2] * cube.shape[3])))
    blocks = scan_blocks(cube)
    # whole chunks of the file in every block, where its size allows
    chunks = tuple(_divisor(min(part.stop - part.start, size), side) for part, size in zip(blocks[0], cube.shape, strict=False))
    empty = cube.copy(data=da.zeros(cube.shape, dtype=cube.dtype, chunks=(*chunks, *cube.shape[2:]))).drop_encoding()
    # xarray writes coords and attrs; the patterns follow block by block, so that no more than one is in memory
    empty.to_dataset(name="intensity").to_zarr(
        folder, mode="w-", compute=False, consolidated=False, zarr_format=3, encoding={"intensity": {"chunks": (*chunks, *cube.shape[2:])}}
    )
    target: Any = zarr.open_group(folder, mode="r+")["intensity"]
    for block in tqdm(blocks, desc="saving", delay=SLOW_SECONDS, leave=False):
        target[block.scan_y, block.scan_x] = load(cube, block)


def _divisor(size: int, limit: int) -> int:
    """The largest divisor of `size` up to `limit`."""
    return next(divisor for divisor in range(min(size, limit), 0, -1) if size % divisor == 0)


def _zip(folder: Path, archive: Path) -> None:
    """One uncompressed archive (its members are compressed already) in place of the folder."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for member in sorted(folder.rglob("*")):
            if member.is_file():
                file.write(member, member.relative_to(folder).as_posix())
    shutil.rmtree(folder)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
