"""From the k mesh to pixels: what is exact of linear interpolation and of a Gaussian."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polwidgets.simulate.detector import detector_matrix, detector_points, on_detector, pixel_grid

STEP = (0.07, 0.05)
HALF = (9, 12)
DOWN, RIGHT = (step * np.arange(-half, half + 1) for step, half in zip(STEP, HALF, strict=True))


def mesh_pattern(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.rand(2, 2 * HALF[0] + 1, 2 * HALF[1] + 1, generator=generator, dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_on_the_mesh_and_without_blur_nothing_changes(dtype: torch.dtype) -> None:
    patterns = mesh_pattern(dtype)
    matrix = detector_matrix(pixel_grid(DOWN, RIGHT), k_step=STEP, half_width=HALF, blur=0.0)
    seen = on_detector(matrix, patterns)
    assert seen.dtype == dtype
    torch.testing.assert_close(seen.reshape(patterns.shape), patterns, rtol=1e-5, atol=1e-5)


@given(
    rotation_deg=st.floats(-180, 180),
    center=st.tuples(st.floats(-0.05, 0.05), st.floats(-0.05, 0.05)),
    scale=st.floats(0.9, 1.1),
    blur=st.floats(0.0, 0.05),
)
@settings(max_examples=40)
def test_a_plane_stays_the_plane(rotation_deg: float, center: tuple[float, float], scale: float, blur: float) -> None:
    """Interpolation and blur leave a linear function alone, so every pixel tells where it looks."""
    k = pixel_grid(np.linspace(-0.2, 0.25, 4), np.linspace(-0.22, 0.2, 3))
    points = detector_points(k, rotation_deg=rotation_deg, center=center, scale=scale)
    plane = torch.from_numpy(2.0 + 3.0 * DOWN[:, None] - 5.0 * RIGHT[None])[None]
    seen = on_detector(detector_matrix(points, k_step=STEP, half_width=HALF, blur=blur), plane)[0].numpy()
    # on screen x is right and y is up; turning the crystal anticlockwise turns its view of the detector clockwise
    screen = scale * ((k[:, 1] - center[1]) - 1j * (k[:, 0] - center[0])) * np.exp(-1j * np.deg2rad(rotation_deg))
    np.testing.assert_allclose(seen, 2.0 - 3.0 * screen.imag - 5.0 * screen.real, atol=5e-3)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_crystal_turned_by_quarters_is_the_picture_turned(quarters: int) -> None:
    half, step = (6, 6), (0.1, 0.1)
    axis = 0.1 * np.arange(-6, 7)
    pattern = torch.from_numpy(np.random.default_rng(0).random((13, 13)))
    points = detector_points(pixel_grid(axis, axis), rotation_deg=90.0 * quarters)
    seen = on_detector(detector_matrix(points, k_step=step, half_width=half, blur=0.0), pattern[None])[0]
    np.testing.assert_allclose(seen.reshape(13, 13), np.rot90(pattern, quarters), atol=1e-4)


@given(offset=st.tuples(st.floats(-2, 2), st.floats(-2, 2)), blur=st.floats(0.0, 0.1))
@settings(max_examples=40)
def test_intensity_is_kept_and_moved_by_the_centre(offset: tuple[float, float], blur: float) -> None:
    spot = torch.zeros(1, 2 * HALF[0] + 1, 2 * HALF[1] + 1, dtype=torch.float64)
    spot[0, 8, 14] = 7.0
    down, right = (step * np.arange(-half - 12, half + 13) for step, half in zip(STEP, HALF, strict=True))
    center = (offset[0] * STEP[0], offset[1] * STEP[1])
    points = detector_points(pixel_grid(down, right), center=center)
    seen = on_detector(detector_matrix(points, k_step=STEP, half_width=HALF, blur=blur), spot)[0].numpy().reshape(len(down), len(right))
    assert seen.min() >= -1e-9
    assert seen.sum() == pytest.approx(7.0, rel=1e-3)
    mean = (down @ seen.sum(1) / seen.sum(), seen.sum(0) @ right / seen.sum())
    assert mean == pytest.approx((DOWN[8] + center[0], RIGHT[14] + center[1]), abs=2e-3 * STEP[1])


@pytest.mark.parametrize("sigma", [0.8, 1.5])
def test_blur_adds_its_variance(sigma: float) -> None:
    spot = torch.zeros(1, 2 * HALF[0] + 1, 2 * HALF[1] + 1, dtype=torch.float64)
    spot[0, HALF[0], HALF[1]] = 1.0
    axis = STEP[0] * np.arange(-40, 41)
    matrix = detector_matrix(pixel_grid(axis, axis), k_step=STEP, half_width=HALF, blur=sigma * STEP[0])
    profile = on_detector(matrix, spot)[0].numpy().reshape(81, 81).sum(1)
    variance = (axis**2 @ profile) / profile.sum()
    # linear interpolation itself has the variance of its hat, a sixth of a step squared
    assert variance == pytest.approx((sigma**2 + 1 / 6) * STEP[0] ** 2, rel=0.01)


def test_scale_multiplies() -> None:
    k = pixel_grid(DOWN[3:7], RIGHT[2:9])
    one, three = (detector_matrix(k, k_step=STEP, half_width=HALF, blur=0.03, scale=factor) for factor in (1.0, 3.0))
    np.testing.assert_allclose(three.toarray(), 3 * one.toarray())
