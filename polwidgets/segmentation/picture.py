"""An image from anywhere as one plane of grey levels with its scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

LUMINANCE: Final = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709
SMALLEST: Final = 8  # pixels a side
MOST_MISSING: Final = 0.5
UNITS: Final = {"A": "angstrom", "Å": "angstrom", "µm": "um", "μm": "um", "px": "pixel", "": "pixel"}
CLIPPED_PERCENT: Final = 0.5  # of pixels at either end: dead pixels, X-rays


def as_picture(image: ArrayLike | xr.DataArray | str | Path, *, pixel_size: float | None = None, unit: str = "nm") -> xr.DataArray:
    """One plane of grey levels on (y, x), with coords in a unit of length, or in pixels where the scale is not known.

    Parameters
    ----------
    image : array (y, x) or (y, x, 3 or 4), DataArray, or path
        Any real numbers. Colours become luminance, transparency is left out. A DataArray keeps its coords' scale. Files:
        PNG, TIFF, JPEG, ``.npy``, and with rosettasciio vendors' formats, which know their scale.
    pixel_size : float, optional
        Edge of a pixel in `unit`; replaces what the image says.
    unit : str

    Returns
    -------
    DataArray (y, x), float32
        Pixels that are not finite are NaN; ``attrs["missing"]`` counts them.

    Raises
    ------
    ValueError
        Not an image: other dimensions, complex numbers, too small, one grey level only, or mostly missing.
    """
    if isinstance(image, (str, Path)):
        image = read_picture(image)
    if pixel_size is not None and not 0 < pixel_size < np.inf:
        raise ValueError(f"pixel_size is {pixel_size}, expected the edge of a pixel in {unit}, more than zero")
    if pixel_size is None:
        pixel_size, unit = _scale_of(image) if isinstance(image, xr.DataArray) else (1.0, "pixel")
    plane = _one_plane(np.asarray(image))
    finite = np.isfinite(plane)
    missing = int((~finite).sum())
    if missing > MOST_MISSING * plane.size:
        raise ValueError(f"{missing} of {plane.size} pixels are NaN or infinite; expected most of them to be numbers")
    plane = np.where(finite, plane, np.nan)
    if plane[finite].min() == plane[finite].max():
        raise ValueError(f"every pixel is {plane[finite][0]:g}: there is nothing to be seen; check the file, or the part that was cut out")
    coords = {
        dim: (dim, np.arange(size) * pixel_size, {"units": UNITS.get(unit, unit)}) for dim, size in zip("yx", plane.shape, strict=True)
    }
    attrs = {"pixel_size": float(pixel_size), "unit": UNITS.get(unit, unit), "missing": missing}
    return xr.DataArray(plane.astype(np.float32), coords, ("y", "x"), name="image", attrs=attrs)


def read_picture(path: str | Path) -> xr.DataArray | NDArray[np.generic]:
    """The image in a file; with its scale where the format knows one.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file, or it is no image that can be read.
    """
    source = Path(path)
    if not source.is_file():
        raise FileNotFoundError(f"there is no file {source}")
    if source.suffix == ".npy":
        return np.asarray(np.load(source, allow_pickle=False))
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(source) as picture:
            return np.asarray(picture.convert("RGB") if picture.mode in ("P", "CMYK", "YCbCr", "LAB", "HSV") else picture)
    except UnidentifiedImageError:
        return _read_vendor(source)


def filled(picture: xr.DataArray) -> NDArray[np.float32]:
    """The plane with the median of the others where pixels are missing."""
    plane = np.asarray(picture.values, np.float32)
    known = np.isfinite(plane)
    return plane if known.all() else np.where(known, plane, np.median(plane[known])).astype(np.float32)


def standardise(image: NDArray[np.floating | np.integer]) -> NDArray[np.float32]:
    """Grey levels less their mean, over their standard deviation, the extremes clipped; what the network is given."""
    low, high = np.percentile(image, (CLIPPED_PERCENT, 100 - CLIPPED_PERCENT))
    clipped = np.clip(image.astype(np.float32), low, high)
    spread = float(clipped.std())
    return np.asarray((clipped - clipped.mean()) / (spread if spread > 0 else 1.0), np.float32)


def _one_plane(values: NDArray[Any]) -> NDArray[np.float64]:
    if values.dtype == bool or not np.issubdtype(values.dtype, np.number) or np.iscomplexobj(values):
        raise ValueError(f"the image holds {values.dtype}, expected real numbers; of a complex wave take the intensity")
    if values.ndim == 3 and values.shape[-1] in (3, 4):
        values = values[..., :3] @ LUMINANCE
    if values.ndim != 2:
        raise ValueError(f"the image has shape {values.shape}, expected (y, x), or (y, x, 3) with colours; take one image of a series")
    if min(values.shape) < SMALLEST:
        raise ValueError(f"the image has {values.shape[0]} x {values.shape[1]} pixels, expected at least {SMALLEST} a side")
    return values.astype(np.float64)


def _scale_of(image: xr.DataArray) -> tuple[float, str]:
    """Pixel size and unit by the coords, which must agree; one pixel where there are none."""
    dims = image.dims[:2]
    if not all(dim in image.coords and image[dim].attrs.get("units", "pixel") not in ("pixel", "px", "") for dim in dims):
        return 1.0, "pixel"
    units = {str(image[dim].attrs["units"]) for dim in dims}
    steps = [float(np.diff(image[dim].values.astype(float)).mean()) if image.sizes[dim] > 1 else np.nan for dim in dims]
    if len(units) > 1 or not np.allclose(steps, steps[0], rtol=1e-3) or not steps[0] > 0:
        raise ValueError(
            f"pixels are {steps} {sorted(units)} along {dims}; expected squares in one unit, growing: resample, or give pixel_size"
        )
    return steps[0], units.pop()


def _read_vendor(path: Path) -> xr.DataArray:
    """By rosettasciio, with the scale."""
    try:
        import rsciio
    except ImportError as error:
        raise ValueError(f"{path} is no PNG, TIFF, JPEG or npy; vendors' formats need rosettasciio: pip install polwidgets[io]") from error
    from importlib import import_module

    readers = [p["api"] for p in rsciio.IO_PLUGINS if path.suffix.lstrip(".").lower() in [e.lower() for e in p["file_extensions"]]]
    if not readers:
        raise ValueError(f"{path} has the ending {path.suffix!r}, which neither Pillow nor rosettasciio can read; convert it to TIFF")
    signal = import_module(readers[0]).file_reader(str(path))[0]
    axes = [axis for axis in signal["axes"] if axis["size"] > 1]
    coords = {}
    for dim, axis in zip("yx", axes, strict=False):
        coords[dim] = (dim, np.arange(axis["size"]) * axis["scale"], {"units": str(axis["units"] or "pixel")})
    data = np.squeeze(np.asarray(signal["data"]))
    if data.ndim != 2:
        raise ValueError(f"{path} holds an array of shape {data.shape}, expected one image (y, x)")
    return xr.DataArray(data, coords, ("y", "x"))
