from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch

from polwidgets.perturb.amorphous_layer import AmorphousLayer
from polwidgets.perturb.background import Background
from polwidgets.perturb.bad_pixels import BadPixels
from polwidgets.perturb.base import Batch
from polwidgets.perturb.brightness_contrast import BrightnessContrast
from polwidgets.perturb.dose import Dose
from polwidgets.perturb.fixed_pattern import FixedPattern
from polwidgets.perturb.gain import Gain
from polwidgets.perturb.gaussian_noise import GaussianNoise
from polwidgets.perturb.saturation import Saturation

Make = Callable[..., Batch]
Moments = Callable[[Batch], tuple[torch.Tensor, torch.Tensor]]


@pytest.fixture
def ramps(make_batch: Make) -> Batch:
    """2000 equal patterns whose pixels are all different."""
    return make_batch(torch.arange(1.0, 36.0).reshape(1, 5, 7).repeat(2000, 1, 1))


def test_counts_have_the_mean_and_the_variance_of_poissons_law(ramps: Batch, apply: Make) -> None:
    counts = apply(Dose(electrons=630.0), ramps).patterns
    expected = ramps.patterns[0]  # 630 in all
    assert torch.equal(counts, counts.round())
    for measured, fourth in ((counts.mean(0), 0 * expected), (counts.var(0), 2 * expected**2)):
        assert ((measured - expected).abs() < 5 * ((expected + fourth) / 2000) ** 0.5).all()


def test_an_incident_dose_keeps_what_differs_between_patterns(make_batch: Make, apply: Make) -> None:
    shares = torch.full((2, 100, 100), 1e-4) * torch.tensor([0.9, 0.3])[:, None, None]
    incident, each = (apply(Dose(electrons=1e5, relative_to=to), make_batch(shares)).patterns.sum((1, 2)) for to in ("incident", "pattern"))
    np.testing.assert_allclose(incident, [9e4, 3e4], atol=1500)
    np.testing.assert_allclose(each, [1e5, 1e5], atol=1500)


def test_doses_are_drawn_evenly_in_the_logarithm(ramps: Batch, apply: Make) -> None:
    electrons = apply(Dose(electrons=1e5, least=0.01), ramps).patterns.sum((1, 2)).numpy()
    assert 900 < electrons.min() < electrons.max() < 1.02e5
    assert np.median(electrons) == pytest.approx(1e4, rel=0.15)


def test_an_empty_pattern_stays_empty(make_batch: Make, apply: Make) -> None:
    assert not apply(Dose(), make_batch(torch.zeros((2, 4, 4)))).patterns.any()


def test_strengths_are_drawn_between_the_least_and_the_full(ramps: Batch, apply: Make) -> None:
    drawn = apply(Gain(counts_per_electron=4.0, least=-0.5), ramps).patterns[:, 0, 0]
    assert -2 <= drawn.min() < -1.9
    assert 3.9 < drawn.max() <= 4
    assert drawn.mean() == pytest.approx(1, abs=0.2)


def test_patterns_meet_it_with_its_probability(ramps: Batch, apply: Make) -> None:
    met = apply(Gain(counts_per_electron=4.0, probability=0.3), ramps).patterns[:, 0, 0] == 4
    assert met.float().mean() == pytest.approx(0.3, abs=5 * (0.3 * 0.7 / 2000) ** 0.5)


def test_a_detectors_gain_is_one_for_all_patterns_or_drawn_for_each(ramps: Batch, apply: Make) -> None:
    one = apply(FixedPattern(pixels=0.1), ramps).patterns / ramps.patterns
    torch.testing.assert_close(one, one[:1].expand_as(one))
    each = apply(FixedPattern(pixels=0.1, columns=0.2, once=False), ramps).patterns / ramps.patterns
    assert each.mean() == pytest.approx(1, abs=0.01)
    assert each.std(0).mean() == pytest.approx((0.1**2 + 0.2**2 + 0.1**2 * 0.2**2) ** 0.5, rel=0.02)
    columns = each.mean(1)
    assert columns.std(0).mean() == pytest.approx((0.2**2 + (0.1**2 + 0.1**2 * 0.2**2) / 5) ** 0.5, rel=0.03)


def test_bad_pixels_are_as_many_as_said_and_stay_in_their_places(make_batch: Make, apply: Make) -> None:
    patterns = torch.rand((3, 200, 150), generator=torch.Generator().manual_seed(0)) + 0.5
    bad = apply(BadPixels(dead=0.02, hot=0.01, hot_level=5.0), make_batch(patterns)).patterns
    dead, hot = bad == 0, bad == 5 * patterns.amax((1, 2), keepdim=True)
    assert dead[0].float().mean() == pytest.approx(0.02, abs=0.004)
    assert hot[0].float().mean() == pytest.approx(0.01, abs=0.003)
    assert torch.equal(dead[0], dead[2])
    assert torch.equal(hot[0], hot[2])
    assert torch.equal(bad[~dead & ~hot], patterns[~dead & ~hot])


def test_background_adds_its_shares_about_the_beam(make_blob: Make, apply: Make, moments: Moments) -> None:
    blob = make_blob(0.4, 0.3, shape=(121, 91))
    flat = apply(Background(flat=0.2, halo=0.0), blob).patterns - blob.patterns
    torch.testing.assert_close(flat, torch.full_like(flat, 0.2 * 500 / flat.numel()))
    halo = apply(Background(flat=0.0, halo=0.3, width=0.5), blob).patterns - blob.patterns
    assert halo.sum().item() == pytest.approx(0.3 * 500)
    mean, spread = moments(dataclasses.replace(blob, patterns=halo))
    np.testing.assert_allclose(mean[0], [0, 0], atol=1e-3)
    np.testing.assert_allclose(spread[0], 0.25 * np.eye(2), atol=5e-3)


def test_saturated_pixels_are_clipped_at_a_share_of_the_brightest(ramps: Batch, apply: Make) -> None:
    clipped = apply(Saturation(level=0.5), ramps).patterns[0]
    torch.testing.assert_close(clipped, ramps.patterns[0].clamp(max=17.5))


def test_brightness_and_contrast_are_relative_to_the_range(make_batch: Make, apply: Make) -> None:
    pattern = torch.tensor([[[2.0, 3.0, 4.0, 6.0]]])  # 0, 0.25, 0.5 and 1 of its range
    changed = apply(BrightnessContrast(brightness=0.1, contrast=0.2), make_batch(pattern)).patterns
    torch.testing.assert_close(changed, 2 + 4 * torch.tensor([[[0.1, 0.4, 0.7, 1.0]]]))


def test_gaussian_noise_has_its_width_and_stays_in_the_range(make_batch: Make, apply: Make) -> None:
    patterns = torch.full((1, 200, 200), 50.0)
    patterns[0, 0, :2] = torch.tensor([0.0, 100.0])
    noisy = apply(GaussianNoise(sigma=0.1), make_batch(patterns)).patterns
    assert noisy.std() == pytest.approx(10, rel=0.03)
    assert noisy.mean() == pytest.approx(50, abs=0.3)
    strong = apply(GaussianNoise(sigma=1.0), make_batch(patterns)).patterns
    assert (strong.min(), strong.max()) == (0, 100)


def test_an_amorphous_layer_scatters_its_share_into_rings_about_every_beam(make_batch: Make, apply: Make) -> None:
    beam = torch.zeros((1, 101, 81), dtype=torch.float64)
    batch = make_batch(beam)
    row, column = 40, 50  # off the middle
    beam[0, row, column] = 1000
    layer = AmorphousLayer(fraction=0.3, ring=0.5, ring_width=0.05)
    after = apply(layer, batch).patterns[0]
    unscattered, halo = after[row, column].item(), after.clone()
    halo[row, column] = 0
    assert 700 < unscattered < 705
    assert 240 < halo.sum() < 300  # the rest falls beyond the detector
    k = torch.hypot(batch.ky[:, None] - batch.ky[row], batch.kx - batch.kx[column])
    # Wentzel's halo divided out, the rings stand on a floor of one: heights 2 and 1.5
    profile = halo * (k**2 + 0.547**2) ** 2
    floor = profile[(k > 0.15) & (k < 0.3)].mean()
    for radius, height in ((0.5, 2.0), (0.875, 1.5)):
        assert (profile[(k - radius).abs() < 0.01] / floor).mean().item() == pytest.approx(height, rel=0.02)


def test_a_layer_passes_what_it_does_not_scatter(make_blob: Make, apply: Make) -> None:
    blob = make_blob(0.2, 0.1)
    half, full = (apply(AmorphousLayer(fraction=fraction), blob).patterns for fraction in (0.5, 1.0))
    torch.testing.assert_close(half, (blob.patterns + full) / 2)
