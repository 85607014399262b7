"""Scans of known specimens, simulated with another table of scattering factors than the matching uses."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import xarray as xr

import polwidgets as pw
from polwidgets.simulate import scan
from polwidgets.simulate.smatrix import scattering_matrix

ScanFactory = Callable[..., xr.DataArray]


@pytest.fixture(scope="session")
def known_scan() -> ScanFactory:
    """A factory of scans of 24 x 24 positions over 2 x 2 cells with 1000 electrons a pattern, made with Kirkland's table."""

    def build(crystal: str = "knn", *, center: tuple[float, float] = (0.0, 0.0), **settings: Any) -> xr.DataArray:
        small: dict[str, Any] = {"scan_shape": (24, 24), "cells": 2, "detector_shape": (32, 32), "dose": 1000, "k_limit": 3.0}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(scan, "scattering_matrix", functools.partial(scattering_matrix, parametrization="kirkland"))
            cube = pw.simulate_scan(crystal, **(small | settings))
        moved = {dim: (dim, cube[dim].values + shift, cube[dim].attrs) for dim, shift in zip(("ky", "kx"), center, strict=True)}
        return cube.assign_coords(moved)

    return build
