from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch

from polwidgets.directions import direction_to_vector, rotate_vector
from polwidgets.perturb.base import Batch
from polwidgets.perturb.center_shift import CenterShift
from polwidgets.perturb.detector_blur import DetectorBlur
from polwidgets.perturb.ellipticity import Ellipticity
from polwidgets.perturb.gaussian_blur import GaussianBlur
from polwidgets.perturb.rotation import Rotation

Make = Callable[..., Batch]
Moments = Callable[[Batch], tuple[torch.Tensor, torch.Tensor]]


@pytest.mark.parametrize("sigma_px", [0.3, 1.0, 2.5])
def test_blur_adds_its_variance_and_keeps_the_counts(sigma_px: float, make_blob: Make, apply: Make, moments: Moments) -> None:
    sharp = make_blob(0.1, -0.2, shape=(61, 47))
    blurred = apply(GaussianBlur(sigma_px=sigma_px), sharp)
    grown = moments(blurred)[1] - moments(sharp)[1]
    expected = torch.diag(torch.tensor([(sigma_px * step) ** 2 for step in sharp.k_step], dtype=torch.float64))
    torch.testing.assert_close(grown[0], expected, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(moments(blurred)[0], moments(sharp)[0])


def test_blur_in_wave_numbers_is_the_same_on_pixels_that_are_not_square(make_blob: Make, apply: Make, moments: Moments) -> None:
    sharp = make_blob(0.0, 0.1, shape=(61, 47))
    grown = moments(apply(DetectorBlur(sigma=0.12), sharp))[1] - moments(sharp)[1]
    torch.testing.assert_close(grown[0], 0.12**2 * torch.eye(2, dtype=torch.float64), rtol=1e-4, atol=1e-6)


def test_blur_keeps_the_counts_of_every_pixel_at_the_border_too(make_batch: Make, apply: Make) -> None:
    single = torch.eye(35, dtype=torch.float64).reshape(35, 5, 7)
    blurred = apply(GaussianBlur(sigma_px=1.7), make_batch(single)).patterns
    torch.testing.assert_close(blurred.sum((1, 2)), torch.ones(35, dtype=torch.float64))
    assert (blurred >= 0).all()


@pytest.mark.parametrize(("down", "right"), [(2.0, -3.0), (0.25, 0.0), (-1.37, 2.6)])
def test_a_shift_moves_the_centre_of_mass(down: float, right: float, make_blob: Make, apply: Make, moments: Moments) -> None:
    before = make_blob(0.1, -0.1)
    after = apply(CenterShift(down_px=down, right_px=right), before)
    moved = (moments(after)[0] - moments(before)[0])[0]
    torch.testing.assert_close(
        moved, torch.tensor([down * before.k_step[0], right * before.k_step[1]], dtype=torch.float64), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(after.patterns.sum(), before.patterns.sum(), rtol=1e-4, atol=0)


def test_a_shift_by_whole_pixels_is_exact_and_does_not_wrap(make_batch: Make, apply: Make) -> None:
    pattern = torch.rand((1, 6, 5), dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    moved = apply(CenterShift(down_px=2.0, right_px=-1.0), make_batch(pattern)).patterns[0]
    torch.testing.assert_close(moved[2:, :-1], pattern[0, :-2, 1:])
    assert not moved[:2].any()
    assert not moved[:, -1].any()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_quarter_turn_is_that_of_numpy_and_turns_the_label(turns: int, apply: Make, make_batch: Make) -> None:
    asymmetric = torch.rand((1, 21, 21), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    batch = make_batch(asymmetric, k_step=(0.05, 0.05))
    middle = 0.05 * (torch.arange(21, dtype=torch.float64) - 10)
    batch = dataclasses.replace(batch, ky=middle, kx=middle, direction_deg=torch.tensor([315.0], dtype=torch.float64))
    turned = apply(Rotation(angle_deg=90.0 * turns), batch)
    np.testing.assert_allclose(turned.patterns[0], np.rot90(asymmetric[0], turns), atol=1e-6)
    assert turned.direction_deg.item() == (315 + 90 * turns) % 360


@pytest.mark.parametrize("angle_deg", [-20.0, 33.0])
def test_patterns_turn_about_the_beam_on_pixels_that_are_not_square(
    angle_deg: float, make_blob: Make, apply: Make, moments: Moments
) -> None:
    turned = apply(Rotation(angle_deg=angle_deg), make_blob(0.3, 0.2))
    np.testing.assert_allclose(moments(turned)[0][0], rotate_vector(np.array([0.3, 0.2]), angle_deg), atol=2e-3)
    torch.testing.assert_close(turned.patterns.sum(), torch.tensor(500.0, dtype=torch.float64), rtol=2e-3, atol=0)


def test_labels_turn_by_what_was_drawn_for_each(make_batch: Make, apply: Make, moments: Moments) -> None:
    count = 40
    batch = make_batch(torch.zeros((count, 45, 45), dtype=torch.float64), k_step=(0.05, 0.05))
    spot = torch.exp(-0.5 * ((batch.ky[:, None]) ** 2 + (batch.kx - 0.5) ** 2) / 0.1**2)
    batch = dataclasses.replace(batch, patterns=spot.repeat(count, 1, 1), direction_deg=torch.zeros(count, dtype=torch.float64))
    turned = apply(Rotation(angle_deg=30.0, least=-1.0, probability=0.6), batch)
    along = moments(turned)[0].numpy()
    np.testing.assert_allclose(along / np.linalg.norm(along, axis=1, keepdims=True), direction_to_vector(turned.direction_deg), atol=5e-3)
    left = turned.direction_deg == 0
    assert 5 < left.sum() < 30
    assert torch.equal(turned.patterns[left], batch.patterns[left])


@pytest.mark.parametrize("angle_deg", [0.0, 30.0, -75.0])
def test_ellipticity_stretches_second_moments(angle_deg: float, make_blob: Make, apply: Make, moments: Moments) -> None:
    stretched = apply(Ellipticity(ellipticity=0.2, angle_deg=angle_deg), make_blob(0.0, 0.0, width=0.4, shape=(121, 91)))
    along, across = direction_to_vector(angle_deg), direction_to_vector(angle_deg + 90)
    covariance = moments(stretched)[1][0].numpy()
    assert along @ covariance @ along == pytest.approx(0.4**2 * 1.2, rel=0.01)
    assert across @ covariance @ across == pytest.approx(0.4**2 / 1.2, rel=0.01)
    assert abs(along @ covariance @ across) < 5e-4
    torch.testing.assert_close(stretched.patterns.sum(), torch.tensor(500.0, dtype=torch.float64), rtol=2e-3, atol=0)
