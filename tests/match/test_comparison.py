"""A measured pattern beside its simulation, on scans whose truth the simulator knows."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
import xarray as xr

from polwidgets.crystal.base import crystals
from polwidgets.cube.schema import WAVENUMBER, make_cube
from polwidgets.cube.unit_cell import UnitCell
from polwidgets.match.comparison import PatternComparison, ScanComparison, Shown, displaced_variants
from polwidgets.match.conditions import Conditions
from polwidgets.match.library import PARAELECTRIC, Library, Variant
from polwidgets.simulate.detector import pixel_grid

TRUTH = Conditions(thickness_A=95.0, tilt_y_mrad=1.5, tilt_x_mrad=-2.0, blur=0.03, source_A=0.3)
SIDE = 25
STEP = 0.06
OPTICS = {"voltage_kV": 200.0, "semiangle_mrad": 14.0}


@functools.cache
def library() -> Library:
    thicknesses = np.arange(60.0, 140.0, 16.0)
    return Library(crystals.build("knn"), **OPTICS, thicknesses_A=thicknesses, k_outgoing=SIDE // 2 * STEP, mesh=3, k_limit=2.0)


AXIS = STEP * (np.arange(SIDE) - SIDE // 2)


@functools.cache
def scan() -> xr.DataArray:
    """One unit cell, displaced up; noise-free, on a background."""
    counts = np.empty((6, 8, SIDE, SIDE))
    for row, column in np.ndindex(6, 8):
        phase = (row / 6, column / 8)
        pattern = library().expected_at(Variant(0.15, 90.0), TRUTH, pixel_grid(AXIS, AXIS), phase=phase)
        counts[row, column] = 1000 * STEP**2 * pattern.reshape(SIDE, SIDE) + 0.01
    cube = make_cube(counts, scan_step_A=(3.97 / 6, 3.97 / 8), k_step=STEP, **OPTICS)
    return cube.assign_coords(ky=("ky", AXIS, {"units": WAVENUMBER}), kx=("kx", AXIS, {"units": WAVENUMBER}))


@functools.cache
def comparison() -> ScanComparison:
    made = ScanComparison(scan(), crystals.build("knn"), (60.0, 130.0))
    made.unit_cell = UnitCell(np.array([[0, 0], [1 / 3.97, 0], [0, 1 / 3.97]]))
    return made


def misfit(shown: Shown) -> float:
    measured = comparison().measured(shown.probe)
    return comparison().compare(comparison().simulate(shown), measured, shown.conditions).misfit


def test_the_true_thickness_fits_best():
    found = comparison().misfits(TRUTH)
    thicknesses = comparison().library.thicknesses_A
    assert abs(thicknesses[found.argmin()] - TRUTH.thickness_A) < 24
    assert found.min() < 0.7 * np.median(found)


@pytest.mark.parametrize("wrong", [{"tilt_y_mrad": -1.5}, {"thickness_A": 130.0}, {"tilt_x_mrad": 2.0}])
def test_wrong_conditions_fit_worse(wrong):
    right = misfit(Shown(TRUTH, displacement_A=0.15, direction_deg=90.0))
    assert misfit(Shown(dataclasses.replace(TRUTH, **wrong), displacement_A=0.15, direction_deg=90.0)) > 3 * right


@pytest.mark.parametrize("probe", [(0, 2), (4, 6)])
def test_at_a_probe_position_the_true_displacement_fits_best(probe):
    found = {angle: misfit(Shown(TRUTH, displacement_A=0.15, direction_deg=angle, probe=probe)) for angle in range(0, 360, 90)}
    assert min(found, key=found.get) == 90
    none = misfit(Shown(TRUTH, probe=probe))
    half = misfit(Shown(TRUTH, displacement_A=0.075, direction_deg=90.0, probe=probe))
    assert found[90] < half < none


def test_the_difference_and_the_simulation_make_up_what_was_measured():
    measured = comparison().measured()
    shown = comparison().compare(comparison().simulate(Shown(TRUTH)), measured, TRUTH)
    np.testing.assert_allclose(shown.simulated + shown.difference, measured)
    assert comparison().picture(measured).shape == comparison().frame.shape


@pytest.mark.parametrize(("direction", "turn", "angle"), [(90.0, 0.0, 90.0), (90.0, 88.0, 0.0), (0.0, 50.0, 315.0), (10.0, 22.5, 0.0)])
def test_directions_are_those_of_the_crystal_nearest_in_the_scan(direction, turn, angle):
    along, against = displaced_variants(0.15, direction, turn)
    assert along == Variant(0.15, angle)
    assert against.direction_deg == (angle + 180) % 360


def test_a_lone_pattern_is_compared_by_its_structure():
    axis = 0.015 * (np.arange(100) - 50)
    on_zone = dataclasses.replace(TRUTH, tilt_y_mrad=0.0, tilt_x_mrad=0.0, blur=0.008)
    fine = Library(crystals.build("knn"), **OPTICS, thicknesses_A=np.array([83.0, 95.0, 107.0]), k_outgoing=0.75, mesh=6, k_limit=2.7)
    values = fine.expected(PARAELECTRIC, on_zone, pixel_grid(axis, axis), order=0)[0].reshape(100, 100)
    # grey levels and scale are unknown
    pattern = xr.DataArray(values * 7 + 0.1, dims=("ky", "kx"), attrs=OPTICS)
    lone = PatternComparison(pattern, crystals.build("knn"), (60.0, 130.0))
    # the disk's edge gives the scale to some percent only
    starts = [dataclasses.replace(lone.start(), blur=on_zone.blur, k_scale=scale) for scale in (0.98, 1.0, 1.02, 1.04)]
    found, start = min(((lone.misfits(start), start) for start in starts), key=lambda pair: pair[0].min())
    best = dataclasses.replace(start, thickness_A=float(lone.library.thicknesses_A[found.argmin()]))
    assert abs(best.thickness_A - TRUTH.thickness_A) <= np.diff(lone.library.thicknesses_A).max()
    assert found.min() < 0.3 * found.max()
    shown = lone.compare(lone.simulate(Shown(best)), lone.measured(), best)
    assert shown.misfit == pytest.approx(found.min(), abs=1e-6)
    assert lone.picture(shown.difference).shape == lone.frame.shape
