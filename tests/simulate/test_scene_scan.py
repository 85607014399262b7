"""Scans of scenes: a polar wall's two sides are mirror images, and the cube is one like every other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import polwidgets as pw
from polwidgets.scenes.scene import Scene
from polwidgets.simulate.scene_scan import simulate_scene_scan

pytest.importorskip("abtem", reason="the extra 'sim' is not installed")

ROUGH = {"semiangle_mrad": 9.0, "sampling_A": 0.2, "detector_shape": (18, 21), "phonons": 0}


@pytest.fixture(scope="module")
def wall() -> Scene:
    part = pw.prefabs.build(
        "domain_wall",
        crystal="pbtio3",
        first_deg=0.0,
        second_deg=180.0,
        wall="upright",
        width_A=0.0,
        cells_down=2,
        cells_right=8,
        cells_deep=6,
    )
    scene: Scene = part.build(seed=0)
    return scene


def test_the_sides_of_a_wall_are_mirror_images(wall: Scene) -> None:
    cell = wall.box_A[1] / 8
    cube = simulate_scene_scan(wall, scan_shape=(2, 32), scan_step_A=(wall.box_A[0] / 2 / 2, cell / 4), **ROUGH)  # type: ignore[arg-type]
    pw.validate(cube)
    assert cube.shape == (2, 32, 18, 21)
    # walls are at a quarter and at three quarters: the first domain's middle is cell 0, the second's cell 4
    first, second = (cube[:, cells].mean(("scan_y", "scan_x")).values for cells in (slice(0, 4), slice(16, 20)))
    mirrored = np.linalg.norm(first - second[:, ::-1]) / np.linalg.norm(first - second)
    assert mirrored < 0.4


def test_counts_follow_the_dose_and_the_seed(wall: Scene) -> None:
    few = {**ROUGH, "scan_shape": (2, 3)}
    cube, again, other = (simulate_scene_scan(wall, seed=seed, dose=5000.0, **few) for seed in (1, 1, 2))  # type: ignore[arg-type]
    assert cube.dtype == np.uint16
    expected = 5000 * simulate_scene_scan(wall, **few).values  # type: ignore[arg-type]
    assert abs(cube.values.sum() - expected.sum()) < 4 * np.sqrt(expected.sum())
    np.testing.assert_array_equal(cube, again)
    assert not np.array_equal(cube, other)


def test_scans_that_cannot_be(make_scene: Callable[..., Scene]) -> None:
    for wrong in ({"scan_shape": (1, 3)}, {"scan_step_A": 0.0}, {"dose": 0.0}, {"phonons": -1}):
        with pytest.raises(ValueError, match="at least 2 x 2"):
            simulate_scene_scan(make_scene([(6, 1.0, 1.0, 1.0)], (9.0, 9.0, 3.0)), **wrong)  # type: ignore[arg-type]
