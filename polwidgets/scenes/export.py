"""Scenes as files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from polwidgets.scenes.scene import Scene

_FORMATS: Final = {".xyz": "extxyz", ".cif": "cif"}


def save_scene(scene: Scene, path: str | Path) -> Path:
    """Write a scene for other programs.

    Parameters
    ----------
    path : str or Path
        ``.xyz`` writes extended xyz, with the box and every label in columns; ``.cif`` elements and positions only, its
        cell always periodic. abTEM takes `Scene.to_ase` as it is.

    Returns
    -------
    Path
        The file, written aside and then renamed.
    """
    from ase.io import write

    path = Path(path)
    if path.suffix not in _FORMATS:
        raise ValueError(f"{path.name} ends in {path.suffix!r}, expected one of {', '.join(_FORMATS)}")
    aside = path.with_name(f".{path.name}.{os.getpid()}{path.suffix}")
    write(aside, scene.to_ase(), format=_FORMATS[path.suffix])
    return aside.rename(path)
