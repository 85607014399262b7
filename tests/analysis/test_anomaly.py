"""Planted defects: smeared columns, a step of half a cell, and none."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import xarray as xr
from sklearn.metrics import roc_auc_score

import polwidgets as pw
from polwidgets.analysis.anomaly import irregularity
from polwidgets.match.specimen import SpecimenFit

PLANTED = ((1, 1), (3, 4))


def counted(expected: xr.DataArray, seed: int) -> xr.DataArray:
    return expected.copy(data=np.random.default_rng(seed).poisson(3000 * expected.values.astype(float)).astype(np.uint16))


def prediction(cube: xr.DataArray) -> xr.Dataset:
    return xr.Dataset({"direction": (("scan_y", "scan_x"), np.full(cube.shape[:2], 1, np.int8))})


def test_planted_columns_stand_out(good: xr.DataArray, disordered: xr.DataArray, specimen: SpecimenFit) -> None:
    row, column = np.arange(40)[:, None] // 8, np.arange(48)[None] // 8
    planted = np.zeros((40, 48), bool)
    for cell in PLANTED:
        planted |= (row == cell[0]) & (column == cell[1])
    cube = counted(good.copy(data=np.where(planted[..., None, None], disordered.values, good.values)), 0)
    found = pw.defect_map(cube, specimen, prediction(cube), false_alarm_rate=0.02)
    assert found["score"].shape == (5, 6)
    assert float(found["positions"].sum()) == 40 * 48
    np.testing.assert_array_equal(found["row"], np.broadcast_to(row, (40, 48)))
    np.testing.assert_array_equal(found["column"], np.broadcast_to(column, (40, 48)))
    truth = np.zeros((5, 6), bool)
    truth[tuple(zip(*PLANTED, strict=True))] = True
    assert roc_auc_score(truth.ravel(), found["score"].values.ravel()) >= 0.95
    assert found["defect"].values[truth].all()
    assert found["defect"].values[~truth].sum() <= 3


@pytest.mark.slow
def test_good_cells_are_called_defects_as_seldom_as_stated(good: xr.DataArray, specimen: SpecimenFit) -> None:
    """Of 120 cells at one in ten, 12 are expected: a third or twice as many is by chance alone."""
    maps = [pw.defect_map(counted(good, 1 + seed), specimen, prediction(good), false_alarm_rate=0.1, seed=seed) for seed in range(4)]
    assert 3 <= sum(int(found["defect"].sum()) for found in maps) <= 24


def test_an_antiphase_step_is_seen_along_its_line(good: xr.DataArray, specimen: SpecimenFit) -> None:
    stepped = np.concatenate([good.values[:, :24], good.values[:, 20:44]], axis=1)
    found = pw.defect_map(counted(good.copy(data=stepped), 7), specimen, prediction(good))
    neighbours = found["neighbours"].values
    assert neighbours[:, 2:4].min() > 1.5 * neighbours[:, [0, 1, 4, 5]].max()
    assert found["defect"].values[:, 2:4].mean() > 0.5


def test_a_wall_is_seen_along_its_line(good: xr.DataArray, specimen: SpecimenFit) -> None:
    """Right of the wall the crystal is mirrored, 45 to 135 degrees, and mapped so: no cell misfits, only neighbours differ."""
    mirrored = good.values[:, ::-1, :, ::-1]
    # the detector's and the scan's mirror: position x comes to -x, pixel kx to -kx
    walled = np.concatenate([good.values[:, :24], np.roll(mirrored, 1, axis=1)[:, 24:]], axis=1)
    cube = counted(good.copy(data=walled), 5)
    domains = prediction(cube)
    domains["direction"][:, 24:] = 3
    found = pw.defect_map(cube, specimen, domains, false_alarm_rate=0.02)
    neighbours = found["neighbours"].values
    assert neighbours[:, 2:4].min() > neighbours[:, [0, 1, 4, 5]].max()
    assert found["defect"].values[:, 2:4].mean() > 0.8
    assert found["defect"].values[:, [0, 1, 4, 5]].sum() <= 2


def test_neighbours_of_a_vacancy_are_not_its_defects(good: xr.DataArray, specimen: SpecimenFit) -> None:
    """Two bad cells at the scan's edge are two of five neighbours: as many as a wall's, but they do not fit themselves."""
    row, column = np.arange(40)[:, None, None, None] // 8, np.arange(48)[:, None, None] // 8
    bad = (row == 2) & (column <= 1)
    found = pw.defect_map(counted(good.copy(data=np.where(bad, good.values.mean((0, 1)), good.values)), 3), specimen, prediction(good))
    truth = np.zeros((5, 6), bool)
    truth[2, :2] = True
    np.testing.assert_array_equal(found["defect"].values[1:4, :3], truth[1:4, :3])


def test_answers_that_no_other_cell_gives_are_irregular() -> None:
    y, x = np.mgrid[:24, :30]
    phase = np.stack([y / 6, x / 6], -1)
    cell = (y // 6) * 5 + x // 6
    direction = ((y % 6 > 3).astype(int) + 2) % 8
    direction[:, 18:] += 3  # another domain fails alike
    direction[6:12, 6:12] = np.random.default_rng(0).integers(0, 8, (6, 6))
    surprise = irregularity(direction % 8, phase, cell, np.ones(20, bool))
    assert surprise.argmax() == 6
    assert surprise[6] > 3 * np.delete(surprise, 6).max()


def test_what_cannot_be_searched_is_refused(good: xr.DataArray, specimen: SpecimenFit) -> None:
    with pytest.raises(ValueError, match=r"shape \(39, 48\)"):
        pw.defect_map(good, specimen, prediction(good[1:]))
    with pytest.raises(ValueError, match="false_alarm_rate"):
        pw.defect_map(good, specimen, prediction(good), false_alarm_rate=0.7)
    with pytest.raises(ValueError, match="lone pattern"):
        pw.defect_map(good, dataclasses.replace(specimen, unit_cell=None), prediction(good))
    with pytest.raises(ValueError, match="at least 4"):
        pw.defect_map(good[:10, :10], specimen, prediction(good[:10, :10]))
