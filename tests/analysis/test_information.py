"""The information map against limits that are known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

import polwidgets as pw
from polwidgets.analysis.information import at_dose, at_error_rate, bayes_error, separations
from polwidgets.match.specimen import SpecimenFit


@pytest.fixture(scope="module")
def information(good: xr.DataArray, specimen: SpecimenFit) -> xr.Dataset:
    return pw.information_map(specimen, good, phases=8, phase_known=True)


def test_two_directions_are_mistaken_by_half_their_distance() -> None:
    separation = np.array([[0.0, 2.0], [2.0, 0.0]])
    assert bayes_error(separation) == pytest.approx([norm.sf(1.0)] * 2)


def test_known_patterns_are_their_poisson_distance_apart() -> None:
    """Nearly equal patterns: the square distance is the sum of squared differences over the mean."""
    rng = np.random.default_rng(0)
    mean = rng.uniform(50, 100, 12)
    series = [np.zeros((113, 12)) for _ in range(3)]
    for terms in series:
        terms[0] = mean + rng.normal(size=12)
    apart = separations(series, np.zeros(12), np.array([[0.1, 0.7]]), phase_known=True)
    expected = np.sqrt(((series[0][0] - series[2][0]) ** 2 / mean).sum())
    assert apart[0, 2, 0] == pytest.approx(expected, rel=0.02)
    assert apart[1, 1, 0] == 0


def test_more_electrons_tell_more_and_none_tell_nothing(information: xr.Dataset) -> None:
    errors = [float(at_dose(information, dose)["expected_error"].mean()) for dose in (1e-6, 300, 3000, 1e9)]
    assert errors[0] > 0.98
    assert errors[0] > errors[1] > errors[2] > errors[3] >= 0


def test_the_map_turns_with_the_direction(information: xr.Dataset) -> None:
    """The crystal is fourfold: a quarter turn of the polarization turns the map about the cell's origin."""
    error = information["expected_error"].values
    turned = np.rot90(np.roll(error[1], (0, 0), (0, 1)))
    # turning a grid that starts at the origin leaves the last row where the first belongs
    np.testing.assert_allclose(np.roll(turned, 1, 0), error[3], atol=0.02)
    assert np.ptp(error[1]) > 0.01


def test_an_unknown_phase_never_helps(information: xr.Dataset, good: xr.DataArray, specimen: SpecimenFit) -> None:
    unknown = pw.information_map(specimen, good, phases=8)
    assert bool((unknown["separation"] <= information["separation"] + 1e-3).all())


def test_the_dose_is_found_at_which_the_best_errs_as_often(information: xr.Dataset) -> None:
    scaled = at_error_rate(information, 0.3)
    assert float(scaled["expected_error"].mean()) == pytest.approx(0.3, abs=1e-3)
    with pytest.raises(ValueError, match=r"between 0 and 0\.85"):
        at_error_rate(information, 0.0)


def test_the_map_is_laid_over_the_scan(information: xr.Dataset, good: xr.DataArray, specimen: SpecimenFit) -> None:
    assert specimen.unit_cell is not None
    expected = pw.expected_error(information, good, specimen.unit_cell, 90.0)
    assert expected.dims == ("scan_y", "scan_x")
    np.testing.assert_allclose(expected[:8, 8:16], information["expected_error"].values[2], atol=1e-9)


def test_senseless_doses_are_refused(good: xr.DataArray, specimen: SpecimenFit) -> None:
    with pytest.raises(ValueError, match="dose must be above zero"):
        pw.information_map(specimen, good, dose=0.0)
