"""Cubes whose every axis is told apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from polwidgets.cube.schema import make_cube

CubeFactory = Callable[..., xr.DataArray]


@pytest.fixture(scope="session")
def asymmetric_cube() -> CubeFactory:
    """A factory of cubes that no flip, transposition or swap of axes leaves as they were."""

    def build(
        shape: tuple[int, int, int, int] = (3, 5, 8, 11), *, dtype: Any = np.uint16, lazy: bool = False, **labels: Any
    ) -> xr.DataArray:
        y, x, u, v = np.meshgrid(*(np.arange(size) for size in shape), indexing="ij", sparse=True)
        # unequal growth along every axis, and a product that mixes all
        values = 1 + (2 * y + 5 * x + 3 * u + 7 * v + (y + 1) * (x + 2) * (u + 1) * (v + 3) % 11) % 120
        values = values.astype(dtype)
        return make_cube(da.from_array(values, chunks=(2, 2, -1, -1)) if lazy else values, **labels)

    return build
