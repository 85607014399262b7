"""Segmentation from image to table, with a network that answers by grey level; and training on a task that is easy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

import polwidgets as pw
from polwidgets.cli import main
from polwidgets.segmentation.labelled import open_labelled
from polwidgets.segmentation.learning import SegmentationTask, segmentation_loss
from polwidgets.segmentation.segmenter import Segmenter, load_segmenter, train_segmenter
from polwidgets.segmentation.unet import UNet
from polwidgets.simulate.bright_field import BrightField

Y, X = np.mgrid[:90, :133]


class Dark(torch.nn.Module):
    """Dark pixels are outlined particles, middling ones unresolved."""

    multiple = 32

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return 40 * torch.cat([image.clamp(min=-0.5), -2 * image - 1.5, torch.zeros_like(image) - 0.2], 1)


BY_GREY = Segmenter(Dark(), {})  # type: ignore[arg-type]


def picture() -> np.ndarray:
    image = np.full(Y.shape, 200.0)
    for y, x, radius in ((30, 40, 12), (62, 90, 9), (0, 120, 8)):
        image[(Y - y) ** 2 + (X - x) ** 2 <= radius**2] = 20
    return image


def test_particles_are_found_numbered_and_measured_in_the_images_unit() -> None:
    found = pw.segment(picture(), weights=BY_GREY, pixel_size=0.5, unit="nm")
    assert found["mask"].dims == ("y", "x")
    assert found["x"].attrs["units"] == "nm"
    assert found["x"].values[-1] == 66
    np.testing.assert_array_equal(found["mask"], picture() < 100)
    assert found["labels"].values.max() == 3
    table = pw.particle_statistics(found)
    assert table.attrs["count"] == 2
    np.testing.assert_allclose(sorted(table["equivalent_diameter"].values), [9, 12], rtol=0.02)
    assert set(found.data_vars) == {"image", "probability", "unresolved", "uncertainty", "mask", "labels"}
    assert all(isinstance(value, (int, float, str)) for value in found.attrs.values())


def test_without_a_scale_sizes_are_in_pixels_and_the_image_is_left_alone() -> None:
    image = picture()
    kept = image.copy()
    found = pw.segment(image, weights=BY_GREY, border=False)
    np.testing.assert_array_equal(image, kept)
    assert found.attrs["unit"] == "pixel"
    assert found["labels"].values.max() == 2
    assert pw.particle_statistics(found)["area"].attrs["units"] == "pixel^2"


def test_bright_particles_and_colours() -> None:
    mask = pw.segment(picture(), weights=BY_GREY)["mask"]
    np.testing.assert_array_equal(pw.segment(220 - picture(), weights=BY_GREY, contrast="bright")["mask"], mask)
    colours = np.repeat(picture()[..., None], 3, axis=2).astype(np.uint8)
    np.testing.assert_array_equal(pw.segment(colours, weights=BY_GREY)["mask"], mask)


@pytest.mark.parametrize("zoom", [0.5, 2.0, 1.37])
def test_zoom_changes_what_the_network_is_shown_and_not_where_particles_are(zoom: float) -> None:
    found = pw.segment(picture(), weights=BY_GREY, zoom=zoom)
    assert found["mask"].shape == Y.shape
    assert (found["mask"].values != (picture() < 100)).mean() < 0.015


def test_another_threshold_needs_no_network() -> None:
    found = pw.segment(picture(), weights=BY_GREY, views=1)
    found["probability"] = found["probability"] * 0.6
    assert pw.separate_particles(found, threshold=0.7)["labels"].values.max() == 0
    assert pw.separate_particles(found, threshold=0.5)["labels"].values.max() == 3
    assert pw.separate_particles(found, threshold=0.5, min_area=300).attrs["min_area"] == 300


def test_ragged_particles_are_left_out_where_outlines_are_asked_for() -> None:
    image = picture()
    image[55:80, 20:26] = image[74:80, 20:50] = 20  # an L: half of its hull
    assert pw.segment(image, weights=BY_GREY)["labels"].values.max() == 3
    assert pw.segment(image, weights=BY_GREY, min_solidity=0.0)["labels"].values.max() > 3
    assert pw.segment(image, weights=BY_GREY, particles="all")["labels"].values.max() > 3


def test_all_particles_include_unresolved_ones() -> None:
    image = picture()
    image[50:60, 20:40] = 150
    outlined = pw.segment(image, weights=BY_GREY)
    every = pw.segment(image, weights=BY_GREY, particles="all")
    assert every["mask"].values.sum() >= outlined["mask"].values.sum()
    assert (every["probability"] >= outlined["probability"] - 1e-6).all()


def test_missing_pixels_belong_to_no_particle() -> None:
    image = picture()
    image[24:36, 34:46] = np.nan  # small holes are filled, as dead pixels in a particle are
    found = pw.segment(image, weights=BY_GREY, min_area=20)
    assert not found["mask"].values[24:36, 34:46].any()
    assert (found["uncertainty"].values[24:36, 34:46] == 1).all()


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"contrast": "grey"}, "expected 'dark' or 'bright'"),
        ({"particles": "some"}, "expected 'outlined' or 'all'"),
        ({"zoom": 0.0}, "zoom is 0"),
        ({"views": 3}, "views is 3"),
        ({"threshold": 1.0}, "between 0 and 1"),
        ({"min_solidity": 1.2}, "part between 0 and 1"),
        ({"min_area": 0}, "at least one pixel"),
    ],
)
def test_impossible_wishes_say_so(keywords: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pw.segment(picture(), weights=BY_GREY, **keywords)


def easy(count: int, seed: int = 0) -> xr.Dataset:
    recipe = BrightField(radius_px=(6, 12), contrast=(0.6, 0.8), grain=(0, 0.1), noise=(0.02, 0.1), unresolved=0, marks=0)
    return pw.bright_field_images(count, shape=(64, 96), recipe=recipe, seed=seed)


class Stop(Exception):
    pass


def test_training_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    images = easy(10)
    keywords = {"epochs": 2, "batch": 4, "crop": 32, "channels": (4, 6), "seed": 5}
    whole = train_segmenter(images, **keywords)
    seen: list[float] = []

    def stop(_: str, fraction: float) -> None:
        seen.append(fraction)
        if len(seen) == 4:
            raise Stop

    with pytest.raises(Stop):
        train_segmenter(images, **keywords, checkpoint=tmp_path / "run", progress=stop)
    resumed = train_segmenter(images, **keywords, checkpoint=tmp_path / "run")
    assert resumed.history == whole.history
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name])
    with pytest.raises(ValueError, match="no checkpoint of this training"):
        train_segmenter(images, **{**keywords, "seed": 6}, checkpoint=tmp_path / "run")


def test_a_saved_segmenter_answers_as_before(tmp_path: Path) -> None:
    segmenter = train_segmenter(easy(6), epochs=1, crop=32, channels=(4, 6), seed=1)
    segmenter.save(tmp_path / "own.safetensors")
    again = load_segmenter(tmp_path / "own.safetensors")
    assert again.about == segmenter.about
    image = easy(1, seed=9)["image"].values[0]
    first, second = (pw.segment(image, weights=w)["probability"].values for w in (segmenter, str(tmp_path / "own.safetensors")))
    np.testing.assert_allclose(first, second, atol=5e-3)


def test_the_loss_is_least_where_the_classes_are_right() -> None:
    classes = torch.randint(3, (2, 16, 16), generator=torch.Generator().manual_seed(0))
    right = 20.0 * torch.nn.functional.one_hot(classes, 3).movedim(-1, 1)
    assert segmentation_loss(right, classes).item() == pytest.approx(0, abs=1e-3)
    assert segmentation_loss(torch.zeros_like(right), classes) > 1
    assert segmentation_loss(right.roll(1, 1), classes) > 10


def test_what_is_held_out_shares_no_structure() -> None:
    images = easy(10)
    assert SegmentationTask(UNet((4, 6)), images, 32).count == 9
    scenes = images.assign_coords(scene=("sample", [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]))
    assert SegmentationTask(UNet((4, 6)), scenes, 32).count == 6
    with pytest.raises(ValueError, match="one structure"):
        SegmentationTask(UNet((4, 6)), images.assign_coords(scene=("sample", [0] * 10)), 32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda images: images.drop_vars("mask"), "labelled images need mask"),
        (lambda images: images.isel(sample=slice(2)), "at least four"),
        (lambda images: images.isel(x=slice(20)), "smaller than crops of 32"),
        (lambda images: images.assign(mask=images["mask"] * 255), "masks hold"),
        (lambda images: images.assign(mask=images["mask"] * 0), "and some 1"),
    ],
)
def test_images_that_teach_nothing_say_so(change: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train_segmenter(change(easy(6)), crop=32, channels=(4, 6), seed=0)  # type: ignore[operator]


def test_unknown_weights_say_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="bright_field, hrtem"):
        load_segmenter("resnet")
    from polwidgets.training.tensor_file import save_tensors

    save_tensors(tmp_path / "other.safetensors", {"a": torch.zeros(2)}, {"model": "cnn"})
    with pytest.raises(ValueError, match="holds no segmenter"):
        load_segmenter(tmp_path / "other.safetensors")


def test_several_sets_become_one_evenly(tmp_path: Path) -> None:
    for name, count in (("a", 4), ("b", 8)):
        easy(count).to_zarr(tmp_path / f"{name}.zarr", zarr_format=2)
    both = open_labelled([tmp_path / "a.zarr", tmp_path / "b.zarr"])
    assert both.sizes["sample"] == 12
    assert len(np.unique(both["scene"])) == 12
    assert [(number % 2).item() for number in both["scene"][:6]].count(0) == 2
    with pytest.raises(FileNotFoundError, match="no folder"):
        open_labelled([tmp_path / "c.zarr"])
    pw.bright_field_images(4, shape=(64, 64), seed=0).to_zarr(tmp_path / "c.zarr", zarr_format=2)
    with pytest.raises(ValueError, match="expected one size"):
        open_labelled([tmp_path / "a.zarr", tmp_path / "c.zarr"])


def test_from_simulation_to_a_table_by_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    data, weights = str(tmp_path / "data.zarr"), str(tmp_path / "own.safetensors")
    assert main(["dataset-bright-field", "--n", "8", "--pixels", "64", "96", "--set", "radius_px=[6,12]", "-o", data]) == 0
    assert main(["train-segmenter", data, "--epochs", "1", "--crop", "32", "-o", weights, "--quiet"]) == 0
    image = easy(1, seed=3)
    for folder, name in (("images", "image"), ("masks", "mask")):
        (tmp_path / folder).mkdir()
        Image.fromarray(image[name].values[0]).save(tmp_path / folder / "one.png")
    arguments = ["segment", str(tmp_path / "images" / "one.png"), "--weights", weights, "--pixel-size", "0.3", "--views", "1"]
    assert main([*arguments, "-o", str(tmp_path / "out"), "--truth", str(tmp_path / "masks")]) == 0
    assert "F1" in capsys.readouterr().err
    assert (tmp_path / "out" / "one_particles.csv").read_text().startswith("particle,y,x,area")
    with Image.open(tmp_path / "out" / "one_labels.png") as labels:
        assert labels.size == (96, 64)
    assert main(["dataset-bright-field", "--n", "8", "--set", "radius=[6,12]", "-o", str(tmp_path / "other.zarr")]) == 2
    assert "it has radius_px" in capsys.readouterr().err
