"""Scans whose truth is known, and how each is made."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.crystal.base import Crystal, crystals, displaced
from polwidgets.crystal.export import frozen_phonons, to_ase
from polwidgets.cube.schema import make_cube, step_of
from polwidgets.directions import ANGLES_DEG, NAMES
from polwidgets.perturb.apply import perturb
from polwidgets.perturb.dose import Dose
from polwidgets.perturb.presets import preset
from polwidgets.progress import Progress
from polwidgets.simulate.probe import Probe
from polwidgets.simulate.scan import simulate_scan
from polwidgets.simulate.supercell import supercell_patterns

if TYPE_CHECKING:
    from ase import Atoms

Group = Literal["study", "anomaly", "tilted", "pseudo-experimental"]
VOLTAGE_kV: Final = 200.0
SEMIANGLE_mrad: Final = 24.0
K_STEP: Final = 0.0625  # 1/angstrom
PIXELS: Final = 63


@dataclasses.dataclass(frozen=True)
class LabelledScan:
    """A cube and its truth.

    Attributes
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
    direction_deg : array (scan_y, scan_x)
        True directions in the scan frame.
    displacement_A : float
    """

    cube: xr.DataArray
    direction_deg: NDArray[np.float64]
    displacement_A: float

    @property
    def cell_px(self) -> float:
        """Probe positions along an edge of the unit cell."""
        return _crystal().cell_A[1] / step_of(self.cube, "scan_x")


@dataclasses.dataclass(frozen=True)
class ScanRecipe(ABC):
    """Fields that say everything about a scan: the same ones always make the same."""

    name: str
    title: str
    group: Group

    def content(self) -> dict[str, Any]:
        """What the scan depends on, as JSON can write it: the fields, without what is only said about them."""
        own = {name: value for name, value in dataclasses.asdict(self).items() if name not in ("title", "group")}
        return {"kind": type(self).__name__, **own}

    @abstractmethod
    def make(self, *, progress: Progress) -> LabelledScan:
        """The scan with its truth."""


@dataclasses.dataclass(frozen=True)
class PeriodicScan(ScanRecipe):
    """A perfect crystal by the scattering matrix, like the study's own scans; thickness and tilt are what varies.

    Counts are drawn at a dose so high that noise decides nothing: the study's scans have none, the match wants counts.
    """

    direction_deg: float
    thickness_A: float
    cells: int
    positions: int = 128
    tilt_y_mrad: float = 0.0
    tilt_x_mrad: float = 0.0
    dose: float = 1e6
    seed: int = 0

    def make(self, *, progress: Progress) -> LabelledScan:
        """Simulate the scan."""
        cube = simulate_scan(
            _crystal(), direction_deg=self.direction_deg, thickness_A=self.thickness_A, scan_shape=(self.positions, self.positions),
            cells=self.cells, detector_shape=(PIXELS, PIXELS), k_step=K_STEP, voltage_kV=VOLTAGE_kV, semiangle_mrad=SEMIANGLE_mrad,
            probe=Probe(tilt_y_mrad=self.tilt_y_mrad, tilt_x_mrad=self.tilt_x_mrad), dose=self.dose, seed=self.seed, progress=progress,
        )  # fmt: skip
        return LabelledScan(cube, np.full(cube.shape[:2], self.direction_deg), _crystal().displacement_A)  # type: ignore[attr-defined]


@dataclasses.dataclass(frozen=True)
class SupercellScan(ScanRecipe):
    """A pseudo-experiment: multislice of single atoms in thermal motion, K and Na drawn at random, and a real detector.

    Two directions meet at a wall in the middle of the supercell; as that is periodic, the scan stays a cell away from
    its edges, where they meet again. A vacant column has lost half of its Nb.

    Attributes
    ----------
    effects : str
        A preset of whole-scan perturbations, counting included.
    dose : float
        Electrons a pattern, in place of the preset's.
    """

    directions_deg: tuple[float, ...]
    thickness_A: float
    displacement_A: float = 0.15
    tilt_y_mrad: float = 0.0
    tilt_x_mrad: float = 0.0
    positions: int = 40
    cells: int = 4
    configurations: int = 1
    vacant_column: tuple[int, int] | None = None
    effects: str = "experiment_scan"
    dose: float = 1000.0
    seed: int = 0
    VACANT: ClassVar[float] = 0.5

    def make(self, *, progress: Progress) -> LabelledScan:
        """Draw the atoms, propagate, and record."""
        edge_y, edge_x, _ = _crystal().cell_A
        wall = len(self.directions_deg) == 2
        step_A = (self.cells * edge_y / self.positions, self.cells * edge_x / self.positions)
        y, x = (np.arange(self.positions) * step for step in step_A)
        positions = np.stack(np.meshgrid(y, x + wall * edge_x, indexing="ij"), -1).reshape(-1, 2)
        axis = np.asarray((np.arange(PIXELS) - PIXELS // 2) * K_STEP, np.float64)
        patterns = supercell_patterns(
            [self._atoms(number) for number in range(self.configurations)], positions, voltage_kV=VOLTAGE_kV,
            probe=Probe(SEMIANGLE_mrad, tilt_y_mrad=self.tilt_y_mrad, tilt_x_mrad=self.tilt_x_mrad), ky=axis, kx=axis,
            progress=progress,
        )  # fmt: skip
        perfect = make_cube(
            patterns.reshape(self.positions, self.positions, PIXELS, PIXELS), scan_step_A=step_A, k_step=K_STEP,
            voltage_kV=VOLTAGE_kV, semiangle_mrad=SEMIANGLE_mrad,
        )  # fmt: skip
        parts = [dataclasses.replace(part, electrons=self.dose) if isinstance(part, Dose) else part for part in preset(self.effects)]
        recorded = perturb(perfect, parts, seed=self.seed)
        domain = np.arange(self.positions) * len(self.directions_deg) // self.positions
        truth = np.array(self.directions_deg)[domain] * np.ones((self.positions, 1))
        return LabelledScan(recorded.astype(np.uint16), truth, self.displacement_A)

    def _atoms(self, number: int) -> Atoms:
        """One configuration; K and Na stay where they are, only thermal motion differs."""
        depth = max(1, round(self.thickness_A / _crystal().cell_A[2]))
        count = len(self.directions_deg)
        # a wall needs a cell more on either side
        columns = (self.cells + 2) // 2 if count == 2 else self.cells
        stripes = []
        for index, direction_deg in enumerate(self.directions_deg):
            crystal = displaced(_crystal(), displacement_A=self.displacement_A, direction_deg=direction_deg)
            stripe = to_ase(crystal, repeat=(self.cells, columns, depth), seed=10 * self.seed + index)
            stripe.positions[:, 1] += index * columns * crystal.cell_A[1]
            stripes.append(stripe)
        atoms = stripes[0]
        for stripe in stripes[1:]:
            atoms.extend(stripe)
        cell = stripes[0].cell.lengths()
        atoms.set_cell([cell[0], count * cell[1], cell[2]])
        if self.vacant_column is not None:
            place = (np.array(self.vacant_column) + 0.5) * np.array(_crystal().cell_A[:2])
            column = np.flatnonzero((atoms.symbols == "Nb") & (np.linalg.norm(atoms.positions[:, :2] - place, axis=1) < 1.0))
            lost = np.random.default_rng(self.seed).permutation(column)[: int(self.VACANT * len(column))]
            del atoms[lost]
        return frozen_phonons(atoms, seed=1000 * self.seed + number)


@dataclasses.dataclass(frozen=True)
class ScanFile(ScanRecipe):
    """A pseudo-experiment that somebody else made: an npz file with its truth beside the counts.

    Arrays: ``cube``; ``step_A`` and ``dk`` (1/angstrom); ``label``, or ``labmap`` by unit cells, relative to the kx axis;
    ``amp_A``.
    """

    path: Path
    scan_rotation_deg: float = 0.0

    def content(self) -> dict[str, Any]:
        """The file's bytes stand for it, wherever it lies."""
        stamp = self.path.stat()
        return {
            "kind": type(self).__name__,
            "sha256": _sha256(self.path, stamp.st_mtime_ns, stamp.st_size),
            "scan_rotation_deg": self.scan_rotation_deg,
        }

    def make(self, *, progress: Progress) -> LabelledScan:
        """Read the file."""
        with np.load(self.path) as file:
            content = {name: file[name] for name in file.files}
        cube = make_cube(
            content["cube"], scan_step_A=float(content["step_A"]), k_step=float(content["dk"]), voltage_kV=VOLTAGE_kV,
            semiangle_mrad=SEMIANGLE_mrad, scan_rotation_deg=self.scan_rotation_deg,
        )  # fmt: skip
        labels = np.atleast_2d(content["labmap"] if "labmap" in content else content["label"])
        angle = dict(zip(NAMES, ANGLES_DEG, strict=True))
        cells = np.array([[angle[label] for label in row] for row in labels.tolist()])
        truth = np.kron(cells, np.ones([size // count for size, count in zip(cube.shape[:2], cells.shape, strict=True)]))
        progress("read the scan", 1.0)
        return LabelledScan(cube, (truth - self.scan_rotation_deg) % 360, float(content["amp_A"]))


@functools.lru_cache(maxsize=64)
def _sha256(path: Path, changed_ns: int, size: int) -> str:  # noqa: ARG001, a changed file is read again
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _crystal() -> Crystal:
    return crystals.build("knn")
