"""A scan of a known specimen, matched once, and a hand-made match for what needs no simulation."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import xarray as xr

import polwidgets as pw
from polwidgets.crystal.base import crystals
from polwidgets.match.conditions import Conditions
from polwidgets.match.specimen import SpecimenFit
from polwidgets.simulate import scan
from polwidgets.simulate.probe import Probe
from polwidgets.simulate.smatrix import scattering_matrix

DIRECTION = 225.0
TURN = 12.0


@pytest.fixture(scope="session")
def known() -> tuple[xr.DataArray, SpecimenFit]:
    """A turned scan of 26 x 28 positions, 12 a cell, made with Kirkland's table and another band limit; and its match.

    The polarization is at 225 degrees on the detector, so at 213 in the scan frame.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "scattering_matrix", functools.partial(scattering_matrix, parametrization="kirkland"))
        cube = pw.simulate_scan(
            "knn", direction_deg=DIRECTION, thickness_A=119.1, scan_shape=(26, 28), cells=(26 / 12, 28 / 12), detector_shape=(32, 32),
            source_A=0.3, blur=0.05, dose=2e4, scan_rotation_deg=TURN, probe=Probe(tilt_y_mrad=0.7, tilt_x_mrad=-0.4), k_limit=3.0, seed=3,
        )  # fmt: skip
    return cube, pw.match(cube, thickness_range_A=(90.0, 150.0))


@pytest.fixture
def lone() -> SpecimenFit:
    """A match without a lattice; only its crystal and optics are looked at."""
    return SpecimenFit(
        crystal=crystals.build("knn"), voltage_kV=200.0, semiangle_mrad=24.0, conditions=Conditions(), errors={}, score=1.0, misfit=1.0,
        gain=1.0, dose=1.0, background=(), patterns=xr.Dataset({"measured": (("ky", "kx"), np.zeros((2, 2)))}),
    )  # fmt: skip
