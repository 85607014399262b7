"""Samples that come with the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import xarray as xr

from polwidgets.cube.files import open_cube


def sample(name: str) -> xr.DataArray:
    """Open a bundled scan, lazily.

    Parameters
    ----------
    name : str
        "knn_wall": (K,Na)NbO3, 22 nm, with a 180-degree domain wall: up on the left, down on the right, simulated with
        mistilt, source size, blur, background and 2500 electrons a pattern (``make sample``).

    Raises
    ------
    ValueError
        No such sample; says which there are.
    """
    folder = Path(str(resources.files("polwidgets"))) / "data"
    samples = {path.name.removesuffix(".zip").removesuffix(".zarr"): path for path in sorted(folder.glob("*.zarr*"))}
    if name not in samples:
        known = ", ".join(samples) or "none (was the package built without its data?)"
        raise ValueError(f"there is no sample {name!r}; there are: {known}")
    return open_cube(samples[name])
