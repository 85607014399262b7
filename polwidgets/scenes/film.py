"""Films of a crystal of the registry: cells side by side, every atom knowing its cell."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from polwidgets.crystal.base import Crystal
from polwidgets.scenes.matter import Array, Integers
from polwidgets.scenes.scene import Scene


class Film(NamedTuple):
    """A scene of whole cells: which cell (atom, 3) and which site of it (atom,) every atom is."""

    scene: Scene
    cells: Integers
    sites: Integers


def film(
    part: Crystal, repeat: tuple[int, int, int], *, cell_A: tuple[float, float, float] | None = None, vacuum_A: float = 0.0, seed: int
) -> Film:
    """Cells along (down, right, beam), with one atom or none on every site; it repeats across the beam.

    Parameters
    ----------
    part : Crystal
        The cell; who sits on sites that elements share is drawn by `seed`.
    cell_A : (float, float, float), optional
        Other edges for the same fractions, as a domain has that its neighbours clamp.
    vacuum_A : float
        Empty space before and behind the film.
    """
    from ase.data import atomic_numbers

    if min(repeat) < 1:
        raise ValueError(f"repeat is {repeat}, expected at least one cell along (down, right, beam)")
    edges = np.array(part.cell_A if cell_A is None else cell_A)
    rng = np.random.default_rng(seed)
    corners = np.stack(np.meshgrid(*(np.arange(count) for count in repeat), indexing="ij"), -1).reshape(-1, 3)
    rows: list[tuple[Integers, Array, Integers, Array, Integers]] = []
    places: dict[tuple[float, float, float], list[int]] = {}
    for index, site in enumerate(part.sites):
        places.setdefault((site.down, site.right, site.beam), []).append(index)
    for place, sharers in places.items():
        limits = np.cumsum([part.sites[index].occupancy for index in sharers])
        drawn = np.searchsorted(limits, rng.random(len(corners)), side="right")
        for order, index in enumerate(sharers):
            here = corners[drawn == order]
            site = part.sites[index]
            count = len(here)
            rows.append(
                (
                    np.full(count, atomic_numbers[site.element]),
                    (here + np.array(place)) * edges,
                    here,
                    np.full(count, site.debye_waller_A2),
                    np.full(count, index),
                )
            )
    numbers, positions, cells, factors, sites = (np.concatenate(column) for column in zip(*rows, strict=True))
    box = edges * repeat
    blank = np.zeros(len(numbers), np.int64)
    scene = Scene(
        numbers=numbers.astype(np.int64),
        positions_A=positions + np.array([0.0, 0.0, vacuum_A]),
        box_A=(float(box[0]), float(box[1]), float(box[2] + 2 * vacuum_A)),
        periodic=(True, True, False),
        objects=blank,
        names=("film",),
        phases=blank,
        phase_names=(type(part).__name__,),
        grains=blank,
        debye_waller_A2=factors,
    )
    return Film(scene, cells.astype(np.int64), sites.astype(np.int64))
