"""A hand-made match for what needs no simulation."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from polwidgets.crystal.base import crystals
from polwidgets.match.conditions import Conditions
from polwidgets.match.specimen import SpecimenFit

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def lone() -> SpecimenFit:
    """A match without a lattice; only its crystal and optics are looked at."""
    return SpecimenFit(
        crystal=crystals.build("knn"), voltage_kV=200.0, semiangle_mrad=24.0, conditions=Conditions(), errors={}, score=1.0, misfit=1.0,
        gain=1.0, dose=1.0, background=(), patterns=xr.Dataset({"measured": (("ky", "kx"), np.zeros((2, 2)))}),
    )  # fmt: skip
