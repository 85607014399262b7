"""Sets of labelled images: reproducible image by image, resumable, and readable by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import polwidgets as pw
from polwidgets.cli import main
from polwidgets.datasets.hrtem import plan, scene_images
from polwidgets.datasets.recipe import Recipe, read_recipe, recipe_names
from polwidgets.datasets.store import open_dataset, recipe_of, unfinished
from polwidgets.scenes.draw import draw_scenes

SMALL = {
    "scene.box_A": 40.0, "scene.diameter_A": [12.0, 20.0], "scene.substrate_A": 4.0, "image.pixels": 48, "image.pixel_A": 0.4,
    "image.conditions_a_scene": 3, "conditions.aperture_mrad": 20.0,
}  # fmt: skip


@pytest.fixture
def small() -> Recipe:
    return read_recipe("au_on_carbon", SMALL)


def test_images_come_with_masks_and_conditions(tmp_path: Path, small: Recipe) -> None:
    made = pw.make_dataset(small, tmp_path / "data.zarr", n=7, seed=3)
    assert dict(made.sizes) == {"sample": 7, "y": 48, "x": 48}
    assert (made["image"].dtype, made["mask"].dtype) == (np.float32, np.uint8)
    assert made["scene"].values.tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert set(np.unique(made["mask"])) == {0, 1}
    assert float(made["image"].mean()) == pytest.approx(1, abs=0.1)
    assert len(set(made["defocus_A"].values.tolist())) == 7
    np.testing.assert_allclose(made["pixel_A"], 0.4)
    assert recipe_of(made) == small
    np.testing.assert_array_equal(made["mask"][0], made["mask"][2])
    xr.testing.assert_identical(made, pw.open_dataset(tmp_path / "data.zarr"))


def test_each_scene_can_be_made_again_by_itself(tmp_path: Path, small: Recipe) -> None:
    made = pw.make_dataset(small, tmp_path / "data.zarr", n=7, seed=3)
    again = scene_images(small, seed=3, index=1)
    for name in ("image", "mask", "dose_per_A2"):
        np.testing.assert_array_equal(made[name][3:6], again[name])
    shorter = pw.make_dataset(small, tmp_path / "shorter.zarr", n=4, seed=3)
    np.testing.assert_array_equal(made["image"][:4], shorter["image"])
    other = pw.make_dataset(small, tmp_path / "other.zarr", n=2, seed=4)
    assert not np.array_equal(other["image"], made["image"][:2])


def test_a_mask_is_where_its_particle_is(small: Recipe) -> None:
    """The image's place in the box is drawn: the particle's middle must follow."""
    drawn = scene_images(small, seed=3, index=0)
    scene = next(draw_scenes("nanoparticle_on_substrate", 1, seed=3, **{key: small.scene[key] for key in small.scene if key != "prefab"}))
    pixel_A = float(drawn["pixel_A"][0])
    room = 100 - 48 + 1
    corner = np.array([int(part * room) for part in plan(small, seed=3, index=0).corner])
    places = scene.positions_A[scene.of_object("particle"), :2] / pixel_A - corner
    inside = places[((places > 1) & (places < 46)).all(1)].round().astype(int)
    assert len(inside) > 10
    assert drawn["mask"][0].values[tuple(inside.T)].all()


def test_an_interrupted_set_goes_on(tmp_path: Path, small: Recipe) -> None:
    path = tmp_path / "data.zarr"

    def impatient(_: str, fraction: float) -> None:
        if fraction > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pw.make_dataset(small, path, n=9, seed=1, progress=impatient)
    assert not path.exists()
    with pytest.raises(FileNotFoundError, match="unfinished"):
        open_dataset(path)
    with pytest.raises(FileExistsError, match="another seed"):
        pw.make_dataset(small, path, n=9, seed=2)
    told: list[float] = []
    whole = pw.make_dataset(small, path, n=9, seed=1, progress=lambda _, fraction: told.append(fraction))
    assert told[0] >= 1 / 3
    assert told[-1] == pytest.approx(1)
    assert not unfinished(path).exists()
    straight = pw.make_dataset(small, tmp_path / "straight.zarr", n=9, seed=1)
    np.testing.assert_array_equal(whole["image"], straight["image"])
    with pytest.raises(FileExistsError, match="overwrite"):
        pw.make_dataset(small, path, n=9, seed=1)
    assert pw.make_dataset(small, path, n=1, seed=1, overwrite=True).sizes["sample"] == 1


@pytest.mark.parametrize("fidelity", ["single slice", "phonons"])
def test_fidelities_share_structures_and_conditions(fidelity: str) -> None:
    rough, plain = (
        scene_images(
            read_recipe("au_on_carbon", {**SMALL, "wave.fidelity": kind, "wave.configurations": 2, "conditions.dose_per_A2": 0.0}),
            seed=0,
            index=2,
        )
        for kind in (fidelity, "multislice")
    )
    np.testing.assert_array_equal(rough["mask"], plain["mask"])
    np.testing.assert_array_equal(rough["defocus_A"], plain["defocus_A"])
    correlation = np.corrcoef(rough["image"].values.ravel(), plain["image"].values.ravel())[0, 1]
    assert 0.5 < correlation < 0.9999


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_can_be_drawn(name: str) -> None:
    recipe = read_recipe(name)
    first = plan(recipe, seed=0, index=0)
    assert len(first.conditions) == recipe.image["conditions_a_scene"]
    assert first == plan(recipe, seed=0, index=0)
    assert first != plan(recipe, seed=0, index=1)
    few = read_recipe(name, {"image.conditions_a_scene": 2})
    assert plan(few, seed=0, index=0).conditions == first.conditions[:2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"conditions.defocus": 3.0}, "did you mean 'defocus_A'"),
        ({"scene.diametre_A": 3.0}, "did you mean 'diameter_A'"),
        ({"pixels": 3}, "a recipe has no 'pixels'"),
        ({"image.pixels": 0}, "whole number"),
        ({"wave.fidelity": "best"}, "'single slice', 'multislice', 'phonons'"),
        ({"conditions.defocus_A": [3.0, 1.0]}, r"defocus_A in \[conditions\]"),
        ({"conditions.defocus_A": {"distribution": "gamma"}}, "kind 'gamma'"),
        ({"objects": []}, "objects"),
        ({"scene": {}}, "no prefab"),
        ({"objects.pixels": 3}, "no table"),
    ],
)
def test_misspelt_recipes(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_recipe("au_on_carbon", changes)


def test_recipes_that_are_no_recipes(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="au_on_carbon"):
        read_recipe("gold")
    (tmp_path / "mine.toml").write_text("[scene\n")
    with pytest.raises(ValueError, match="not TOML"):
        read_recipe(tmp_path / "mine.toml")
    (tmp_path / "mine.toml").write_text('[scene]\nprefab = "nanoparticle_on_substrate"\n')
    assert read_recipe(tmp_path / "mine.toml").image["pixels"] == 256


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scene.box_A": 40.0, "image.pixels": 200}, "the box of 40"),
        ({"conditions.aperture_mrad": 60.0}, "the aperture of 60 mrad"),
        ({"objects": ["rod"]}, "made no object rod"),
        ({"conditions.mtf_at_nyquist": 1.5}, "at most 1"),
    ],
)
def test_sets_that_cannot_be_made(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pw.make_dataset("au_on_carbon", tmp_path / "data.zarr", n=1, changes={**SMALL, **change})
    assert not (tmp_path / "data.zarr").exists()


def test_folders_that_are_no_sets(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no"):
        open_dataset(tmp_path / "nothing.zarr")
    xr.Dataset({"image": ("sample", np.zeros(3))}).to_zarr(tmp_path / "other.zarr", consolidated=False)
    with pytest.raises(ValueError, match="lacks"):
        open_dataset(tmp_path / "other.zarr")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(ValueError, match="not a readable zarr"):
        open_dataset(tmp_path / "empty.zarr")
    for path, n, message in (("data.zip", 1, "a folder .zarr"), ("data.zarr", 0, "at least one image")):
        with pytest.raises(ValueError, match=message):
            pw.make_dataset("au_on_carbon", tmp_path / path, n=n)


def command(path: Path, *more: str) -> list[str]:
    small = [f"{key}={value}" for key, value in SMALL.items()]
    return ["dataset", "hrtem", "--recipe", "au_on_carbon", "--n", "2", "-o", str(path), "--quiet", "--set", *small, *more]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "data.zarr"
    assert main(command(path, "wave.fidelity=single slice")) == 0
    assert "2 images of 1 structures, 48 x 48" in capsys.readouterr().err
    assert recipe_of(open_dataset(path)).wave["fidelity"] == "single slice"
    assert main(command(path)) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main(command(tmp_path / "other.zarr", "conditions.deofcus_A=3")) == 2
    assert "defocus_A" in capsys.readouterr().err


def test_an_interrupted_command_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> Callable[..., None]:
        raise KeyboardInterrupt

    monkeypatch.setattr("polwidgets.datasets.make.scene_images", interrupt)
    assert main(command(tmp_path / "data.zarr")) == 130
    assert "run the same command again" in capsys.readouterr().err
