"""The filter on sets whose shifts were planted."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from polwidgets.training.filtering import center_of_mass_shift, magnitude_filter

SHIFTS = np.array([0.0, 0.0, 0.1, -0.1, 0.3, -0.3, 0.35, -0.35])  # 1/angstrom; mean of the sizes 0.19


def planted(specimens: int = 2) -> xr.Dataset:
    """Two bright pixels each, so shared that the centre of mass lies where it is to; every scan about another place."""
    ky, kx = 0.1 * np.arange(-5.0, 8.0), 0.2 * np.arange(-4.0, 5.0)
    patterns, specimen = [], []
    for number in range(specimens):
        for shift in SHIFTS * (1 + number):
            pattern = np.zeros((13, 9))
            right = 0.5 + shift / 1.6
            pattern[2 + number, 0], pattern[2 + number, 8] = 50 * (1 - right), 50 * right
            patterns.append(pattern)
            specimen.append(number)
    return xr.Dataset(
        {"intensity": (("sample", "ky", "kx"), np.array(patterns))},
        coords={
            "ky": ky, "kx": kx, "specimen": ("sample", specimen), "direction_deg": ("sample", np.full(len(specimen), 45.0)),
            "number": ("sample", np.tile(np.arange(len(SHIFTS)), specimens)),
        },
    )  # fmt: skip


def test_shifts_are_measured_from_the_scans_own_mean() -> None:
    shift = center_of_mass_shift(planted())
    np.testing.assert_allclose(shift, np.abs(np.concatenate([SHIFTS, 2 * SHIFTS])), atol=1e-6)


@pytest.mark.parametrize(("rule", "kept"), [("above_mean", 4), ("above_median", 4), ("upper_quarter", 2), ("none", 8)])
def test_the_rule_keeps_what_it_says(rule: str, kept: int) -> None:
    given = planted()
    found = magnitude_filter(given, rule)
    assert (found["specimen"].values == 0).sum() == kept
    assert (found["specimen"].values == 1).sum() == kept
    assert set(found["number"].values) == set(range(8 - kept, 8))
    xr.testing.assert_identical(given, planted())


def test_a_direction_is_a_scan_of_its_own() -> None:
    given = planted(1).assign_coords(direction_deg=("sample", np.repeat([0.0, 90.0], 4)))
    assert set(magnitude_filter(given)["number"].values) == {2, 3, 6, 7}


def test_what_leaves_nothing_says_so() -> None:
    still = planted(1).isel(sample=[0, 1])
    with pytest.raises(ValueError, match="leaves none of 2 patterns"):
        magnitude_filter(still)


def test_an_unknown_rule_names_the_known() -> None:
    with pytest.raises(ValueError, match="unknown filter rule 'above'; there are none, above_mean"):
        magnitude_filter(planted(), "above")  # type: ignore[arg-type]
