"""Lone position-averaged patterns whose scale, centre, rotation and grey levels are unknown."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import polwidgets as pw
from polwidgets.crystal.base import crystals
from polwidgets.electron import wave_number
from polwidgets.simulate.detector import detector_matrix, detector_points, on_detector, pixel_grid
from polwidgets.simulate.patterns import position_averaged
from polwidgets.simulate.probe import Probe
from polwidgets.simulate.smatrix import scattering_matrix

SEMIANGLE = 13.6


def photograph(thickness_A: float, *, rotation_deg: float, disk_px: float, seed: int = 0) -> xr.DataArray:
    """A pattern of SrTiO3 as a camera would give it: off centre, turned, shaded, with a curve of grey levels and noise.

    Made with the other table of scattering factors and another band limit than the matching's.
    """
    aperture = wave_number(SEMIANGLE, 200.0)
    smatrix = scattering_matrix(
        crystals.build("srtio3"), voltage_kV=200.0, thicknesses_A=[thickness_A], k_incoming=1.3 * aperture, k_outgoing=2.2 * aperture,
        mesh=8, k_limit=3.2, parametrization="kirkland",
    )  # fmt: skip
    pattern = position_averaged(smatrix, probe=Probe(SEMIANGLE))
    shape, middle = (200, 220), (93.3, 118.8)
    k = pixel_grid(*((np.arange(size) - place) * aperture / disk_px for size, place in zip(shape, middle, strict=True)))
    points = detector_points(k, rotation_deg=rotation_deg)
    matrix = detector_matrix(points, k_step=smatrix.k_step, half_width=smatrix.half_width, blur=0.03 * aperture)
    image = on_detector(matrix, pattern[None])[0].numpy().reshape(shape)
    shading = 1 + 0.2 * np.linspace(-1, 1, shape[0])[:, None] - 0.1 * np.linspace(-1, 1, shape[1])
    grey = 20 + 180 * (image / image.max() * shading).clip(0) ** 0.8
    noisy = np.random.default_rng(seed).normal(grey, 2.0)
    return xr.DataArray(noisy.round().clip(0, 255), dims=("ky", "kx"), attrs={"voltage_kV": 200.0, "semiangle_mrad": SEMIANGLE})


@pytest.mark.parametrize(
    ("thickness_A", "rotation_deg", "disk_px", "limits"),
    [pytest.param(420.0, 23.0, 60.0, (380, 450)), pytest.param(560.0, -38.0, 47.0, (60, 700), marks=pytest.mark.slow)],
)
def test_thickness_and_rotation_of_a_photograph(
    thickness_A: float, rotation_deg: float, disk_px: float, limits: tuple[float, float]
) -> None:
    pattern = photograph(thickness_A, rotation_deg=rotation_deg, disk_px=disk_px)
    before = pattern.copy(deep=True)
    found = pw.match(pattern, crystal="srtio3", thickness_range_A=limits)
    assert found.thickness_A == pytest.approx(thickness_A, abs=8)
    assert (found.rotation_deg - rotation_deg + 45) % 90 - 45 == pytest.approx(0, abs=1.0)
    assert np.hypot(found.tilt_y_mrad, found.tilt_x_mrad) < 0.3
    assert found.score > 0.9
    assert found.unit_cell is None
    assert found.patterns["model"].shape == found.patterns["measured"].shape
    xr.testing.assert_identical(pattern, before)


def labelled(picture: np.ndarray) -> xr.DataArray:
    return xr.DataArray(picture, dims=("ky", "kx"), attrs={"voltage_kV": 200.0, "semiangle_mrad": SEMIANGLE})


def test_a_picture_without_a_disk_is_refused() -> None:
    spot = np.zeros((80, 90))
    spot[30, 40] = 5.0
    with pytest.raises(ValueError, match="expected one bright disk"):
        pw.match(labelled(spot), crystal="srtio3")


@pytest.mark.filterwarnings("ignore:the fitted thickness")
def test_a_picture_of_nothing_is_a_poor_match() -> None:
    noise = np.random.default_rng(0).random((80, 80))
    with pytest.warns(UserWarning, match=r"poor match: the model correlates .* check the crystal \(srtio3\)"):
        found = pw.match(labelled(noise), crystal="srtio3", thickness_range_A=(200, 240))
    assert found.poor
    assert found.attrs()["match_quality"] == "poor"


@pytest.mark.slow
def test_experimental_thicknesses(shared_data: Path) -> None:
    """SrTiO3 on the zone axis (Xu & LeBeau, doi:10.1016/j.ultramic.2018.03.004); the authors' interval is in the name."""
    from PIL import Image

    errors = []
    for path in sorted((shared_data / "sto-pacbed").glob("*.jpg")):
        with Image.open(path) as picture:
            grey = np.asarray(picture.convert("L"), float)
        pattern = xr.DataArray(grey, dims=("ky", "kx"), attrs={"voltage_kV": 200.0, "semiangle_mrad": SEMIANGLE})
        found = pw.match(pattern, crystal="srtio3", thickness_range_A=(400, 1200))
        low, high = (float(edge) for edge in re.findall(r"_(\d+)-(\d+)nm", path.name)[0])
        errors.append(abs(found.thickness_A / 10 - (low + high) / 2))
    assert len(errors) == 5
    assert np.mean(errors) <= 1.4
