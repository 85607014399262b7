"""Bragg disks of a scan as a tidy table."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets import __version__
from polwidgets.cube.schema import step_of
from polwidgets.cube.stream import map_blocks
from polwidgets.disks.base import AUTO, DiskDetector, Proposals, disk_detectors
from polwidgets.disks.measure import BLOCK_BYTES, measure_disks, one_thread
from polwidgets.disks.preparation import prepare
from polwidgets.progress import Progress, reporter


def find_disks(
    cube: xr.DataArray,
    *,
    probe: xr.DataArray | NDArray[Any] | None = None,
    detector: str | DiskDetector = "auto",
    refine: bool = True,
    progress: bool | Progress = False,
) -> xr.Dataset:
    """Find and measure the Bragg disks of every pattern.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
        Streamed.
    probe : array (ky, kx), optional
        Vacuum pattern on the same detector. Without it one is estimated from the undiffracted disk, with a warning.
    detector : str or DiskDetector
        A registered detector, or a part; ``auto`` takes the best there is.
    refine : bool
        Measure every proposed disk by the probe's edge, instead of taking the detector's place.

    Returns
    -------
    Dataset on (disk,)
        ``row``, ``column``: index of the probe position; ``scan_y``, ``scan_x``, ``ky``, ``kx``: its and the disk's coords;
        ``intensity``: sum of the disk without background; ``error``: standard deviation of ``ky`` and ``kx`` each. Sorted by
        position, the surest disk first; `to_dataframe` makes a table of it. Attrs hold the scan's shape.
    """
    report = reporter(progress)
    part = disk_detectors.build(AUTO if detector == "auto" else detector) if isinstance(detector, str) else detector
    report("look at a sample", 0.0)
    rows: list[tuple[NDArray[Any], ...]] = []
    with one_thread():
        preparation = prepare(cube, probe, part)

        def job(block: NDArray[Any]) -> tuple[Proposals, NDArray[np.float64]]:
            return measure_disks(block.reshape(-1, *block.shape[2:]), preparation, part, refine=refine)

        for place, (found, error) in map_blocks(cube, job, block_bytes=BLOCK_BYTES):
            pattern, slot = np.nonzero(np.isfinite(found.places[..., 0]))
            down, right = np.divmod(pattern, place.scan_x.stop - place.scan_x.start)
            rows.append(
                (
                    down + place.scan_y.start,
                    right + place.scan_x.start,
                    found.places[pattern, slot],
                    found.strength[pattern, slot],
                    error[pattern, slot],
                )
            )
            report("measure the disks", place.scan_y.stop / cube.sizes["scan_y"])
    row, column, places, intensity, error = (np.concatenate(part) for part in zip(*rows, strict=True))
    order = np.lexsort((np.arange(len(row)), column, row))
    steps = np.array([step_of(cube, "ky"), step_of(cube, "kx")])
    k = np.array([float(cube[dim][0]) for dim in ("ky", "kx")]) + places * steps
    units = {dim: dict(cube[dim].attrs) for dim in cube.dims}
    columns: dict[str, Any] = {
        "row": row, "column": column, "scan_y": cube["scan_y"].values[row], "scan_x": cube["scan_x"].values[column],
        "ky": k[:, 0], "kx": k[:, 1], "intensity": intensity, "error": error * np.sqrt(abs(steps[0] * steps[1])),
    }  # fmt: skip
    described = {name: ("disk", values[order], units.get(name, {})) for name, values in columns.items()}
    attrs = {
        "scan_rows": cube.sizes["scan_y"], "scan_columns": cube.sizes["scan_x"], "probe": preparation.probe_source,
        "probe_radius_px": preparation.probe.radius_px, "detector": disk_detectors.to_json(part), "polwidgets_version": __version__,
    }  # fmt: skip
    return xr.Dataset(described, attrs=attrs)
