from __future__ import annotations

import os

import pytest

from polwidgets.widgets.open_files import Folders, Recent


@pytest.fixture
def folder(tmp_path):
    for name in (
        "inner/scan.zarr",
        "inner/deep/other.npz",
        "secret.zarr",
        "inner/.hidden/no.zarr",
        "inner/wall.map.zarr",
        "inner/notes.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith(".zarr") else path.touch()
    return tmp_path


def test_only_what_lies_inside_may_be_opened(folder):
    folders = Folders([folder / "inner"])
    assert folders.allowed("scan.zarr") == (folder / "inner" / "scan.zarr").resolve()
    assert folders.allowed(str(folder / "inner" / "deep" / "other.npz")).name == "other.npz"
    for outside in ("../secret.zarr", "/etc/passwd", str(folder / "secret.zarr"), "deep/../../secret.zarr", "~", "../inner2"):
        with pytest.raises(ValueError, match="outside of what this app may open"):
            folders.allowed(outside)
    with pytest.raises(FileNotFoundError, match="check the name"):
        folders.allowed("nothing.zarr")


def test_a_link_leads_nowhere_else(folder):
    (folder / "inner" / "link.zarr").symlink_to(folder / "secret.zarr")
    with pytest.raises(ValueError, match="outside"):
        Folders([folder / "inner"]).allowed("link.zarr")


def test_scans_are_listed_and_nothing_else(folder):
    names = [path.relative_to(folder / "inner").as_posix() for path in Folders([folder / "inner"]).files()]
    assert names == ["scan.zarr", "deep/other.npz"]


def test_recent_files_latest_first(folder):
    recent = Recent(folder / "state" / "recent.json")
    for name in ("a", "b", "a"):
        recent.add(folder / name)
    assert recent.read() == [folder / "a", folder / "b"]


def test_what_cannot_be_remembered_does_no_harm(folder):
    (folder / "file").touch()
    recent = Recent(folder / "file" / "recent.json")
    recent.add(folder / "a")
    assert recent.read() == []
    (folder / "broken.json").write_text("{")
    assert Recent(folder / "broken.json").read() == []


def test_the_users_state_folder_is_used(monkeypatch, tmp_path):
    monkeypatch.setitem(os.environ, "XDG_STATE_HOME", str(tmp_path))
    assert Recent().path == tmp_path / "polwidgets" / "recent.json"
