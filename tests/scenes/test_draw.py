"""Distributions and random scenes: what is drawn, from what, and that it can be drawn again."""

from __future__ import annotations

import json
import tomllib

import numpy as np
import pytest

import polwidgets as pw
from polwidgets.scenes.distributions import Always, Choice, LogUniform, Normal, Uniform, as_distribution
from polwidgets.scenes.draw import draw_prefab


def draws(distribution: object, count: int = 4000) -> list[object]:
    rng = np.random.default_rng(1)
    return [as_distribution(distribution).draw(rng) for _ in range(count)]


def test_plain_values_and_recipes_mean_distributions() -> None:
    recipe = tomllib.loads("""
        box_A = 90.0
        element = ["Au", "Pt"]
        diameter_A = [20.0, 60.0]
        twins = [0, 3]
        truncation = { distribution = "normal", mean = 0.3, deviation = 0.1, low = 0.0, high = 0.5 }
        shape = { distribution = "choice", values = ["wulff", "sphere"], weights = [3, 1] }
    """)
    assert as_distribution(recipe["box_A"]) == Always(90.0)
    assert as_distribution(recipe["element"]) == Choice(("Au", "Pt"))
    assert as_distribution(recipe["diameter_A"]) == Uniform(20.0, 60.0)
    assert as_distribution(recipe["truncation"]) == Normal(0.3, 0.1, 0.0, 0.5)
    assert as_distribution(recipe["shape"]) == Choice(("wulff", "sphere"), (3, 1))
    assert as_distribution([True, False]) == Choice((True, False))
    whole = draws(recipe["twins"])
    assert set(whole) == {0, 1, 2, 3}
    assert all(isinstance(value, int) for value in whole)


def test_draws_have_their_moments() -> None:
    uniform = np.array(draws(Uniform(2.0, 6.0)), float)
    np.testing.assert_allclose([uniform.min(), uniform.mean(), uniform.max()], [2, 4, 6], atol=0.1)
    np.testing.assert_allclose(np.median(np.array(draws(LogUniform(1.0, 100.0)), float)), 10, rtol=0.1)
    normal = np.array(draws(Normal(5.0, 2.0, 4.0, 9.0)), float)
    assert normal.min() >= 4
    assert normal.max() <= 9
    plain = np.array(draws(Normal(5.0, 2.0)), float)
    np.testing.assert_allclose([plain.mean(), plain.std()], [5, 2], atol=0.1)
    assert abs(np.mean([value == "a" for value in draws(Choice(("a", "b"), (3.0, 1.0)))]) - 0.75) < 0.03


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ([6.0, 2.0], "low to be at most high"),
        ({"distribution": "gamma"}, "expected one of uniform"),
        ({"low": 1, "high": 2}, "under the key 'distribution'"),
        ({"distribution": "uniform", "low": 1, "up": 2}, "has no up; it has low, high"),
        ([], "at least one value"),
        ({"distribution": "choice", "values": [1, 2], "weights": [1]}, "expected one each"),
        ({"distribution": "log_uniform", "low": 0.0, "high": 2.0}, "more than 0"),
        ({"distribution": "normal", "mean": 3, "deviation": 1, "low": 4}, "mean between low and high"),
    ],
)
def test_what_is_no_distribution(value: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        as_distribution(value)


def test_a_scene_depends_on_seed_and_index_alone() -> None:
    several = list(pw.draw_scenes("truncated", 4, seed=5, diameter_A=(15.0, 25.0)))
    (third,) = pw.draw_scenes("truncated", 1, seed=5, first=2, diameter_A=(15.0, 25.0))
    np.testing.assert_array_equal(several[2].positions_A, third.positions_A)
    assert third.provenance == several[2].provenance
    assert len({scene.provenance for scene in several}) == 4


def test_provenance_makes_the_scene_again() -> None:
    (scene,) = pw.draw_scenes("nanoparticle_on_substrate", 1, seed=1, diameter_A=18.0, box_A=45.0, shape=["twin", "mixed_defects"])
    values = json.loads(scene.provenance)
    assert values["diameter_A"] == 18.0
    assert values["shape"] in {"twin", "mixed_defects"}
    seed = values.pop("seed")
    again = pw.prefabs.from_json(json.dumps(values)).build(seed=seed)
    np.testing.assert_array_equal(again.positions_A, scene.positions_A)
    np.testing.assert_array_equal(again.grains, scene.grains)
    prefab, drawn_seed = draw_prefab("nanoparticle_on_substrate", seed=1, diameter_A=18.0, box_A=45.0, shape=["twin", "mixed_defects"])
    assert (prefab, drawn_seed) == (pw.prefabs.from_json(json.dumps(values)), seed)


def test_a_misspelt_range_is_an_error() -> None:
    with pytest.raises(TypeError, match="check the spelling"):
        next(pw.draw_scenes("wulff", 1, seed=1, diametre_A=(1, 2)))
    with pytest.raises(KeyError, match="did you mean 'icosahedron'"):
        next(pw.draw_scenes("icosaedron", 1, seed=1))
