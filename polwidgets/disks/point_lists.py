"""Disks as py4DSTEM keeps them: an HDF5 file with a list of (qx, qy, intensity) for every probe position.

py4DSTEM counts x along the rows: its qx is our ky and its qy our kx, in the units of whoever calibrated them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
import xarray as xr

from polwidgets.cube.schema import UNCALIBRATED

POINT: Final = np.dtype([("qx", "<f8"), ("qy", "<f8"), ("intensity", "<f8")])


def save_point_lists(disks: xr.Dataset, path: str | Path) -> Path:
    """Write a table of disks (`polwidgets.disks.find.find_disks`) as a py4DSTEM PointListArray.

    Written aside and renamed; an existing file is replaced.
    """
    target = Path(path)
    shape = (int(disks.attrs["scan_rows"]), int(disks.attrs["scan_columns"]))
    points = np.empty(disks.sizes["disk"], POINT)
    for name, source in zip(POINT.names or (), ("ky", "kx", "intensity"), strict=True):
        points[name] = disks[source].values
    lists = np.empty(shape, object)
    flat = disks["row"].values * shape[1] + disks["column"].values
    order = np.argsort(flat, kind="stable")
    for index, part in enumerate(np.split(points[order], np.searchsorted(flat[order], np.arange(1, shape[0] * shape[1])))):
        lists[divmod(index, shape[1])] = part
    aside = target.with_name(f".{target.name}.part")
    try:
        with h5py.File(aside, "w") as file:
            root = file.create_group("4DSTEM")
            root.attrs.update({"emd_group_type": "root", "version_major": 0, "version_minor": 13, "version_release": 11})
            group = root.create_group("braggpeaks")
            group.attrs.update({"emd_group_type": 3, "py4dstem_class": "PointListArray"})
            data = group.create_dataset("data", shape, dtype=h5py.vlen_dtype(POINT))
            for place in np.ndindex(shape):
                data[place] = lists[place]
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    return target


def open_point_lists(path: str | Path, *, name: str | None = None, units: str = UNCALIBRATED) -> xr.Dataset:
    """Read a py4DSTEM PointListArray, for example its Bragg peaks, as a table of disks.

    Parameters
    ----------
    name : str, optional
        Path of the dataset in the file, where it holds more than one.
    units : str
        Of the file's qx and qy, which does not say.

    Returns
    -------
    Dataset on (disk,)
        As `find_disks` gives it, without errors; scan coords are indices.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no {path}")
    with h5py.File(path) as file:
        found: dict[str, Any] = {}
        file.visititems(lambda key, item: found.update({key: item}) if _holds_points(item) else None)
        if not found:
            raise ValueError(f"{path} holds no lists of points with the fields {', '.join(POINT.names or ())}; is it py4DSTEM's?")
        if name is None and len(found) > 1:
            raise ValueError(f"{path} holds {len(found)} lists of points; pass name=, one of {', '.join(found)}")
        chosen = name if name is not None else next(iter(found))
        if chosen not in found:
            raise ValueError(f"{path} holds no lists of points named {chosen!r}; there are {', '.join(found)}")
        lists = found[chosen][()]
    counts = np.array([[len(points) for points in row] for row in lists])
    points = np.concatenate([np.asarray(points) for points in lists.ravel()])
    row, column = (np.repeat(index.ravel(), counts.ravel()) for index in np.indices(counts.shape))
    wave = {"units": units}
    return xr.Dataset(
        {
            "row": ("disk", row),
            "column": ("disk", column),
            "scan_y": ("disk", row.astype(float), {"units": UNCALIBRATED}),
            "scan_x": ("disk", column.astype(float), {"units": UNCALIBRATED}),
            "ky": ("disk", points["qx"], wave),
            "kx": ("disk", points["qy"], wave),
            "intensity": ("disk", points["intensity"]),
        },
        attrs={"scan_rows": counts.shape[0], "scan_columns": counts.shape[1]},
    )


def _holds_points(item: Any) -> bool:
    if not isinstance(item, h5py.Dataset) or item.ndim != 2:
        return False
    kind = h5py.check_vlen_dtype(item.dtype)
    return kind is not None and set(POINT.names or ()) <= set(kind.names or ())
