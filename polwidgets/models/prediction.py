"""The labelled result that every model returns."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.directions import ANGLES_DEG, NAMES, nearest_class


def make_prediction(
    scan: xr.DataArray,
    *,
    probability: NDArray[np.float64],
    trust: float = 1.0,
    direction_deg: NDArray[np.float64] | None = None,
    displacement_pm: NDArray[np.float64] | None = None,
    displacement_error_pm: NDArray[np.float64] | None = None,
    attrs: Mapping[str, float | str],
) -> xr.Dataset:
    """Label a model's answers on the scan's positions.

    Parameters
    ----------
    scan : DataArray
        The cube, for its scan coords.
    probability : array (scan_y, scan_x, 8)
        Of the eight classes in the scan frame.
    trust : float
        Of the match, one to zero: a poor one makes every class equally probable, so that no map of it is confident.
    direction_deg : array (scan_y, scan_x), optional
        Measured direction in the scan frame; by default the most probable class.
    displacement_pm, displacement_error_pm : arrays (scan_y, scan_x), optional

    Returns
    -------
    Dataset on (scan_y, scan_x)
        ``direction_deg``, ``direction`` (int8 class), ``probability``, ``confidence`` and what else was given.
    """
    dims = ("scan_y", "scan_x")
    probability = trust * probability + (1 - trust) / len(NAMES)
    best = probability.argmax(-1).astype(np.int8)
    angle = np.asarray(ANGLES_DEG)[best] if direction_deg is None else direction_deg % 360.0
    variables: dict[str, tuple[tuple[str, ...], NDArray[np.generic], dict[str, object]]] = {
        "direction_deg": (
            dims,
            angle.astype(np.float32),
            {"units": "degree", "long_name": "polarization direction, anticlockwise from +scan_x"},
        ),
        "direction": (
            dims,
            best if direction_deg is None else nearest_class(angle),
            {"flag_values": np.arange(8, dtype=np.int8), "flag_meanings": " ".join(NAMES), "long_name": "polarization class"},
        ),
        "probability": (
            (*dims, "direction_class"),
            probability.astype(np.float32),
            {"units": "1", "long_name": "probability of the class"},
        ),
        "confidence": (dims, probability.max(-1).astype(np.float32), {"units": "1", "long_name": "probability of the most probable class"}),
    }
    for name, values in (("displacement_pm", displacement_pm), ("displacement_error_pm", displacement_error_pm)):
        if values is not None:
            variables[name] = (dims, values.astype(np.float32), {"units": "pm", "long_name": name.removesuffix("_pm").replace("_", " ")})
    coords = {dim: scan[dim] for dim in dims}
    return xr.Dataset(variables, coords={**coords, "direction_class": list(NAMES)}, attrs=dict(attrs))


def save_prediction(prediction: xr.Dataset, path: str | Path) -> None:
    """Write a map as zarr, aside and then renamed, so that a broken run leaves no half map; one that is there is replaced."""
    target = Path(path)
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        # format 2 specifies text coords and consolidated metadata, format 3 neither yet; the scan's own encoding may be format 3's
        prediction.drop_encoding().to_zarr(aside, zarr_format=2)
        if target.exists():
            shutil.rmtree(target)
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
