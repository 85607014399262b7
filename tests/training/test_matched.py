"""Training patterns: where they lie, what they are called, and that they are the scan's own."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import xarray as xr

from polwidgets.directions import angular_difference
from polwidgets.match.scan import readings_for
from polwidgets.match.specimen import SpecimenFit
from polwidgets.progress import silent
from polwidgets.training.matched import matched_patterns

Known = tuple[xr.DataArray, SpecimenFit]


@pytest.fixture(scope="module")
def training(known: Known) -> xr.Dataset:
    cube, specimen = known
    return matched_patterns(specimen, cube, positions=12, seed=1, progress=silent)


def test_positions_fill_the_cell_and_never_leave_it(training: xr.Dataset) -> None:
    for name in ("cell_y", "cell_x"):
        place = training[name].values
        assert place.min() >= 0
        assert place.max() < 1
        assert (np.histogram(place, bins=12, range=(0, 1))[0] == 8 * 12).all()
    assert len(np.unique(training["cell_y"])) == training.sizes["sample"] == 8 * 12 * 12


def test_labels_are_in_the_scan_frame(training: xr.Dataset, known: Known) -> None:
    """The scan axis is turned by 12 degrees on the detector; the crystal, and so the variants, are not."""
    labels = np.unique(training["direction_deg"])
    assert ((labels >= 0) & (labels < 360)).all()
    off = (labels + known[1].scan_rotation_deg + 22.5) % 45 - 22.5
    np.testing.assert_allclose(off, 0, atol=0.3)
    assert len(labels) == 8


def test_they_are_the_scan_s_own_patterns(training: xr.Dataset, known: Known) -> None:
    """The patterns labelled with the true direction explain the scan's mean pattern best."""
    cube, specimen = known
    readings = readings_for(cube, specimen.crystal)
    mean = readings.picture(readings.mean).values
    assert dict(training["intensity"].sizes) == {"sample": 1152, "ky": mean.shape[0], "kx": mean.shape[1]}
    misfits = {}
    for label, patterns in training.groupby("direction_deg"):
        misfits[label] = float(np.nansum((patterns["intensity"].mean("sample").values - mean) ** 2))
    best = min(misfits, key=misfits.__getitem__)
    assert abs(angular_difference(best, 225.0 - 12.0)) < 0.5
    assert training["intensity"].sum(("ky", "kx")).mean() == pytest.approx(np.nansum(mean), rel=0.01)


def test_the_seed_decides(training: xr.Dataset, known: Known) -> None:
    cube, specimen = known
    again, other = (matched_patterns(specimen, cube, positions=12, seed=seed, progress=silent) for seed in (1, 2))
    xr.testing.assert_identical(again, training)
    assert not np.array_equal(other["cell_y"], training["cell_y"])


def test_bad_pixels_are_dark(known: Known) -> None:
    cube, specimen = known
    good = np.ones(cube.shape[2:], bool)
    good[14] = False
    masked = dataclasses.replace(specimen, good_pixels=good)
    found = matched_patterns(masked, cube, positions=2, progress=silent)["intensity"]
    assert not found[:, 14].any()
    assert found[:, 13].any()
