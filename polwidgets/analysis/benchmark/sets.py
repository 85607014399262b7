"""The test sets by name: the study's, re-made by simulation, and those that ask more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from polwidgets.analysis.benchmark.scans import Group, PeriodicScan, ScanFile, ScanRecipe, SupercellScan

STUDY: Final = {
    "1S": (135.0, 200.0, 6),
    "2S": (135.0, 500.0, 6),
    "3S": (0.0, 200.0, 2),
    "4S": (315.0, 500.0, 6),
    "5S": (45.0, 200.0, 6),
    "6S": (225.0, 200.0, 4),
    "7S": (315.0, 200.0, 2),
}  # direction, thickness in angstrom, cells along an edge: doi:10.48550/arXiv.2603.15582
FILES: Final = {"D1": 0.0, "D2": 5.0, "D3": 0.0, "D4": 0.0}  # scan rotation


def all_sets(*, positions: int = 128, data: Path | None = None) -> list[ScanRecipe]:
    """Every test set.

    Parameters
    ----------
    positions : int
        Probe positions along an edge of the study's sets; the study has 128.
    data : path, optional
        Folder that holds ``knn-dev``; its scans are left out where it is absent.
    """
    sets: list[ScanRecipe] = []
    for seed, (name, (direction_deg, thickness_A, cells)) in enumerate(STUDY.items()):
        title = f"{cells} x {cells} cells, {thickness_A / 10:.0f} nm"
        sets.append(PeriodicScan(name, title, "study", direction_deg, thickness_A, cells, positions, seed=seed))
    pseudo: Group = "pseudo-experimental"
    sets += [
        SupercellScan("A1", "one Nb column half vacant, 20 nm", "anomaly", (0.0,), 200.0, vacant_column=(1, 2), dose=1e5, seed=11),
        PeriodicScan("T1", "tilted by 1.5 mrad, 20 nm", "tilted", 90.0, 200.0, 4, positions, tilt_y_mrad=1.2, tilt_x_mrad=-0.9, seed=21),
        PeriodicScan("T2", "tilted by 4 mrad, 35 nm", "tilted", 225.0, 350.0, 4, positions, tilt_y_mrad=-2.4, tilt_x_mrad=3.2, seed=22),
        SupercellScan("P1", "15 nm, 2000 electrons", pseudo, (45.0,), 150.0, 0.14, 0.8, -0.6, dose=2000.0, seed=1),
        SupercellScan("P2", "180-degree wall, 12 nm, 1000 electrons", pseudo, (90.0, 270.0), 120.0, 0.15, -0.4, 0.9, dose=1000.0, seed=2),
        SupercellScan("P3", "90-degree wall, 25 nm, 1500 electrons", pseudo, (180.0, 270.0), 250.0, 0.16, 1.1, 0.3, dose=1500.0, seed=3),
        SupercellScan("P4", "32 nm, 600 electrons", pseudo, (315.0,), 320.0, 0.15, 0.2, 1.0, dose=600.0, seed=4),
    ]
    if data is not None:
        files = {name: data / "knn-dev" / f"{name}.npz" for name in FILES}
        sets += [ScanFile(name, "made by another program", pseudo, path, FILES[name]) for name, path in files.items() if path.is_file()]
    return sets


def chosen(sets: Sequence[ScanRecipe], names: Sequence[str]) -> list[ScanRecipe]:
    """The sets of these names, in the order of `sets`."""
    unknown = sorted(set(names) - {each.name for each in sets})
    if unknown:
        raise KeyError(f"there is no test set {', '.join(unknown)}; there are {', '.join(each.name for each in sets)}")
    return [each for each in sets if each.name in names]
