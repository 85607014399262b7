from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from polwidgets.analysis.benchmark.figures import COLORS, GAP, LINE, SIDE, class_maps, distributions, majority_map
from polwidgets.analysis.benchmark.run import Result


def result(direction: object, **record: object) -> Result:
    way = {"model": "m", "recipe": "study", "augmentation": "none", "filter": "none", "context": "pattern", "set": "1S"}
    classes = np.asarray(direction, np.int8)
    return Result({**way, **record}, classes, np.full_like(classes, 6))


def colors_of(path: Path) -> np.ndarray:
    """Colours of the panels' middles of the first set: truth, then the ways."""
    picture = np.array(Image.open(path).convert("RGB"))
    left = picture.shape[1] - (SIDE + GAP)
    rows = (picture.shape[0] - 2 * LINE) // (SIDE + GAP)
    return np.array([picture[LINE + row * (SIDE + GAP) + SIDE // 2, left + SIDE // 3] for row in range(rows)])


def test_majority_over_seeds() -> None:
    maps = [np.array([[1, 5, 7]]), np.array([[1, 4, 0]]), np.array([[2, 4, 3]])]
    np.testing.assert_array_equal(majority_map(maps), [[1, 4, 0]])


def test_maps_show_the_majority_and_the_truth(tmp_path: Path) -> None:
    many = [result(np.full((6, 6), value), seed=seed, set=name) for seed, value in enumerate((3, 3, 5)) for name in "ABCDEFG"]
    class_maps(many, tmp_path / "maps.png")
    hexadecimal = ["#" + bytes(color).hex() for color in colors_of(tmp_path / "maps.png")]
    assert hexadecimal == [COLORS[6], COLORS[3]]


def test_bars_are_as_high_as_the_share(tmp_path: Path) -> None:
    half = np.repeat([2, 4], 18).reshape(6, 6)
    distributions([result(half, set=name) for name in "ABCDEFG"], tmp_path / "shares.png")
    picture = np.array(Image.open(tmp_path / "shares.png").convert("RGB"))
    top = LINE + SIDE + GAP
    panel = picture[top : top + SIDE, picture.shape[1] - SIDE - GAP : picture.shape[1] - GAP]
    for index in (2, 4):
        color = np.frombuffer(bytes.fromhex(COLORS[index][1:]), np.uint8)
        column = panel[:, int((index + 0.5) * SIDE / 8)]
        assert abs((column == color).all(-1).mean() - 0.5) < 0.03
