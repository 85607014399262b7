"""The weights that come with polwidgets reach on new images what their cards say."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import polwidgets as pw
from polwidgets.analysis.segmentation_study import ImageTest, experimental_tests, labelled_test
from polwidgets.segmentation.segmenter import SHIPPED, load_segmenter
from polwidgets.simulate.bright_field import BrightField

# defocus, focal and source spread and coma that no training image had
BEYOND = {
    "image.conditions_a_scene": 2, "conditions.defocus_A": [-700, -600], "conditions.focal_spread_A": [80, 90],
    "conditions.source_spread_mrad": [0.3, 0.35], "conditions.C21_A": [2000, 2500], "conditions.dose_per_A2": [400, 1000],
}  # fmt: skip
# what is clearly seen; over the whole distribution see the card
CLEAR = BrightField(contrast=(0.4, 0.8), grain=(0.0, 0.4), noise=(0.02, 0.3), unresolved=0.0, radius_px=(10, 40), cover=(0.1, 0.4))


@pytest.mark.parametrize("name", SHIPPED)
def test_weights_are_small_and_have_a_card(name: str) -> None:
    folder = files("polwidgets").joinpath("data", "weights")
    assert len(folder.joinpath(f"{SHIPPED[name]}.safetensors").read_bytes()) < 10_000_000
    card = folder.joinpath(f"{SHIPPED[name]}.md").read_text(encoding="utf-8")
    about = load_segmenter(name).about
    assert f"| Seed | {about['seed']}" in card
    assert f"--epochs {about['epochs']}" in card
    assert all(word in card for word in ("Command", "Versions", "Data", "Limits"))


def test_particles_on_a_film_are_found() -> None:
    images = pw.bright_field_images(12, shape=(192, 224), recipe=CLEAR, seed=777_001)
    total, _ = labelled_test("clear", images).score(load_segmenter("bright_field"), views=2)
    assert total.f1 > 0.9


def test_counts_alone_are_no_particle() -> None:
    counts = np.random.default_rng(3).poisson(200, (160, 190))
    assert pw.segment(counts, views=2)["mask"].values.mean() < 0.02


@pytest.mark.slow
def test_gold_is_found_under_conditions_that_were_not_trained_on(tmp_path: Path) -> None:
    images = pw.make_dataset("au_on_carbon", tmp_path / "new.zarr", n=8, seed=777_002, changes=BEYOND)
    total, _ = labelled_test("beyond", images.load()).score(load_segmenter("hrtem"), views=2)
    assert total.f1 > 0.87


@pytest.mark.slow
def test_particles_of_experimental_images_are_found(shared_data: Path) -> None:
    folder = shared_data / "tem-masks"
    if not folder.is_dir():
        pytest.skip(f"the experimental images are absent: no folder {folder}")
    by_name: dict[str, ImageTest] = {test.name: test for test in experimental_tests(folder)}
    assert by_name["experiment 067"].score(load_segmenter("bright_field"), views=2)[0].f1 > 0.85
