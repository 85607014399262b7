"""Random scenes: parameters drawn from distributions, every scene reproducible by itself."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from polwidgets.scenes.base import Prefab, prefabs
from polwidgets.scenes.distributions import as_distribution
from polwidgets.scenes.scene import Scene


def draw_scenes(name: str, n: int, *, seed: int, first: int = 0, **ranges: Any) -> Iterator[Scene]:
    """Random scenes of one prefab, one after another.

    Parameters
    ----------
    name : str
        The prefab; ``pw.prefabs.names()`` lists them.
    n : int
        How many.
    seed : int
        Scene `i` depends on (seed, i) alone: ``first=i, n=1`` makes it again without the others.
    first : int
        Index of the first scene.
    **ranges
        What parameters are drawn from, in place of the prefab's own ``drawn``: whatever
        `polwidgets.scenes.distributions.as_distribution` reads, as ``diameter_A=(20.0, 60.0)``, ``element=["Au", "Pt"]``.

    Yields
    ------
    Scene
        With its `provenance`: the prefab's name and parameters and the seed of its build.

    Raises
    ------
    TypeError
        The prefab has no parameter of that name.
    """
    for index in range(first, first + n):
        prefab, build_seed = draw_prefab(name, seed=seed, index=index, **ranges)
        provenance = json.dumps({**json.loads(prefabs.to_json(prefab)), "seed": build_seed})
        yield dataclasses.replace(prefab.build(seed=build_seed), provenance=provenance)


def draw_prefab(name: str, *, seed: int, index: int = 0, **ranges: Any) -> tuple[Prefab, int]:
    """The prefab with parameters drawn as for scene `index` of `draw_scenes`, and the seed to build it with."""
    distributions = {**prefabs[name].drawn, **{key: as_distribution(value) for key, value in ranges.items()}}
    rng = np.random.default_rng((seed, index))
    # in alphabetical order, so that the order in which a recipe names them changes nothing
    values = {key: distributions[key].draw(rng) for key in sorted(distributions)}
    return prefabs.build(name, **values), int(rng.integers(2**31))
