"""What a reader is: it knows its files when it sees them and says what is in them, without loading the patterns."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Final, Protocol

import xarray as xr

from polwidgets.registry import Registry

Measure = tuple[float, str | None]  # a value and its unit as the file spells it


@dataclasses.dataclass(frozen=True)
class RawScan:
    """Patterns as a file holds them, with what it says about them.

    Attributes
    ----------
    patterns : dask array
        (ky, kx), (n, ky, kx) or (scan_y, scan_x, ky, kx) unless `axis_order` says otherwise.
    scan_step, k_step : ((value, unit), (value, unit)), optional
        Along the file's own axes: rows and columns of the scan, rows and columns of the detector.
    center_px : (row, column), optional
        Of the undiffracted beam, along the file's own detector axes.
    axis_order : str
        See `polwidgets.cube.axis_order`.
    scan_shape : (rows, columns), optional
        Where the patterns come as a list and the file knows the scan.
    attrs : dict
        Attrs of the cube, for example ``voltage_kV``.
    """

    patterns: Any
    scan_step: tuple[Measure, Measure] | None = None
    k_step: tuple[Measure, Measure] | None = None
    center_px: tuple[float, float] | None = None
    axis_order: str = "scan_y scan_x ky kx"
    scan_shape: tuple[int, int] | None = None
    attrs: dict[str, float | str] = dataclasses.field(default_factory=dict)


class Reader(Protocol):
    """A file format: a frozen dataclass whose fields are the hints that only this format has."""

    def accepts(self, path: Path) -> bool:
        """Whether this reader reads the path, by its name and, where needed, by its first bytes."""

    def read(self, path: Path) -> RawScan | xr.DataArray:
        """What the file holds; a cube where the file is one already."""


readers: Final[Registry[Reader]] = Registry("reader", "polwidgets.cube.readers")
