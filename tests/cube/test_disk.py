from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from polwidgets.cube.disk import fit_disk
from polwidgets.electron import wave_number


def disk_pattern(center, radius, *, shape=(70, 61), ellipticity=0.0, angle_deg=0.0, blur=0.7, fringes=0.4, background=0.15):
    """A disk with fringes inside and a diffuse background, drawn 7 x 7 to a pixel and averaged."""
    fine = 7
    down, right = ((np.arange(size * fine) + 0.5) / fine - 0.5 - place for size, place in zip(shape, center, strict=True))
    down, right = down[:, None], right[None, :]
    angle = np.deg2rad(angle_deg)
    along, across = np.cos(angle) * right - np.sin(angle) * down, np.sin(angle) * right + np.cos(angle) * down
    elliptic = np.hypot(along / np.sqrt(1 + ellipticity), across * np.sqrt(1 + ellipticity))
    inside = (elliptic < radius) * (1 + fringes * np.cos(right / 1.9 + 0.4) * np.cos(down / 1.6 - 0.9))
    image = inside + background * np.exp(-np.hypot(down, right) / 25)
    return gaussian_filter(image.reshape(shape[0], fine, shape[1], fine).mean((1, 3)), blur)


@settings(max_examples=8)
@given(
    row=st.floats(30, 40),
    column=st.floats(26, 36),
    radius=st.floats(11, 21),
    ellipticity=st.floats(0.02, 0.1),
    angle_deg=st.floats(0, 180, exclude_max=True),
)
def test_a_known_ellipse(row, column, radius, ellipticity, angle_deg) -> None:
    fit = fit_disk(disk_pattern((row, column), radius, ellipticity=ellipticity, angle_deg=angle_deg))
    assert np.hypot(fit.center_y_px - row, fit.center_x_px - column) < 0.2
    assert fit.radius_px == pytest.approx(radius, abs=0.25)
    # as vectors of twice the angle, in which a small ellipticity has no wild direction
    turn = np.exp(2j * np.deg2rad([fit.ellipticity_angle_deg, angle_deg]))
    assert abs(fit.ellipticity * turn[0] - ellipticity * turn[1]) < 0.02


@pytest.mark.parametrize("shape", [(61, 64), (90, 63), (150, 190)])
def test_shapes_and_sub_pixel_places(shape) -> None:
    for place in [(0.0, 0.0), (0.31, -0.42), (-3.3, 4.8)]:
        center = (shape[0] / 2 + place[0], shape[1] / 2 + place[1])
        fit = fit_disk(disk_pattern(center, 0.27 * min(shape), shape=shape, fringes=0.0))
        assert (fit.center_y_px, fit.center_x_px) == pytest.approx(center, abs=0.06)
        assert fit.radius_px == pytest.approx(0.27 * min(shape), abs=0.08)
        assert fit.ellipticity < 0.01


def test_counting_noise() -> None:
    rng = np.random.default_rng(3)
    pattern = disk_pattern((33.4, 28.8), 15.0)
    fit = fit_disk(rng.poisson(pattern / pattern.sum() * 2e4))
    assert np.hypot(fit.center_y_px - 33.4, fit.center_x_px - 28.8) < 0.5
    assert fit.radius_px == pytest.approx(15.0, abs=0.5)


def test_a_bright_middle_is_not_the_disk() -> None:
    pattern = disk_pattern((100.0, 110.0), 60.0, shape=(210, 220), blur=0.8)
    down, right = np.indices(pattern.shape)
    pattern += 4 * np.exp(-0.5 * ((down - 100) ** 2 + (right - 110) ** 2) / 18**2)
    assert fit_disk(pattern).radius_px == pytest.approx(60.0, abs=0.3)


def test_missing_pixels_are_left_out() -> None:
    pattern = disk_pattern((33.0, 29.0), 15.0, fringes=0.0)
    pattern[40:44, 40:50] = np.nan
    fit = fit_disk(pattern)
    assert (fit.center_y_px, fit.center_x_px, fit.radius_px) == pytest.approx((33.0, 29.0, 15.0), abs=0.15)


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_no_disk(seed) -> None:
    with pytest.raises(ValueError, match="no disk stands out"):
        fit_disk(np.random.default_rng(seed).poisson(3, (48, 64)))


def test_what_is_no_disk_is_named() -> None:
    with pytest.raises(ValueError, match="empty or flat"):
        fit_disk(np.ones((20, 20)))
    with pytest.raises(ValueError, match=r"got shape \(3, 4, 5\)"):
        fit_disk(np.ones((3, 4, 5)))
    down, right = np.mgrid[-32:32, -32:32]
    with pytest.raises(ValueError, match="no disk stands out"):
        fit_disk(np.exp(-np.hypot(down, right) / 15))


@pytest.mark.parametrize("name", ["D1", "D2", "D3", "D4"])
def test_crystals_with_overlapping_disks(shared_data, name) -> None:
    """24 mrad at 200 kV on a known sampling: the radius is known to 0.5 %; a crystal is no ellipse."""
    with np.load(shared_data / "knn-dev" / f"{name}.npz") as data:
        fit = fit_disk(data["cube"].mean((0, 1)))
        assert fit.radius_px == pytest.approx(wave_number(24, 200) / float(data["dk"]), rel=0.006)
    assert fit.ellipticity < 0.015


def test_experimental_vacuum_probes(shared_data) -> None:
    """The same 33 mrad probe at two camera lengths, half-widths 36 and 109 mrad."""
    fits = {half: fit_disk(np.load(shared_data / "probes" / f"arina_{half}mrad_halfwidth.npy")) for half in (36, 109)}
    assert fits[36].radius_px / 96 * 36 == pytest.approx(33, rel=0.02)
    assert fits[109].radius_px / 96 * 109 == pytest.approx(33, rel=0.02)
    assert all(fit.ellipticity < 0.02 and fit.center_error_px < 0.1 for fit in fits.values())


def test_experimental_pacbeds(shared_data) -> None:
    """One microscope, one aperture: the ellipticity of the five disks agrees although the crystals differ."""
    image = pytest.importorskip("PIL.Image")
    fits = [fit_disk(np.asarray(image.open(path).convert("L"), float)) for path in sorted((shared_data / "sto-pacbed").glob("*.jpg"))]
    # of the four at one camera length; the first is shorter
    assert np.ptp([fit.radius_px for fit in fits[1:]]) < 4
    assert 105 < fits[0].radius_px < 122
    assert all(fit.edge_width_px < 2.5 for fit in fits)  # of patterns of 1024 pixels: it is the aperture's edge that was found
