"""What every test may ask for."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
import xarray as xr
from hypothesis import settings

import polwidgets as pw
from polwidgets.match.specimen import SpecimenFit
from polwidgets.simulate import scan
from polwidgets.simulate.probe import Probe
from polwidgets.simulate.smatrix import scattering_matrix

# how long an example takes is the machine's business
settings.register_profile("polwidgets", deadline=None)
settings.load_profile("polwidgets")

ROOT = Path(__file__).parents[1]
DIRECTION = 225.0
TURN = 12.0


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Experimental and pseudo-experimental files, which are not part of the project; tests skip where they are absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the shared data are absent: no folder {folder}")
    return folder


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
