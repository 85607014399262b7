from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from polwidgets.analysis.benchmark import scans
from polwidgets.analysis.benchmark.scans import PIXELS, SupercellScan
from polwidgets.progress import silent

pytest.importorskip("ase", reason="the extra 'sim' is not installed")

EDGE = 3.97
WALL = SupercellScan("W", "", "pseudo-experimental", (0.0, 180.0), 4 * EDGE, displacement_A=0.3, positions=6, seed=7)


def niobium_shift(atoms: Any) -> np.ndarray:
    """Niobium columns' mean distance right of their cells' middles, column by column."""
    place = atoms.positions[atoms.symbols == "Nb"][:, 1]
    column = np.floor(place / EDGE).astype(int)
    return np.array([(place[column == index] - (index + 0.5) * EDGE).mean() for index in range(column.max() + 1)])


def test_a_wall_stands_in_the_middle_of_the_supercell() -> None:
    atoms = WALL._atoms(0)
    np.testing.assert_allclose(atoms.cell.lengths(), [4 * EDGE, 6 * EDGE, 4 * EDGE])
    assert len(atoms) == 4 * 6 * 4 * 5
    shift = niobium_shift(atoms)
    # the cation makes 0.3 of the displacement
    np.testing.assert_allclose(shift[:3], 0.09, atol=0.05)
    np.testing.assert_allclose(shift[3:], -0.09, atol=0.05)


def test_configurations_differ_in_motion_alone() -> None:
    first, second = (WALL._atoms(number) for number in (0, 1))
    assert (first.symbols == second.symbols).all()
    assert not np.allclose(first.positions, second.positions)
    again = dataclasses.replace(WALL)._atoms(0)
    np.testing.assert_array_equal(first.positions, again.positions)


def test_a_vacant_column_has_lost_half_its_niobium() -> None:
    perfect = dataclasses.replace(WALL, directions_deg=(90.0,), thickness_A=8 * EDGE)
    defect = dataclasses.replace(perfect, vacant_column=(1, 2))
    whole, holed = perfect._atoms(0), defect._atoms(0)
    assert len(whole) - len(holed) == 4
    place = holed.positions[holed.symbols == "Nb"][:, :2] // EDGE
    count = np.array([[((place == [row, column]).all(1)).sum() for column in range(4)] for row in range(4)])
    expected = np.full((4, 4), 8)
    expected[1, 2] = 4
    np.testing.assert_array_equal(count, expected)


def test_the_scan_stays_away_from_the_second_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def patterns(_: Any, positions: np.ndarray, **keywords: Any) -> np.ndarray:
        asked.update(positions=positions, **keywords)
        return np.full((len(positions), PIXELS, PIXELS), 1 / PIXELS**2, np.float32)

    monkeypatch.setattr(scans, "supercell_patterns", patterns)
    scan = dataclasses.replace(WALL, tilt_y_mrad=1.0, dose=500.0).make(progress=silent)
    assert asked["positions"][:, 1].min() == pytest.approx(EDGE)
    assert asked["positions"][:, 1].max() < 5 * EDGE
    assert asked["probe"].tilt_y_mrad == 1.0
    np.testing.assert_array_equal(scan.direction_deg, np.repeat([[0.0, 180.0]], 6, 0).repeat(3, 1))
    assert scan.cell_px == pytest.approx(6 / 4)
    assert scan.cube.dtype == np.uint16
    assert scan.cube.values.sum((2, 3)).mean() == pytest.approx(500, rel=0.25)
