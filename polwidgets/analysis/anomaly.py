"""Unit cells that do not fit: vacant columns, steps of the lattice, walls.

Every cell is reduced to what its patterns leave of the model at the match: residuals in units of the counting noise, in
broad detector segments, averaged over the cell and along it. Good cells hold nothing but noise there, and agree with
their neighbours; how much noise alone makes of both is drawn, and what all cells share is the model's fault, not theirs.
"""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import ndtr, ndtri

from polwidgets.analysis.information import ORDER, variant_series
from polwidgets.directions import ANGLES_DEG, nearest_class
from polwidgets.match.measurement import Readings
from polwidgets.match.scan import readings_for
from polwidgets.match.specimen import SpecimenFit
from polwidgets.progress import Progress, reporter
from polwidgets.simulate.patterns import basis

SEGMENTS: Final = 10  # along a side of the detector
VARIATION: Final = 1  # order of the residuals' series along the cell
LEAST_FILLED: Final = 0.6  # of a cell: fewer positions than that tell too little
DISAGREEING: Final = 0.75  # quantile of the neighbours: one odd neighbour is its own affair, three are a border
FAINT: Final = 1e-3  # of the mean segment, added to the variance: segments without electrons must not decide
NOISE_CELLS: Final = 4000  # drawn, of noise alone
FAR: Final = 4.0  # standard deviations of good cells: what fits so badly, and twice as badly as most, is a defect by itself
LOW: Final = 0.1
MIDDLE: Final = 0.4  # quantiles of the scores between which cells are taken for good


def defect_map(
    cube: xr.DataArray,
    specimen: SpecimenFit,
    prediction: xr.Dataset,
    *,
    per_pattern: xr.Dataset | None = None,
    false_alarm_rate: float = 0.01,
    seed: int = 0,
    progress: bool | Progress = False,
) -> xr.Dataset:
    """Which unit cells do not fit.

    Parameters
    ----------
    cube : DataArray
    specimen : SpecimenFit
        Its match.
    prediction : Dataset on (scan_y, scan_x)
        The cube's map, with unit-cell context: the direction that the model is taken at.
    per_pattern : Dataset on (scan_y, scan_x), optional
        A map of a per-pattern model; adds the irregularity of its answers within the cell.
    false_alarm_rate : float
        Share of good cells that may be called defects.
    seed : int
        Draws the noise-only cells.

    Returns
    -------
    Dataset
        On (cell_row, cell_column): ``misfit`` (mean square residual, one for noise alone), ``neighbours`` (the same of the
        difference to them; lone misfits are no neighbours), ``irregularity`` (mean surprise of the answers, nats, where
        `per_pattern` is given), ``score`` (all together, in standard deviations of good cells), ``p_value``, ``defect``,
        ``positions``; NaN where a cell is not in the scan. On (scan_y, scan_x): ``row`` and ``column`` of the position's
        cell.

    Raises
    ------
    ValueError
        A prediction of another shape, a lone pattern's match, fewer than four whole cells, or a rate outside 0 to 0.5.
    """
    report = reporter(progress)
    shape = (cube.sizes["scan_y"], cube.sizes["scan_x"])
    if specimen.unit_cell is None:
        raise ValueError("the specimen was matched to a lone pattern, which has no cells; use pw.match(cube)")
    if not 0 < false_alarm_rate < 0.5:
        raise ValueError(f"false_alarm_rate must lie between 0 and 0.5, got {false_alarm_rate}")
    for given in (prediction, per_pattern):
        if given is not None and given["direction"].shape != shape:
            raise ValueError(f"the prediction has shape {given['direction'].shape}, the scan {shape}; map this scan")
    phase = specimen.unit_cell.phase_of(cube)
    cell, lattice = _cells(phase)
    count = np.bincount(cell.ravel(), minlength=lattice[0] * lattice[1])
    whole = count >= LEAST_FILLED * np.median(count[count > 0.5 * count.max()])
    if whole.sum() < 4:
        raise ValueError(f"the scan holds {whole.sum()} whole unit cells, at least 4 are needed to tell an odd one")
    readings = readings_for(cube, specimen.crystal, specimen.good_pixels)
    turn = specimen.rotation_deg - specimen.scan_rotation_deg
    variant = np.argsort(nearest_class(np.asarray(ANGLES_DEG) + turn))[prediction["direction"].values.astype(int)]
    own, common = _residuals(readings, specimen, phase.reshape(-1, 2), variant.ravel(), cell.ravel(), len(count), report)
    rng = np.random.default_rng(seed)
    compared = whole & ~_lone(_misfit(own, whole), whole, lattice)
    features = np.stack([_misfit(own, whole), _disagreement(common, whole, compared, lattice)])
    draws = max(10, NOISE_CELLS // int(whole.sum()))
    noise = (rng.normal(size=(2, *own.shape)) for _ in range(draws))
    drawn = [np.stack([_misfit(one, whole), _disagreement(other, whole, compared, lattice)])[:, whole] for one, other in noise]
    null = np.concatenate(drawn, axis=1)
    maps = dict(zip(("misfit", "neighbours"), features, strict=True))
    # what varies by itself, like the occupancy of shared sites, widens the good cells beyond noise
    standard = (np.log(features) - np.log(null).mean(1)[:, None]) / np.log(null).std(1)[:, None]
    score, null_score = standard.sum(0), ((np.log(null) - np.log(null).mean(1)[:, None]) / np.log(null).std(1)[:, None]).sum(0)
    if per_pattern is not None:
        maps["irregularity"] = irregularity(per_pattern["direction"].values, phase, cell, whole)
        low, middle = np.quantile(maps["irregularity"][whole], (LOW, MIDDLE))
        score += (maps["irregularity"] - middle) * (ndtri(MIDDLE) - ndtri(LOW)) / max(middle - low, 1e-9) + ndtri(MIDDLE)
        null_score += rng.normal(size=null_score.size)
    own_low, own_middle = np.quantile(score[whole], (LOW, MIDDLE))
    widening = float((own_middle - own_low) / np.diff(np.quantile(null_score, (LOW, MIDDLE)))[0])
    # scans of as many good cells, each measured by its own quantiles: few cells know badly how far good ones scatter
    good = _levelled(rng.choice(null_score, (max(100, NOISE_CELLS // int(whole.sum())), int(whole.sum())))).ravel()
    score[whole] = _levelled(score[whole])
    threshold = float(np.quantile(good, 1 - false_alarm_rate))
    beyond = 1 - np.searchsorted(np.sort(good), score) / good.size
    maps |= {"score": score, "p_value": np.maximum(beyond, ndtr(-score)), "defect": score > threshold, "positions": count}
    where = ("cell_row", "cell_column")
    row, column = np.divmod(cell, lattice[1])
    return xr.Dataset(
        {
            **{name: (where, np.where(whole, values, np.nan).reshape(lattice)) for name, values in maps.items() if name != "defect"},
            "defect": (where, (maps["defect"] & whole).reshape(lattice)),
            "row": (("scan_y", "scan_x"), row),
            "column": (("scan_y", "scan_x"), column),
        },
        coords={dim: cube[dim] for dim in ("scan_y", "scan_x")},
        attrs={
            "false_alarm_rate": false_alarm_rate,
            "threshold": threshold,
            "widening": widening,
            "seed": seed,
            **specimen.attrs(),
        },
    )


def irregularity(
    direction: NDArray[np.int8], phase: NDArray[np.float64], cell: NDArray[np.int64], whole: NDArray[np.bool_], *, bins: int = 6
) -> NDArray[np.float64]:
    """Mean surprise of a cell's answers, given what the other cells answer at the same phase, in nats.

    Answers are counted from the cell's own majority, so that domains of any direction are alike.

    Parameters
    ----------
    direction : int array (scan_y, scan_x)
        Class of every pattern.
    phase : array (scan_y, scan_x, 2)
    cell : int array (scan_y, scan_x)
        Number of the position's cell.
    whole : bool array (cell,)
        Cells that are counted; the others get NaN.
    bins : int
        Phases along a side of the cell.

    Returns
    -------
    array (cell,)
    """
    used = whole[cell]
    owner, answer = cell[used], direction[used].astype(int)
    votes = np.bincount(owner * 8 + answer, minlength=8 * len(whole)).reshape(-1, 8)
    relative = (answer - votes.argmax(1)[owner]) % 8
    place = np.floor(phase[used] % 1.0 * bins).astype(int).clip(0, bins - 1)
    slot = (place[:, 0] * bins + place[:, 1]) * 8 + relative
    table = np.bincount(owner * (8 * bins**2) + slot, minlength=len(whole) * 8 * bins**2).reshape(len(whole), -1)
    elsewhere = table.sum(0) - table
    answers = elsewhere.reshape(len(whole), -1, 8).sum(-1, keepdims=True)
    # half an answer of each kind beforehand: what has not been seen is improbable, not impossible
    surprise = -np.log((elsewhere.reshape(len(whole), -1, 8) + 0.5) / (answers + 4)).reshape(len(whole), -1)
    with np.errstate(invalid="ignore"):
        return np.where(whole, (table * surprise).sum(1) / table.sum(1), np.nan)


def _cells(phase: NDArray[np.float64]) -> tuple[NDArray[np.int64], tuple[int, int]]:
    """Number of every position's cell (scan_y, scan_x), row by row in a lattice of the shape that comes with it."""
    place = np.floor(phase).astype(int)
    place = place - place.min((0, 1))
    rows, columns = place.reshape(-1, 2).max(0) + 1
    return place[..., 0] * columns + place[..., 1], (int(rows), int(columns))


def _residuals(
    readings: Readings,
    specimen: SpecimenFit,
    phase: NDArray[np.float64],
    variant: NDArray[np.int64],
    cell: NDArray[np.int64],
    cells: int,
    report: Progress,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Residuals (cell, component) of the cells against the model of their own direction, and of all directions' mean.

    Components are detector segments times the terms of a short series along the cell, of unit variance where counting noise
    is all there is.
    """
    series, background = variant_series(specimen, readings, report)
    present = np.unique(variant)
    mean = np.mean([series[number] for number in present], axis=0)
    low, high = readings.k.min(0), readings.k.max(0)
    square = np.minimum((readings.k - low) / (high - low) * SEGMENTS, SEGMENTS - 1).astype(int)
    _, segment = np.unique(square[:, 0] * SEGMENTS + square[:, 1], return_inverse=True)
    sums = np.zeros((len(segment), segment.max() + 1), np.float32)
    sums[np.arange(len(segment)), segment.ravel()] = 1
    terms = basis(phase, ORDER).astype(np.float32)
    residual = np.empty((2, len(phase), sums.shape[1]), np.float32)
    for done, number in enumerate(present):
        chosen = np.flatnonzero(variant == number)
        for part in np.array_split(chosen, max(1, len(chosen) // 1024)):
            measured = np.asarray(readings.counts[part], np.float32) @ sums
            total = measured.sum(1, keepdims=True)
            for kind, model in enumerate((series[number], mean)):
                rate = ((terms[part] @ model.astype(np.float32) + background.astype(np.float32)).clip(min=0)) @ sums
                # only the distribution within the pattern counts, so the beam current may drift
                rate *= total / rate.sum(1, keepdims=True)
                variance = specimen.gain * (rate + FAINT * rate.mean(1, keepdims=True))
                residual[kind, part] = (measured - rate) / np.sqrt(variance)
        report("compare cells with the model", (done + 1) / len(present))
    along = basis(phase, VARIATION) * np.where(np.arange(2 * 2 * VARIATION + 1) > 0, np.sqrt(2), 1)
    members = np.bincount(cell, minlength=cells)
    shares = 1 / np.sqrt(np.maximum(members, 1))[cell]
    found = []
    for values in residual:
        parts = [csr_array((term * shares, (cell, np.arange(len(cell)))), shape=(cells, len(cell))) @ values for term in along.T]
        found.append(np.concatenate(parts, axis=1))
    return found[0], found[1]


def _levelled(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores (..., cell) in standard deviations from the middle, as the lower cells scatter: defects are the upper ones."""
    low, middle = np.quantile(scores, (LOW, MIDDLE), axis=-1, keepdims=True)
    return np.asarray((scores - middle) * (ndtri(MIDDLE) - ndtri(LOW)) / np.maximum(middle - low, 1e-9) + ndtri(MIDDLE))


def _misfit(own: NDArray[np.float64], whole: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean square residual (cell,) beside what all cells share: one for noise alone, NaN where a cell is not whole."""
    return np.where(whole, ((own - np.median(own[whole], axis=0)) ** 2).mean(1), np.nan)


def _lone(misfit: NDArray[np.float64], whole: NDArray[np.bool_], lattice: tuple[int, int]) -> NDArray[np.bool_]:
    """Cells (cell,) that fit far worse than most, while most of the cells round them do not: they say nothing of their neighbours."""
    logarithm = np.log(misfit)
    low, middle = np.quantile(logarithm[whole], (LOW, MIDDLE))
    spread = (middle - low) / (ndtri(MIDDLE) - ndtri(LOW))
    odd = whole & (logarithm > middle + max(FAR * spread, np.log(2)))
    around = _around(np.where(whole, odd, np.nan).reshape(*lattice, 1))[..., 0]
    with warnings.catch_warnings():
        # a cell without neighbours
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(odd & (np.nanmean(around, axis=0).ravel() < 0.5))


def _disagreement(
    common: NDArray[np.float64], whole: NDArray[np.bool_], compared: NDArray[np.bool_], lattice: tuple[int, int]
) -> NDArray[np.float64]:
    """Disagreement of every cell with the neighbours that are `compared`, (cell,): one for noise alone, NaN where a cell is not whole."""
    grid = common.reshape(*lattice, -1)
    beside = _around(np.where(compared[:, None], common, np.nan).reshape(*lattice, -1))
    ordered = np.sort(((grid - beside) ** 2).mean(-1) / 2, axis=0)  # NaN last
    known = np.isfinite(ordered).sum(0)
    place = np.round(DISAGREEING * (known - 1)).astype(int).clip(min=0)
    found = np.where(known > 0, np.take_along_axis(ordered, place[None], 0)[0], 1.0)
    return np.where(whole, found.ravel(), np.nan)


def _around(grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """The eight neighbours (neighbour, row, column, component) of every cell, NaN beyond the edge."""
    padded = np.pad(grid, ((1, 1), (1, 1), (0, 0)), constant_values=np.nan)
    rows, columns = grid.shape[:2]
    shifts = [(down, right) for down in range(3) for right in range(3) if (down, right) != (1, 1)]
    return np.stack([padded[down : down + rows, right : right + columns] for down, right in shifts])
