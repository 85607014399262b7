"""An asymmetric scan and its map, whose every value is known."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import xarray as xr

sys.path.insert(0, str(Path(__file__).parent))

import synthetic


@pytest.fixture(scope="session")
def scan() -> xr.DataArray:
    return synthetic.make_scan()


@pytest.fixture(scope="session")
def prediction(scan: xr.DataArray) -> xr.Dataset:
    return synthetic.make_map(scan)
