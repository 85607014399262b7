"""Decahedra and icosahedra: sectors of slightly strained fcc that meet in twin planes."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from polwidgets.scenes.matter import Array, Integers


class Sites(NamedTuple):
    """Places (atom, 3) in units of the nearest-neighbour distance, and the sector (atom,) that each belongs to."""

    places: Array
    sectors: Integers


def icosahedron_sites(shells: int) -> Sites:
    """Mackay's icosahedron with so many shells about the central atom (Acta Cryst. 15 (1962) 916).

    Twenty tetrahedra meet at the centre; the distance of neighbours within a shell is 1, between shells 0.951.
    """
    golden = (1 + 5**0.5) / 2
    corners = np.array([np.roll([0, first, second * golden], turn) for turn in range(3) for first in (1, -1) for second in (1, -1)]) / 2
    triples = [
        triple
        for triple in itertools.combinations(range(12), 3)
        if all(abs(np.linalg.norm(corners[a] - corners[b]) - 1) < 1e-9 for a, b in itertools.combinations(triple, 2))
    ]
    steps = np.array([(i, j, k) for i, j, k in itertools.product(range(shells + 1), repeat=3) if i + j + k <= shells])
    return _unique([steps @ corners[list(triple)] for triple in triples])


def decahedron_sites(edge: int, length: int, notch: int) -> Sites:
    """Marks' decahedron: five sectors about an axis along the beam (Phil. Mag. A 49 (1984) 81).

    Parameters
    ----------
    edge : int
        Shells of atoms about the axis.
    length : int
        Atoms along the axis; the end faces are {111}.
    notch : int
        Columns taken from each of the five edges: the re-entrant faces of Marks; 0 for Ino's flat sides.
    """
    angles = 2 * np.pi * np.arange(5) / 5
    # the projected nearest neighbour of fcc along [110] is sqrt(3)/2 away, and every shell is half a distance higher
    radial = np.sqrt(3) / 2 * np.stack([np.cos(angles), np.sin(angles)], -1)
    sectors = []
    for sector in range(5):
        places = [
            (*(i * radial[sector] + j * radial[(sector + 1) % 5]), height)
            for i, j in itertools.product(range(edge + 1), repeat=2)
            if i + j <= edge and max(i, j) <= edge - notch
            for height in np.arange(max(length - i - j, 0)) - (length - i - j - 1) / 2
        ]
        sectors.append(np.array(places).reshape(-1, 3))
    return _unique(sectors)


def _unique(sectors: list[Array]) -> Sites:
    """All places once; atoms of a shared plane belong to the first sector."""
    places = np.concatenate(sectors)
    numbers = np.repeat(np.arange(len(sectors)), [len(sector) for sector in sectors])
    _, first = np.unique(places.round(6) + 0.0, axis=0, return_index=True)
    first.sort()
    return Sites(places[first], numbers[first].astype(np.int64))
