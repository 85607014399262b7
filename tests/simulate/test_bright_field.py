"""Bright-field images against the laws they are made by."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from polwidgets.simulate import bright_field, particle_layouts
from polwidgets.simulate.bright_field import BrightField, bright_field_images
from polwidgets.simulate.particle_layouts import draw_layout
from polwidgets.simulate.picture_marks import draw_scale_bar

CLEAN = BrightField(grain=(0, 0), noise=(1e-3, 1e-3), fringe_px=(0.2, 0.2), unresolved=0, unevenness=0, marks=0)


def test_images_are_the_seeds_whatever_their_number() -> None:
    few, many = bright_field_images(2, shape=(48, 65), seed=3), bright_field_images(5, shape=(48, 65), seed=3)
    assert few.sizes == {"sample": 2, "y": 48, "x": 65}
    for name in ("image", "mask", "radius_px"):
        np.testing.assert_array_equal(few[name], many[name][:2])
    assert (bright_field_images(2, shape=(48, 65), seed=4)["image"] != few["image"]).any()
    assert set(np.unique(many["mask"])) <= {0, 1, 2}


def test_without_phase_and_film_a_particle_absorbs_by_its_thickness() -> None:
    """Beer and Lambert."""
    absorption = np.zeros((64, 80))
    absorption[20:30, 30:50] = 0.7
    absorption = ndimage.gaussian_filter(absorption, 3)
    lens = bright_field._draw_lens(absorption.shape, 0.05, np.random.default_rng(0))
    seen = lens.image(absorption, np.zeros_like(absorption))
    np.testing.assert_allclose(seen, np.exp(-absorption), rtol=2e-3)


def test_the_film_has_the_texture_asked_for_and_the_rings_of_its_defocus() -> None:
    """sin(pi (fringe k)^2) of a weak phase object: nothing at the first ring's wave number, 1 / fringe."""
    nothing = np.zeros((256, 256))
    power = np.zeros((256, 256))
    for seed in range(6):
        rng = np.random.default_rng(seed)
        lens = bright_field._draw_lens((256, 256), 5.0, rng)
        seen = lens.image(nothing, lens.film_phase(0.02) * rng.normal(size=(256, 256)))
        assert seen.std() == pytest.approx(0.02, rel=0.05)
        # what an eye averages over patches, against an average over Gaussians of the same effective area
        smooth = ndimage.gaussian_filter(seen, np.sqrt(0.25 * 12**2 / (4 * np.pi)), mode="wrap")
        assert lens.fluctuation(lens.film_phase(0.02), 0.0, 12) == pytest.approx(smooth.std(), rel=0.1)
        power += np.abs(np.fft.fft2(seen - seen.mean())) ** 2
    k = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None, :])
    dark = power[np.abs(k - 0.2) < 0.004].mean()
    bright = power[np.abs(k - np.sqrt(0.5) / 5) < 0.004].mean()
    assert dark < 0.02 * bright


def test_masks_are_the_outlines_of_what_is_dark() -> None:
    images = bright_field_images(6, shape=(160, 128), recipe=dataclasses.replace(CLEAN, contrast=(0.4, 0.6), radius_px=(12, 20)), seed=1)
    for image, mask in zip(images["image"].values.astype(float), images["mask"].values, strict=True):
        if (mask > 0).mean() < 0.03:  # drawn beside the field: noise stretched over all grey levels
            continue
        inside = ndimage.binary_erosion(mask > 0, iterations=4)
        outside = ~ndimage.binary_dilation(mask > 0, iterations=4)
        assert image[inside].mean() < image[outside].mean() - 40
        assert np.ptp(image[outside]) < 12  # nothing unmarked is to be seen


def test_particles_out_of_focus_and_covered_ones_are_a_class_of_their_own() -> None:
    crowded = bright_field_images(12, shape=(96, 96), recipe=dataclasses.replace(CLEAN, unresolved=1.0), seed=5)
    assert (crowded["mask"] == 2).any()
    assert not (bright_field_images(12, shape=(96, 96), recipe=dataclasses.replace(CLEAN, cover=(0.04, 0.1)), seed=5)["mask"] == 2).all()
    square = np.ones((4, 4), bool)
    window = (slice(2, 6), slice(2, 6))
    apart, over, touching = (slice(10, 14), slice(2, 6)), (slice(4, 8), slice(2, 6)), (slice(6, 10), slice(2, 6))
    alone = bright_field._classes([(window, square, False), (apart, square, True), (touching, square, False)], (16, 16))
    assert (alone[window] == 1).all()
    assert (alone[apart] == 2).all()
    assert (alone[touching] == 1).all()
    assert set(np.unique(bright_field._classes([(window, square, False), (over, square, False)], (16, 16)))) == {0, 2}


def test_a_scale_bar_is_no_particle() -> None:
    image, mask = np.full((100, 140), 120, np.uint8), np.ones((100, 140), np.uint8)
    draw_scale_bar(image, mask, rng=np.random.default_rng(0))
    assert (image != 120).any()
    assert (mask[image != 120] == 0).all()


def test_a_scale_bar_may_go_beyond_the_image() -> None:
    longest = 0
    for seed in range(40):
        image, mask = np.full((100, 140), 120, np.uint8), np.ones((100, 140), np.uint8)
        draw_scale_bar(image, mask, rng=np.random.default_rng(seed))
        assert (mask[image != 120] == 0).all()
        longest = max(longest, int((image != 120).sum(1).max()))
    assert longest == 140


def test_layers_lie_over_layers() -> None:
    alone = [particle_layouts.Placed(50.0, 50.0, 8.0)]
    layers = [len(particle_layouts._crowd(alone, (100, 100), 8.0, np.random.default_rng(seed))) for seed in range(60)]
    assert set(layers) == {1, 2, 3, 4}


def test_particles_lie_apart_where_nothing_is_crowded() -> None:
    for seed in range(20):
        placed = draw_layout((300, 200), 8.0, 0.1, 0.2, crowded=False, rng=np.random.default_rng(seed))
        assert all(p.blur == 0 and p.strength == 1 for p in placed)
        assert len(placed) >= 1
    crowded = [draw_layout((300, 200), 8.0, 0.1, 0.2, crowded=True, rng=np.random.default_rng(seed)) for seed in range(20)]
    assert any(p.blur > 0 for placed in crowded for p in placed)


def test_impossible_requests_say_so() -> None:
    with pytest.raises(ValueError, match="at least one of 16 x 16"):
        bright_field_images(1, shape=(8, 64), seed=0)
    with pytest.raises(ValueError, match="must be more than zero"):
        draw_layout((50, 50), 0.0, 0.1, 0.1, crowded=False, rng=np.random.default_rng(0))
