"""The app without a browser: what it opens, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import polwidgets as pw
from polwidgets.app import SCENE, App, _folders
from polwidgets.widgets.open_files import Folders, Recent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    for name in ("inner/scan.zarr", "inner/other.zarr", "secret.zarr"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        cube = pw.make_cube(rng.poisson(9.0, (4, 5, 8, 9)).astype(np.float32), scan_step_A=0.4, k_step=0.1)
        pw.save_cube(cube, tmp_path / name)
    return tmp_path


@pytest.fixture
def app(folder: Path) -> App:
    return App(Folders([folder / "inner"]), "scan.zarr", recent=Recent(folder / "state" / "recent.json"))


def test_another_scan_takes_the_place_of_the_first(app: App, folder: Path) -> None:
    app.open("other.zarr")
    assert app.explorer is not None
    assert app.explorer.path == (folder / "inner" / "other.zarr").resolve()
    assert [path.name for path in app.recent.read()] == ["other.zarr", "scan.zarr"]
    assert app._trouble.value == ""


@pytest.mark.parametrize("name", ["../secret.zarr", "/etc/passwd", "nothing.zarr"])
def test_what_may_not_be_opened_is_said_and_the_scan_stays(app: App, name: str) -> None:
    before = app.explorer
    app.open(name)
    assert app.explorer is before
    assert "outside of what this app may open" in app._trouble.value or "there is no file" in app._trouble.value
    assert [path.name for path in app.recent.read()] == ["scan.zarr"]


def test_a_map_of_another_scan_is_said(app: App, folder: Path) -> None:
    (folder / "inner" / "broken.zarr").mkdir()
    app.open("scan.zarr", "broken.zarr")
    assert app._trouble.value


def test_a_folder_is_one_to_choose_from(folder: Path) -> None:
    folders, start = _folders(folder / "inner", None)
    assert start is None
    assert [path.name for path in folders.files()] == ["other.zarr", "scan.zarr"]
    folders, start = _folders(folder / "inner" / "scan.zarr", folder / "secret.zarr")
    assert start == folder / "inner" / "scan.zarr"
    assert folders.roots == ((folder / "inner").resolve(), folder.resolve())


def test_an_image_is_shown_with_its_particles_and_no_other_file_is_read(app: App, folder: Path) -> None:
    shade = np.full((40, 56), 200, np.uint8)
    shade[10:30, 8:24] = 60
    for name in ("inner/image.png", "secret.png"):
        Image.fromarray(shade).save(folder / name)
    assert folder / "inner" / "image.png" in app.folders.files()
    app.open("image.png")
    explorer = app.explorer
    assert isinstance(explorer, pw.SegmentationExplorer)
    explorer.worker.wait()
    assert explorer.segmentation is not None
    assert explorer.segmentation["image"].shape == (40, 56)
    assert app.recent.read()[0].name == "image.png"
    explorer.open("../secret.png")
    explorer.worker.wait()
    assert "outside of what this app may open" in explorer.worker._trouble.value


def test_a_scene_can_be_built(app: App) -> None:
    before = app.recent.read()
    app.open(SCENE)
    assert isinstance(app.explorer, pw.SceneBuilder)
    assert app.recent.read() == before
    app.explorer.worker.wait()
