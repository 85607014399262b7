"""A segmentation to take away, and in words."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

Exported = Callable[[xr.Dataset, xr.Dataset], bytes]
MEASURES: Final = {
    "equivalent_diameter": "diameter",
    "area": "area",
    "perimeter": "perimeter",
    "circularity": "circularity",
    "aspect_ratio": "aspect ratio",
    "solidity": "solidity",
    "orientation_deg": "orientation",
    "probability": "probability",
    "uncertainty": "uncertainty",
}
"""Columns of the statistics that are shown, and what they are called."""
SHORT: Final = {"angstrom": "Å", "pixel": "px", "degree": "°", "um": "µm", "1": ""}


def particles_csv(_: xr.Dataset, statistics: xr.Dataset) -> bytes:
    """One line a particle; lengths in the image's unit, which is the last column."""
    table = statistics.to_dataframe()
    table["unit"] = statistics.attrs["unit"]
    return bytes(table.to_csv(lineterminator="\n").encode())


def masks_npz(segmentation: xr.Dataset, _: xr.Dataset) -> bytes:
    """Mask, labels, probability and uncertainty as arrays, with the pixel's size and unit."""
    stream = io.BytesIO()
    arrays: dict[str, Any] = {name: segmentation[name].values for name in ("mask", "labels", "probability", "uncertainty")}
    np.savez_compressed(stream, **arrays, **{name: segmentation.attrs[name] for name in ("pixel_size", "unit")})
    return stream.getvalue()


def whole_zarr(segmentation: xr.Dataset, statistics: xr.Dataset) -> bytes:
    """The segmentation and, as group ``particles``, the statistics, as a zip of zarr, which `xarray.open_zarr` reads."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "segmentation.zarr"
        segmentation.to_zarr(root, consolidated=False)
        statistics.to_zarr(root, group="particles", consolidated=False)
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(root.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(root))
    return stream.getvalue()


FORMATS: Final[dict[str, tuple[str, Exported]]] = {
    "statistics, CSV": ("particles.csv", particles_csv),
    "masks, npz": ("masks.npz", masks_npz),
    "everything, zarr": ("segmentation.zarr.zip", whole_zarr),
}


def short(unit: str) -> str:
    """A unit as a person writes it: ``angstrom^2`` is Å²."""
    base, _, power = unit.partition("^")
    return SHORT.get(base, base) + {"2": "²", "": ""}[power]


def totals(statistics: xr.Dataset) -> str:
    """Number, sizes and coverage, in words."""
    attrs = statistics.attrs
    count, unit = attrs["count"], short(attrs["unit"])
    if not count:
        return "no particle: lower the threshold or the smallest diameter, or look at the contrast"
    spread = f" ± {attrs['std_diameter']:.3g}" if count > 1 else ""
    return "\n".join(
        [
            f"{count} particle{'s' if count > 1 else ''}",
            f"diameter {attrs['mean_diameter']:.3g}{spread} {unit} (mean, spread), median {attrs['median_diameter']:.3g} {unit}",
            f"circularity {float(statistics['circularity'].mean()):.2f}, aspect ratio {float(statistics['aspect_ratio'].mean()):.2f}",
            f"{attrs['coverage']:.1%} of the image covered, {attrs['number_density']:.3g} / {unit}²",
        ]
    )


def particle_facts(statistics: xr.Dataset, number: int) -> str:
    """One particle's statistics, in words."""
    own = statistics.sel(particle=number)
    lines = [f"particle {number} at ({float(own['y']):.4g}, {float(own['x']):.4g}) {short(own['y'].attrs['units'])} (down, right)"]
    for name, title in MEASURES.items():
        if name in own:
            lines.append(f"{title} {float(own[name]):.3g} {short(own[name].attrs['units'])}".rstrip())
    if bool(own["touches_border"]):
        lines.append("cut by the image's edge")
    return "\n".join(lines)
