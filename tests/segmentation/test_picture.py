"""Images of every kind as one plane of grey levels, and the errors of what is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from polwidgets.segmentation.picture import as_picture, filled, standardise

RNG = np.random.default_rng(0)
PLANE = RNG.integers(0, 60000, (31, 46)).astype(np.uint16)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, np.float64])
def test_any_depth_of_grey_levels(dtype: type) -> None:
    image = (PLANE // 256).astype(dtype)
    picture = as_picture(image)
    assert picture.dims == ("y", "x")
    assert picture.dtype == np.float32
    np.testing.assert_array_equal(picture, image)
    assert picture.attrs["unit"] == "pixel"
    assert picture["y"].attrs["units"] == "pixel"


def test_colours_become_luminance_and_transparency_is_left_out() -> None:
    colours = RNG.integers(0, 255, (20, 33, 4)).astype(np.uint8)
    expected = 0.2126 * colours[..., 0] + 0.7152 * colours[..., 1] + 0.0722 * colours[..., 2]
    np.testing.assert_allclose(as_picture(colours), expected, rtol=1e-5)
    np.testing.assert_allclose(as_picture(colours[..., :3]), expected, rtol=1e-5)


def test_the_scale_is_the_callers_the_images_or_pixels() -> None:
    coords = {"row": ("row", np.arange(31) * 0.4, {"units": "nm"}), "col": ("col", 7 + np.arange(46) * 0.4, {"units": "nm"})}
    labelled = xr.DataArray(PLANE, coords, ("row", "col"))
    assert as_picture(labelled).attrs["pixel_size"] == pytest.approx(0.4)
    assert as_picture(labelled)["x"].values[-1] == pytest.approx(45 * 0.4)
    given = as_picture(labelled, pixel_size=2.5, unit="A")
    assert (given.attrs["pixel_size"], given.attrs["unit"]) == (2.5, "angstrom")
    with pytest.raises(ValueError, match="expected squares in one unit"):
        as_picture(labelled.assign_coords(col=("col", np.arange(46) * 0.5, {"units": "nm"})))
    with pytest.raises(ValueError, match="pixel_size is -1"):
        as_picture(PLANE, pixel_size=-1)


@pytest.mark.parametrize("ending", ["png", "tif", "npy"])
def test_files_of_sixteen_bits(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"image.{ending}"
    if ending == "npy":
        np.save(path, PLANE)
    else:
        Image.fromarray(PLANE).save(path)
    np.testing.assert_array_equal(as_picture(path), PLANE)


def test_colours_with_a_palette_are_read(tmp_path: Path) -> None:
    grey = (PLANE // 256).astype(np.uint8)
    Image.fromarray(grey).convert("RGB").quantize(256).save(tmp_path / "image.png")
    assert np.abs(as_picture(tmp_path / "image.png").values - grey).max() <= 1


def test_missing_pixels_are_counted_and_can_be_filled() -> None:
    holed = PLANE.astype(float)
    holed[3:5, 7] = np.nan
    holed[9, 9] = np.inf
    picture = as_picture(holed)
    assert picture.attrs["missing"] == 3
    assert np.isnan(picture.values[3, 7])
    assert filled(picture)[3, 7] == pytest.approx(np.median(holed[np.isfinite(holed)]))
    np.testing.assert_array_equal(filled(picture)[10:], holed[10:])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((20, 20)), "every pixel is 0"),
        (np.ones((5, 40)), "at least 8 a side"),
        (np.ones((4, 30, 40)), r"expected \(y, x\)"),
        (np.ones(40), r"expected \(y, x\)"),
        (np.ones((20, 20)) * 1j, "take the intensity"),
        (np.full((20, 20), "a"), "expected real numbers"),
        (np.full((20, 20), np.nan), "expected most of them to be numbers"),
    ],
)
def test_what_is_no_image_says_so(image: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_picture(image)


def test_files_that_are_no_images_say_so(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(ValueError, match=r"neither Pillow nor rosettasciio|vendors' formats need"):
        as_picture(tmp_path / "notes.txt")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        as_picture(tmp_path / "absent.png")


def test_vendors_files_are_read(shared_data: Path) -> None:
    pytest.importorskip("rsciio")
    picture = as_picture(shared_data / "nbed" / "dd020.dm3")
    assert picture.shape == (256, 256)
    assert picture.attrs["unit"] == "pixel"  # this file says no scale


def test_standard_grey_levels_do_not_depend_on_gain_and_offset() -> None:
    standard = standardise(PLANE)
    assert standard.mean() == pytest.approx(0, abs=1e-4)
    assert standard.std() == pytest.approx(1, rel=1e-4)
    np.testing.assert_allclose(standardise(3.0 * PLANE + 700), standard, atol=1e-4)
    hot = PLANE.astype(float)
    hot[0, 0] = 1e9
    assert np.abs(standardise(hot)).max() < 10
