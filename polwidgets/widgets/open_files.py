"""Which files an app may open, and which were opened lately."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ENDINGS: Final = (
    ".zarr", ".zarr.zip", ".npz", ".npy", ".h5", ".hdf5", ".emd", ".hspy", ".mib", ".blo", ".raw", ".xml", ".tvips", ".dm3", ".dm4", ".nxs",
)  # fmt: skip
IMAGES: Final = (".png", ".tif", ".tiff", ".jpg", ".jpeg")
DEEPEST: Final = 3
MOST: Final = 200
KEPT: Final = 10


class Folders:
    """The folders that files may be opened from, with all that is in them.

    Parameters
    ----------
    roots : sequence of path
    """

    def __init__(self, roots: Sequence[str | Path]) -> None:
        self.roots = tuple(dict.fromkeys(Path(root).resolve() for root in roots))

    def allowed(self, name: str | Path) -> Path:
        """The path, where it lies in one of the folders once links and ``..`` are followed; relative ones start at the first."""
        path = (self.roots[0] / Path(name).expanduser()).resolve()
        if not any(path.is_relative_to(root) for root in self.roots):
            folders = ", ".join(map(str, self.roots))
            raise ValueError(f"{name} lies outside of what this app may open ({folders}); start it with that file or folder")
        if not path.exists():
            raise FileNotFoundError(f"there is no file {path}; check the name")
        return path

    def files(self) -> list[Path]:
        """What looks like a scan or an image in the folders, a few levels deep."""
        found: list[Path] = []
        for root in self.roots:
            for folder, folders, names in os.walk(root):
                here = Path(folder)
                scans = [name for name in (*folders, *names) if name.lower().endswith(ENDINGS + IMAGES) and ".map." not in name]
                found += [here / name for name in sorted(scans)]
                deep = len(here.relative_to(root).parts) >= DEEPEST
                inside = [name for name in sorted(folders) if name not in scans and not name.startswith(".")]
                folders[:] = [] if deep or len(found) >= MOST else inside
        return list(dict.fromkeys(found))[:MOST]


class Recent:
    """Paths opened lately, in a file in the user's state folder; where that cannot be read or written, nothing is remembered."""

    def __init__(self, path: Path | None = None) -> None:
        folder = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        self.path = folder / "polwidgets" / "recent.json" if path is None else path

    def read(self) -> list[Path]:
        """Latest first."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            return [Path(name) for name in json.loads(self.path.read_text(encoding="utf-8"))][:KEPT]
        return []

    def add(self, path: Path) -> None:
        """Remember a path."""
        names = [str(path), *(str(other) for other in self.read() if other != path)][:KEPT]
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            aside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
            aside.write_text(json.dumps(names), encoding="utf-8")
            aside.replace(self.path)
