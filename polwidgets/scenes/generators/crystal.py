"""Atoms on a lattice, in any orientation."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike

from polwidgets.crystal.base import Crystal
from polwidgets.scenes.generators.base import Generator
from polwidgets.scenes.matter import Array, Matter, from_ase, make_matter
from polwidgets.scenes.transforms import Affine

if TYPE_CHECKING:
    from ase import Atoms


@dataclasses.dataclass(frozen=True, eq=False)
class CrystalGenerator(Generator):
    """A crystal that fills space.

    Attributes
    ----------
    cell_A : float array (3, 3)
        Rows a, b, c of the cell as it lies in space, angstrom, along (down, right, beam).
    motif : Matter
        The atoms of one cell as they lie in space.
    """

    cell_A: Array
    motif: Matter

    def __post_init__(self) -> None:
        if np.shape(self.cell_A) != (3, 3) or abs(np.linalg.det(self.cell_A)) < 1e-6:
            raise ValueError(f"the cell {np.asarray(self.cell_A).tolist()} encloses no volume; expected three rows a, b, c in angstrom")
        if not len(self.motif):
            raise ValueError("the cell holds no atoms; give at least one")

    @property
    def density_per_A3(self) -> float:
        """Atoms in a cubic angstrom."""
        return len(self.motif) / abs(float(np.linalg.det(self.cell_A)))

    def supply(self, bounds_A: Array, *, seed: int = 0) -> Matter:  # noqa: ARG002
        """Every atom in the box."""
        to_cell = np.linalg.inv(self.cell_A)
        corners = np.array(list(itertools.product(*bounds_A.T))) @ to_cell
        motif = self.motif.positions_A @ to_cell
        low = np.floor(corners.min(0) - motif.max(0)).astype(int)
        high = np.ceil(corners.max(0) - motif.min(0)).astype(int)
        steps = [np.arange(start, stop + 1) for start, stop in zip(low, high, strict=True)]
        cells = np.stack(np.meshgrid(*steps, indexing="ij"), -1).reshape(-1, 3) @ self.cell_A
        # most cells of a turned crystal are far from the box, and its atoms near their cell's corner
        reach = np.linalg.norm(self.motif.positions_A, axis=1).max() + 1e-6
        cells = cells[((cells >= bounds_A[0] - reach) & (cells <= bounds_A[1] + reach)).all(1)]
        positions = (cells[:, None] + self.motif.positions_A).reshape(-1, 3)
        which = np.tile(np.arange(len(self.motif)), len(cells))
        inside = ((positions >= bounds_A[0] - 1e-6) & (positions <= bounds_A[1] + 1e-6)).all(1)
        return self.motif.select(which[inside]).at(positions[inside])

    def moved(self, transform: Affine) -> CrystalGenerator:
        """The crystal after a transform: turned, mirrored, shifted or strained."""
        return CrystalGenerator(self.cell_A @ transform.matrix.T, self.motif.at(transform.apply(self.motif.positions_A)))

    def as_grain(self, grain: int) -> CrystalGenerator:
        """The same crystal with its atoms labelled as this grain."""
        return CrystalGenerator(self.cell_A, self.motif.as_grain(grain))


_CUBIC_SITES: Final = {
    "sc": [(0, 0, 0)],
    "bcc": [(0, 0, 0), (0.5, 0.5, 0.5)],
    "fcc": [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)],
    "diamond": [(x + o, y + o, z + o) for o in (0, 0.25) for x, y, z in [(0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)]],
}


def cubic(number: int, structure: str, a_A: float, *, phase: str = "", debye_waller_A2: float | None = None) -> CrystalGenerator:
    """An element in a simple cubic structure: sc, bcc, fcc or diamond, its axes along (down, right, beam)."""
    if structure not in _CUBIC_SITES:
        raise ValueError(f"a cubic structure {structure!r}, expected one of {', '.join(_CUBIC_SITES)}")
    sites = np.array(_CUBIC_SITES[structure], float)
    motif = make_matter(np.full(len(sites), number), sites * a_A, phase=phase or structure, debye_waller_A2=debye_waller_A2)
    return CrystalGenerator(np.eye(3) * a_A, motif)


def crystal(cell_A: ArrayLike, numbers: ArrayLike, fractions: ArrayLike, *, phase: str = "crystal") -> CrystalGenerator:
    """From a cell (3, 3) with rows a, b, c in angstrom, atomic numbers (atom,) and their places as fractions of it (atom, 3)."""
    cell = np.asarray(cell_A, float)
    return CrystalGenerator(cell, make_matter(numbers, np.asarray(fractions, float).reshape(-1, 3) @ cell, phase=phase))


def crystal_from_ase(atoms: Atoms, *, phase: str = "") -> CrystalGenerator:
    """From an `ase.Atoms`: its cell and all atoms in it."""
    if atoms.cell.rank < 3:
        raise ValueError(f"the atoms have the cell {atoms.cell.tolist()}, expected three edges that enclose a volume")
    return CrystalGenerator(np.array(atoms.cell), from_ase(atoms, phase=phase))


def crystal_from_spacegroup(
    symbols: Sequence[str], basis: ArrayLike, spacegroup: int | str, cellpar: Sequence[float], *, phase: str = ""
) -> CrystalGenerator:
    """From a space group, as `ase.spacegroup.crystal` takes it.

    Parameters
    ----------
    symbols : sequence of str
        Elements of the asymmetric unit.
    basis : array-like (atom, 3)
        Their places as fractions of the cell.
    spacegroup : int or str
        Number or symbol of the space group.
    cellpar : (a, b, c, alpha, beta, gamma)
        Edges in angstrom, angles in degrees.
    """
    from ase.spacegroup import crystal as build

    try:
        atoms = build(list(symbols), basis=np.asarray(basis, float), spacegroup=spacegroup, cellpar=list(cellpar))
    except Exception as error:
        raise ValueError(f"no crystal of space group {spacegroup!r} with the cell {list(cellpar)}: {error}") from error
    return crystal_from_ase(atoms, phase=phase)


def crystal_from_cif(path: str | Path, *, phase: str = "") -> CrystalGenerator:
    """From a CIF file.

    Raises
    ------
    ValueError
        The file holds no crystal, or shares sites: a partly occupied site is no atom.
    """
    from ase.io import read

    path = Path(path)
    try:
        atoms = read(path, format="cif", fractional_occupancies=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # ase complains in many ways of what it cannot read
        raise ValueError(f"{path.name} is no CIF that ase can read ({type(error).__name__}: {error}); check the file") from error
    shared = [site for site in atoms.info.get("occupancy", {}).values() if abs(sum(site.values()) - 1) > 1e-6 or len(site) > 1]
    if shared:
        raise ValueError(f"{path.name} has partly occupied sites, for example {shared[0]}; give a CIF with whole atoms, then substitute")
    return crystal_from_ase(atoms, phase=phase or path.stem)


def crystal_from_part(part: Crystal, *, phase: str = "", seed: int = 0, repeat: tuple[int, int, int] = (1, 1, 1)) -> CrystalGenerator:
    """From a crystal of the registry, ``pw.crystals``; sites that elements share are drawn once for the repeated cell."""
    from polwidgets.crystal.export import to_ase

    return crystal_from_ase(to_ase(part, repeat=repeat, seed=seed), phase=phase or type(part).__name__)
