"""Polar domains and their walls in a film of a perovskite."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Final

import numpy as np

from polwidgets.crystal.base import crystals, displaced
from polwidgets.crystal.perovskite import Perovskite
from polwidgets.directions import ANGLES_DEG, direction_to_vector
from polwidgets.registry import parameter
from polwidgets.scenes.base import prefabs
from polwidgets.scenes.distributions import Choice, Distribution, Uniform
from polwidgets.scenes.film import film
from polwidgets.scenes.matter import Array
from polwidgets.scenes.scene import Scene

PEROVSKITES: Final = ("batio3", "knbo3", "knn", "pbtio3", "srtio3")
_NORMALS: Final = {"across": (1, 0), "upright": (0, 1), "diagonal": (1, 1)}


@prefabs.register("domain_wall")
@dataclasses.dataclass(frozen=True)
class DomainWall:
    """A film of cells with two polar domains, a stripe of the second in the first, or of one domain alone.

    The displacement turns from one domain to the other as tanh across each wall; both share the mean of their cells. The
    domain is an atom's grain, 0 or 1. Two walls, a quarter and three quarters of the way across, make the scene periodic.
    """

    drawn: ClassVar[dict[str, Distribution]] = {
        "crystal": Choice(("batio3", "knbo3", "knn", "pbtio3")),
        "first_deg": Choice(ANGLES_DEG),
        "second_deg": Choice(ANGLES_DEG),
        "wall": Choice(tuple(_NORMALS)),
        "width_A": Uniform(2.0, 10.0),
        "cells_deep": Uniform(5, 50),
    }

    crystal: str = parameter("knn", "perovskite of the film", choices=PEROVSKITES)
    first_deg: float = parameter(0.0, "polarization of the first domain", min=0.0, max=360.0, step=1.0, unit="degree")
    second_deg: float = parameter(180.0, "polarization of the second domain", min=0.0, max=360.0, step=1.0, unit="degree")
    wall: str = parameter("upright", "walls along the right (across), along down (upright), or between (diagonal)", choices=tuple(_NORMALS))
    width_A: float = parameter(5.0, "half width of a wall; 0 is abrupt", min=0.0, max=50.0, step=0.5, unit="angstrom")
    cells_down: int = parameter(16, "cells along down", min=2, max=60, step=1)
    cells_right: int = parameter(16, "cells along the right", min=2, max=60, step=1)
    cells_deep: int = parameter(10, "cells along the beam", min=1, max=200, step=1)
    vacuum_A: float = parameter(0.0, "empty space before and behind the film", min=0.0, max=50.0, step=0.5, unit="angstrom")

    def build(self, *, seed: int) -> Scene:
        """The scene; the seed draws who sits on shared sites.

        Raises
        ------
        ValueError
            Diagonal walls in a film that is not square: they would not meet at the edges.
        """
        if self.wall == "diagonal" and self.cells_down != self.cells_right:
            raise ValueError(f"diagonal walls repeat in a square film only, not in {self.cells_down} x {self.cells_right} cells")
        part = crystals.build(self.crystal)
        domains = [displaced(part, direction_deg=angle) for angle in (self.first_deg, self.second_deg)]
        edges = np.mean([domain.cell_A for domain in domains], axis=0)
        if self.wall == "diagonal":
            edges[:2] = edges[:2].mean()
        still = displaced(part, displacement_A=0.0)
        repeat = (self.cells_down, self.cells_right, self.cells_deep)
        cell = (float(edges[0]), float(edges[1]), float(edges[2]))
        scene, _, sites = film(still, repeat, cell_A=cell, vacuum_A=self.vacuum_A, seed=seed)
        share = self._share_of_second(scene)
        moves = [_moves(domain)[sites] for domain in domains]
        positions = scene.positions_A + (1 - share)[:, None] * moves[0] + share[:, None] * moves[1]
        grains = (share > 0.5).astype(np.int64)
        return dataclasses.replace(scene.at(positions), names=("film",), phase_names=(self.crystal,), grains=grains)

    def _share_of_second(self, scene: Scene) -> Array:
        """How far every atom belongs to the second domain, 0 to 1 (atom,)."""
        down, right = _NORMALS[self.wall]
        edges = np.array(scene.box_A[:2])
        # 0 to 1 across the film, as often as the scene repeats
        place = (scene.positions_A[:, :2] / edges @ [down, right]) % 1.0
        period = 1 / np.hypot(*(np.array([down, right]) / edges))
        depth = (0.25 - abs(place - 0.5)) * period  # of an atom inside the second domain
        if self.width_A == 0:
            return np.asarray(depth > 0, float)
        return np.asarray((1 + np.tanh(depth / self.width_A)) / 2)


def _moves(part: object) -> Array:
    """Displacement of every site from the cubic one, angstrom (site, 3)."""
    if not isinstance(part, Perovskite):
        raise TypeError(f"{type(part).__name__} is no perovskite; its polar displacement is not known")
    down, right = direction_to_vector(part.direction_deg) * part.displacement_A
    a_site, _, _ = part.composition
    shares = [part.a_site_share] * len(a_site)
    shares += [part.cation_share] * (len(part.sites) - len(a_site) - 3) + [part.cation_share - 1] * 3
    return np.array([(share * down, share * right, 0.0) for share in shares])
