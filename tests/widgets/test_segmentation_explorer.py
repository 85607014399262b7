from __future__ import annotations

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from PIL import Image

import polwidgets as pw
from polwidgets.segmentation.segmenter import Segmenter
from polwidgets.widgets.overlay import outlines
from polwidgets.widgets.segmentation_export import particle_facts, short, totals

SHAPE = (90, 130)
PIXEL_nm = 0.5
# middles (row, column) and radii in pixels; the last one is cut by the edge
DISKS = ((25, 30, 12.0), (60, 90, 18.0), (30, 75, 7.0), (70, 0, 10.0))


class Dark(torch.nn.Module):
    """A network by hand: what is dark is a particle, the surer the darker."""

    multiple = 2

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.cat([image / 2, -image / 2, torch.full_like(image, -20.0)], 1)


def picture() -> np.ndarray:
    """Dark disks on a bright ground, each as dark as it is large."""
    row, column = np.indices(SHAPE)
    image = np.full(SHAPE, 200.0)
    for y, x, radius in DISKS:
        image[np.hypot(row - y, column - x) <= radius] = 60 if radius > 10 else 90
    return image


@pytest.fixture
def by_hand():
    return Segmenter(Dark(), {})


@pytest.fixture
def explorer(by_hand):
    shown = pw.SegmentationExplorer(picture(), weights=by_hand, pixel_size=PIXEL_nm, views=1)
    shown.worker.wait(60)
    return shown


def test_particles_and_their_sizes_are_those_of_the_disks(explorer):
    found = explorer.statistics
    assert found.attrs["count"] == len(DISKS)
    whole = found.where(~found["touches_border"], drop=True)
    expected = sorted(2 * radius * PIXEL_nm for *_, radius in DISKS[:3])
    np.testing.assert_allclose(np.sort(whole["equivalent_diameter"]), expected, rtol=0.04)
    assert "4 particles" in explorer._totals.value
    assert "nm" in explorer._totals.value


def test_the_border_and_the_smallest_diameter_decide_what_counts(explorer):
    explorer._border.value = False
    assert explorer.statistics.attrs["count"] == 3
    explorer._smallest.value = 2 * 8 * PIXEL_nm
    assert explorer.statistics.attrs["count"] == 2
    explorer._smallest.value = 2 * 15 * PIXEL_nm
    assert explorer.statistics.attrs["count"] == 1
    explorer.reset()
    assert explorer.statistics.attrs["count"] == 4


def test_the_threshold_works_on_the_stored_probability(explorer, by_hand):
    asked = []
    by_hand.network.register_forward_hook(lambda *_: asked.append(1))
    probability = explorer.segmentation["probability"]
    explorer._border.value = False
    # between the probabilities of the lighter and of the darker disks
    light = float(probability.values[30, 75])
    dark = float(probability.values[60, 90])
    explorer._threshold.value = (light + dark) / 2
    assert not asked
    assert explorer.statistics.attrs["count"] == 2
    xr.testing.assert_identical(explorer.segmentation["probability"], probability)
    same = pw.separate_particles(explorer.segmentation, threshold=explorer._threshold.value, border=False)
    np.testing.assert_array_equal(explorer.segmentation["labels"], same["labels"])


def test_a_tap_chooses_a_particle_which_stays_chosen(explorer):
    explorer._tapped(90 * PIXEL_nm, 60 * PIXEL_nm)
    number = explorer._chosen.value
    assert explorer.segmentation["labels"].values[60, 90] == number > 0
    assert f"particle {number}" in explorer._particle.value
    diameter = float(explorer.statistics["equivalent_diameter"].sel(particle=number))
    assert diameter == pytest.approx(2 * 18 * PIXEL_nm, rel=0.02)
    assert f"diameter {diameter:.3g} nm" in explorer._particle.value
    assert (explorer._outlines._source.data["image"][0] == 2).any()
    explorer._smallest.value = 2 * 15 * PIXEL_nm  # the others go, and it is number 1 now
    assert explorer._chosen.value == 1
    assert explorer.segmentation["labels"].values[60, 90] == 1
    explorer._tapped(2.0, 2.0)
    assert explorer._chosen.value == 0


def test_what_is_exported_can_be_read_again(explorer, tmp_path):
    table = pd.read_csv(io.BytesIO(explorer.exported("statistics, CSV")))
    np.testing.assert_allclose(table["equivalent_diameter"], explorer.statistics["equivalent_diameter"])
    assert set(table["unit"]) == {"nm"}
    with np.load(io.BytesIO(explorer.exported("masks, npz"))) as arrays:
        np.testing.assert_array_equal(arrays["labels"], explorer.segmentation["labels"])
        assert float(arrays["pixel_size"]) == PIXEL_nm
    with zipfile.ZipFile(io.BytesIO(explorer.exported("everything, zarr"))) as archive:
        archive.extractall(tmp_path / "out")
    read = xr.open_zarr(tmp_path / "out", consolidated=False)
    np.testing.assert_array_equal(read["mask"], explorer.segmentation["mask"])
    particles = xr.open_zarr(tmp_path / "out", group="particles", consolidated=False)
    np.testing.assert_allclose(particles["area"], explorer.statistics["area"])


@pytest.mark.parametrize("kind", ["16 bits", "RGB"])
def test_files_of_other_depths_and_colours(by_hand, tmp_path, kind):
    path = tmp_path / "image.png"
    values = picture()
    Image.fromarray((values * 200).astype(np.uint16) if kind == "16 bits" else np.dstack([values.astype(np.uint8)] * 3)).save(path)
    explorer = pw.SegmentationExplorer(path, weights=by_hand, views=1)
    explorer.worker.wait(60)
    assert explorer.statistics.attrs["count"] == len(DISKS)
    assert explorer.statistics.attrs["unit"] == "pixel"
    assert "no scale" in explorer._shown.value


def test_a_segmentation_made_before_is_shown_as_it_is(by_hand):
    made = pw.segment(picture(), weights=by_hand, pixel_size=PIXEL_nm, views=1)
    explorer = pw.SegmentationExplorer(made, weights=by_hand)
    np.testing.assert_array_equal(explorer.segmentation["labels"], made["labels"])


def test_what_goes_wrong_is_said_and_another_file_mends_it(by_hand, tmp_path):
    explorer = pw.SegmentationExplorer(tmp_path / "none.png", weights=by_hand, views=1)
    explorer.worker.wait(60)
    assert "there is no file" in explorer.worker._trouble.value
    with pytest.raises(ValueError, match="nothing is segmented yet"):
        explorer.exported("masks, npz")
    np.save(tmp_path / "image.npy", picture())
    explorer._file.value = str(tmp_path / "image.npy")
    explorer.worker.wait(60)
    assert explorer.statistics.attrs["count"] == len(DISKS)
    assert not explorer.worker._trouble.value


def test_weights_that_are_not_there_are_named(tmp_path):
    explorer = pw.SegmentationExplorer(picture(), weights=tmp_path / "mine.safetensors")
    explorer.worker.wait(60)
    assert "mine.safetensors" in explorer.worker._trouble.value
    assert "train-segmenter" in explorer.worker._trouble.value


def test_an_image_without_particles_has_words_for_it(by_hand):
    noise = np.random.default_rng(1).normal(size=(40, 64))
    explorer = pw.SegmentationExplorer(noise, weights=by_hand, views=1)
    explorer.worker.wait(60)
    explorer._threshold.value = 0.99
    explorer._smallest.value = explorer._smallest.end
    assert explorer.statistics.attrs["count"] == 0
    assert "lower the threshold" in explorer._totals.value


def test_a_large_image_is_shown_thinner_and_counted_whole(by_hand):
    large = np.kron(picture(), np.ones((12, 12)))
    explorer = pw.SegmentationExplorer(large, weights=by_hand, views=1)
    explorer.worker.wait(120)
    explorer._cutting.wait(120)
    assert max(explorer._picture._source.data["image"][0].shape) <= 1024
    assert explorer.segmentation["labels"].shape == large.shape
    radius = 18.0 * 12
    assert float(explorer.statistics["equivalent_diameter"].max()) == pytest.approx(2 * radius, rel=0.02)


def test_outlines_tell_touching_particles_apart():
    labels = np.zeros((6, 9), np.int32)
    labels[1:5, 1:4], labels[1:5, 4:8] = 1, 2
    edge = outlines(labels, chosen=2)
    assert set(edge[1:5, 3]) == {1}
    assert set(edge[1:5, 4]) == {2}
    assert edge[2, 2] == 0
    assert not edge[0].any()


def test_units_as_a_person_writes_them():
    assert [short(unit) for unit in ("angstrom^2", "nm", "pixel^2", "1", "um")] == ["Å²", "nm", "px²", "", "µm"]


def test_words_of_one_particle(explorer):
    only = explorer.statistics.isel(particle=[0])
    assert particle_facts(only, int(only["particle"][0])).startswith("particle ")
    assert totals(explorer.statistics).startswith("4 particles")
