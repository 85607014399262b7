"""Crystals as `ase.Atoms`, for programs that want every atom."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from polwidgets.crystal.base import Crystal, Site

if TYPE_CHECKING:
    from ase import Atoms


def to_ase(crystal: Crystal, *, repeat: tuple[int, int, int] = (1, 1, 1), seed: int = 0) -> Atoms:
    """A supercell with one atom, or none, on every site.

    Parameters
    ----------
    crystal : Crystal
        The cell; sites at the same place share it by their occupancies, the rest is vacant.
    repeat : (int, int, int)
        Cells along (down, right, beam).
    seed : int
        Draws who sits on shared sites.

    Returns
    -------
    ase.Atoms
        Positions (down, right, beam) in angstrom, periodic; the array ``debye_waller_A2`` holds every atom's B factor.
    """
    from ase import Atoms

    if min(repeat) < 1:
        raise ValueError(f"repeat is {repeat}, expected three whole numbers of at least 1 along (down, right, beam)")
    rng = np.random.default_rng(seed)
    cells = np.stack(np.meshgrid(*(np.arange(n) for n in repeat), indexing="ij"), -1).reshape(-1, 3)
    positions, symbols, factors = [], [], []
    for place, sharers in _places(crystal).items():
        occupancy = np.array([site.occupancy for site in sharers])
        if occupancy.sum() > 1 + 1e-9:
            raise ValueError(f"occupancies at {place} add up to {occupancy.sum():.3g}, expected at most 1")
        drawn = np.searchsorted(np.cumsum(occupancy), rng.random(len(cells)), side="right")
        for index, site in enumerate(sharers):
            here = cells[drawn == index]
            positions.append((here + np.array(place)) * np.array(crystal.cell_A))
            symbols += [site.element] * len(here)
            factors += [site.debye_waller_A2] * len(here)
    atoms = Atoms(symbols, positions=np.concatenate(positions), cell=np.array(crystal.cell_A) * np.array(repeat), pbc=True)
    atoms.arrays["debye_waller_A2"] = np.array(factors)
    return atoms


def frozen_phonons(atoms: Atoms, *, seed: int) -> Atoms:
    """The atoms caught in thermal motion: each moved at random by its own Debye-Waller factor, independently (Einstein).

    Parameters
    ----------
    atoms : ase.Atoms
        With the array ``debye_waller_A2``, as `to_ase` makes them; not changed.
    """
    moved = atoms.copy()
    deviation = np.sqrt(atoms.arrays["debye_waller_A2"] / (8 * np.pi**2))
    moved.positions += np.random.default_rng(seed).normal(size=atoms.positions.shape) * deviation[:, None]
    moved.wrap()
    return moved


def _places(crystal: Crystal) -> dict[tuple[float, float, float], list[Site]]:
    places = defaultdict(list)
    for site in crystal.sites:
        places[site.down, site.right, site.beam].append(site)
    return places
