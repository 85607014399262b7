"""Errors folded into a known cell."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from polwidgets.analysis.folding import fold_errors, folded_correlation
from polwidgets.cube.unit_cell import UnitCell

CELL = UnitCell(np.array([[0.2, 0.1], [1 / 4.0, 0.0], [0.0, 1 / 3.0]]))


def scan(rate_of_phase: object, *, shape: tuple[int, int] = (64, 60), seed: int = 0) -> tuple[xr.DataArray, np.ndarray]:
    coords = {dim: (dim, np.arange(size) * 0.25, {"units": "angstrom"}) for dim, size in zip(("scan_y", "scan_x"), shape, strict=True)}
    phase = CELL.phase(coords["scan_y"][1], coords["scan_x"][1]) % 1
    rate = rate_of_phase(phase)  # type: ignore[operator]
    values = (np.random.default_rng(seed).random(shape) < rate).astype(float)
    return xr.DataArray(values, dims=("scan_y", "scan_x"), coords=coords), rate


def waved(phase: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 + 0.3 * np.cos(2 * np.pi * phase[..., 0]) * np.sin(2 * np.pi * phase[..., 1]))


def test_the_folded_rate_is_the_rate_at_every_phase() -> None:
    error, rate = scan(waved)
    folded, truth = fold_errors(error, CELL, bins=4), fold_errors(error.copy(data=rate), CELL, bins=4)
    assert folded.sizes == {"cell_y": 4, "cell_x": 4}
    assert int(folded["count"].sum()) == error.size
    assert folded_correlation(folded, truth) > 0.95
    assert folded.attrs["split_half_correlation"] > 0.8
    inside = (folded["low"] <= truth["rate"]) & (truth["rate"] <= folded["high"])
    assert float(inside.mean()) >= 0.8
    # asymmetric in y and x: a transposed map would not fit
    assert folded_correlation(folded, truth.transpose("cell_x", "cell_y")) < 0.6


def test_bands_hold_the_truth_as_often_as_they_say() -> None:
    covered = []
    for seed in range(20):
        error, _ = scan(lambda phase: np.full(phase.shape[:2], 0.3), seed=seed)
        folded = fold_errors(error, CELL, bins=5, level=0.9)
        covered.append(float(((folded["low"] <= 0.3) & (folded["high"] >= 0.3)).mean()))
    assert 0.85 < np.mean(covered) < 0.96


def test_cells_that_fail_as_a_whole_count_for_fewer_positions() -> None:
    error, _ = scan(waved)
    cell = np.floor(CELL.phase(error["scan_y"].values, error["scan_x"].values)).astype(int)
    together = error.copy(data=((cell[..., 0] * 3 + cell[..., 1]) % 2).astype(float))
    alone, clustered = (fold_errors(values, CELL, bins=4) for values in (error, together))
    assert float(alone["effective_count"].mean()) > 0.6 * float(alone["count"].mean())
    assert float(clustered["effective_count"].mean()) < 0.1 * float(clustered["count"].mean())


def test_the_region_alone_is_folded() -> None:
    error, _ = scan(waved)
    region = np.zeros(error.shape, bool)
    region[:40, 5:] = True
    assert int(fold_errors(error, CELL, region=region)["count"].sum()) == region.sum()


def test_what_cannot_be_folded_is_refused() -> None:
    error, _ = scan(waved)
    with pytest.raises(ValueError, match="no position is left"):
        fold_errors(error, CELL, region=np.zeros(error.shape, bool))
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        fold_errors(error, CELL, region=np.ones((2, 2), bool))
    with pytest.raises(ValueError, match="at least two cells"):
        fold_errors(error[:10, :9], CELL)
    with pytest.raises(ValueError, match="same bins"):
        folded_correlation(fold_errors(error, CELL, bins=4), fold_errors(error, CELL, bins=5))
