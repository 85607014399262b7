"""Atoms on a lattice, in any orientation."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from polwidgets.scenes.generators.base import Generator
from polwidgets.scenes.matter import Array, Matter, make_matter
from polwidgets.scenes.transforms import Affine


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

    def supply(self, bounds_A: Array, *, seed: int = 0) -> Matter:  # noqa: ARG002
        """Every atom in the box."""
        to_cell = np.linalg.inv(self.cell_A)
        corners = np.array(list(itertools.product(*bounds_A.T))) @ to_cell
        motif = self.motif.positions_A @ to_cell
        low = np.floor(corners.min(0) - motif.max(0)).astype(int)
        high = np.ceil(corners.max(0) - motif.min(0)).astype(int)
        indices = np.stack(np.meshgrid(*(np.arange(start, stop + 1) for start, stop in zip(low, high, strict=True)), indexing="ij"), -1)
        cells = indices.reshape(-1, 3) @ self.cell_A
        # a cell's atoms are no farther from its corner than this: most cells of a turned crystal are far from the box
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


_CUBIC_SITES = {
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
