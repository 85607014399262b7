"""A matched scan of known phases, made once: the analysis takes the match for granted."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import polwidgets as pw
from polwidgets.crystal.base import crystals
from polwidgets.cube.unit_cell import UnitCell
from polwidgets.match.conditions import Conditions
from polwidgets.match.specimen import SpecimenFit

CELL_A = 3.97


@pytest.fixture(scope="session")
def good() -> xr.DataArray:
    """Expected patterns of 5 x 6 cells, 8 positions a cell, as shares of the beam."""
    return _scan("knn")


@pytest.fixture(scope="session")
def disordered() -> xr.DataArray:
    """The same scan of a crystal whose Nb columns are smeared out."""
    return _scan(crystals.build("knn", debye_waller_Nb_A2=3.0))


def _scan(crystal: object) -> xr.DataArray:
    return pw.simulate_scan(
        crystal, direction_deg=45.0, thickness_A=79.4, scan_shape=(40, 48), cells=(5, 6), detector_shape=(24, 24), source_A=0.3, blur=0.05,
        k_limit=2.7,
    )  # type: ignore[arg-type]  # fmt: skip


@pytest.fixture(scope="session")
def specimen() -> SpecimenFit:
    """What a perfect match of the good scan at 3000 electrons a pattern would have found."""
    return SpecimenFit(
        crystal=crystals.build("knn"), voltage_kV=200.0, semiangle_mrad=24.0,
        conditions=Conditions(thickness_A=79.4, source_A=0.3, blur=0.05), errors={}, score=1.0, misfit=1.0, gain=1.0, dose=3000.0,
        background=(0.0, 0.0, 0.0, 0.0), patterns=xr.Dataset({"measured": (("ky", "kx"), np.zeros((2, 2)))}),
        unit_cell=UnitCell(np.array([[0.0, 0.0], [1 / CELL_A, 0.0], [0.0, 1 / CELL_A]])),
    )  # fmt: skip
