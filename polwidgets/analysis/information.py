"""How much a single pattern tells of the polarization, at every phase of the unit cell.

The best there can be: the classifier of Bayes, which knows the specimen, the microscope and the counting noise. Where the
probe stood it knows (`phase_known`), or has to find out from the same pattern, as every per-pattern model must.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from polwidgets.cube.unit_cell import UnitCell
from polwidgets.directions import ANGLES_DEG, NAMES, nearest_class
from polwidgets.match.fit import background_shapes
from polwidgets.match.library import Variant
from polwidgets.match.measurement import Readings
from polwidgets.match.scan import library_at, readings_for
from polwidgets.match.specimen import SpecimenFit
from polwidgets.progress import Progress, reporter
from polwidgets.simulate.patterns import basis, basis_slope

ORDER: Final = 6
COMPONENTS: Final = 80  # of the whitened patterns: what they leave is below the counting noise
DRAWS: Final = 16  # noisy patterns a phase and direction
GRID: Final = 20  # phases along a side of the cell that an unknown one is sought from


def information_map(
    specimen: SpecimenFit,
    cube: xr.DataArray,
    *,
    dose: float | None = None,
    phases: int = 12,
    phase_known: bool = False,
    seed: int = 0,
    progress: bool | Progress = False,
) -> xr.Dataset:
    """Expected error of the best classifier of a lone pattern, by direction and phase in the unit cell.

    Parameters
    ----------
    specimen : SpecimenFit
        Thickness, mistilt, source, blur, background; replace its conditions to see what they do.
    cube : DataArray
        For its detector.
    dose : float, optional
        Incident electrons a pattern; by default the matched one.
    phases : int
        Phases along a side of the cell.
    phase_known : bool
        Whether the classifier is told where the probe stood.
    seed : int
        Draws the counting noise.

    Returns
    -------
    Dataset on (direction_class, cell_y, cell_x)
        ``expected_error``: probability that the most likely direction is not the true one; classes in the scan frame,
        phases (down, right) in cells.

    Raises
    ------
    ValueError
        The dose is not above zero, or there are fewer than two phases.
    """
    report = reporter(progress)
    dose = specimen.dose / specimen.gain if dose is None else dose
    if not dose > 0 or phases < 2:
        raise ValueError(f"the dose must be above zero and phases at least 2, got dose={dose} and phases={phases}")
    grid = np.arange(phases) / phases
    phase = np.stack(np.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2)
    series, background = variant_series(specimen, readings_for(cube[:1, :1], specimen.crystal, specimen.good_pixels), report)
    expected = bayes_error(
        series,
        background,
        phase,
        scale=dose / (specimen.dose / specimen.gain) / specimen.gain,
        phase_known=phase_known,
        seed=seed,
        progress=lambda fraction: report("classify patterns", fraction),
    )
    turn = specimen.rotation_deg - specimen.scan_rotation_deg
    # variants are named by the class that is nearest in the scan frame
    error = expected.reshape(len(NAMES), phases, phases)[np.argsort(nearest_class(np.asarray(ANGLES_DEG) + turn))]
    cells = {dim: (dim, grid, {"units": "cell"}) for dim in ("cell_y", "cell_x")}
    return xr.Dataset(
        {
            "expected_error": (
                ("direction_class", "cell_y", "cell_x"),
                error,
                {"units": "1", "long_name": "expected error of the best classifier"},
            )
        },
        coords={"direction_class": list(NAMES), **cells},
        attrs={"dose": float(dose), "phase_known": int(phase_known), "seed": seed, **specimen.attrs()},
    )


def variant_series(specimen: SpecimenFit, readings: Readings, report: Progress) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
    """Series of the eight variants' expected counts in the phase, each (term, pixel), and the background (pixel,)."""
    library = library_at(specimen, readings)
    conditions = specimen.conditions
    own = float(specimen.crystal.displacement_A)  # type: ignore[attr-defined]
    series = []
    for number, angle in enumerate(ANGLES_DEG):
        expected = library.expected(Variant(own, angle), conditions, readings.k, order=ORDER)
        series.append(specimen.dose * readings.pixel_area * expected)
        report("simulate the eight directions", (number + 1) / len(ANGLES_DEG))
    shapes = background_shapes(readings.k, (conditions.center_y, conditions.center_x))
    return series, readings.pixel_area * (np.array(specimen.background) @ shapes)


def bayes_error(
    series: list[NDArray[np.float64]],
    background: NDArray[np.float64],
    phase: NDArray[np.float64],
    *,
    scale: float,
    phase_known: bool,
    seed: int,
    progress: Callable[[float], None] | None = None,
) -> NDArray[np.float64]:
    """Share of patterns, drawn with counting noise, that the most likely direction gets wrong.

    In units of the mean pattern's noise counts scatter about their expectation alike in all directions, so likelihoods are
    distances. An unknown phase takes the value that makes its direction most likely: from a grid, then linearly.

    Parameters
    ----------
    series : arrays (term, pixel), one a direction
        Expected counts as series in the phase.
    background : array (pixel,)
        Counts.
    phase : array (phase, 2)
        Where the patterns are drawn.
    scale : float
        Electrons a count.

    Returns
    -------
    array (direction, phase)
    """
    mean = background + np.mean([terms[0] for terms in series], axis=0)
    whiten = np.sqrt(scale / np.maximum(mean, 1e-4 * mean.max()))
    spread = np.concatenate([terms[1:] * whiten for terms in series])
    offsets = [(terms[0] + background - mean) * whiten for terms in series]
    _, axes = np.linalg.eigh(spread.T @ spread / 2 + sum(np.outer(offset, offset) for offset in offsets))
    axes = axes[:, ::-1][:, :COMPONENTS]
    reduced = [np.concatenate([[offset], terms[1:] * whiten]) @ axes for offset, terms in zip(offsets, series, strict=True)]
    drawn = [_tensor(basis(phase, ORDER) @ terms) for terms in reduced]
    grid = np.arange(GRID) / GRID
    candidates = np.stack(np.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2)
    generator = torch.Generator().manual_seed(seed)
    error = np.empty((len(series), len(phase)))
    for number, means in enumerate(drawn):
        noisy = means + torch.randn(DRAWS, *means.shape, generator=generator)
        if phase_known:
            likelihood = torch.stack([-(noisy - model).square().sum(-1) for model in drawn], -1)
        else:
            rows = noisy.reshape(-1, means.shape[1])
            likelihood = torch.stack([_profile(rows, terms, candidates) for terms in reduced], -1).reshape(DRAWS, len(means), -1)
        error[number] = (likelihood.argmax(-1) != number).float().mean(0).numpy()
        if progress is not None:
            progress((number + 1) / len(drawn))
    return error


def _profile(patterns: torch.Tensor, terms: NDArray[np.float64], candidates: NDArray[np.float64]) -> torch.Tensor:
    """Twice the log-likelihood of patterns (n, component), but for a constant, at the phase that suits each best."""
    model = _tensor(basis(candidates, ORDER) @ terms)
    slopes = [_tensor(basis_slope(candidates, ORDER, axis) @ terms) for axis in (0, 1)]
    down, right = (patterns @ slope.T - (model * slope).sum(1) for slope in slopes)
    steep = [[(one * other).sum(1) for other in slopes] for one in slopes]
    determinant = steep[0][0] * steep[1][1] - steep[0][1] ** 2 + 1e-9
    limit = 0.5 / GRID
    step_y = ((steep[1][1] * down - steep[0][1] * right) / determinant).clamp_(-limit, limit)
    step_x = ((steep[0][0] * right - steep[0][1] * down) / determinant).clamp_(-limit, limit)
    gain = 2 * (patterns @ model.T) - model.square().sum(1) + 2 * (step_y * down + step_x * right)
    gain -= steep[0][0] * step_y.square() + 2 * steep[0][1] * step_y * step_x + steep[1][1] * step_x.square()
    return gain.amax(1)


def _tensor(values: NDArray[np.float64]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def expected_error(
    information: xr.Dataset, scan: xr.DataArray | xr.Dataset, unit_cell: UnitCell, direction_deg: NDArray[np.float64] | float
) -> xr.DataArray:
    """The information map laid over a scan: at every probe position the expected error of the true direction at its phase.

    Parameters
    ----------
    scan : DataArray or Dataset
        Cube, prediction or error map, for its scan coords.
    unit_cell : UnitCell
        The match's, since the information map has the crystal's origin.
    direction_deg : array (scan_y, scan_x) or float
        True directions, or the best known ones.
    """
    values = information["expected_error"].values
    count = values.shape[-1]
    label = np.broadcast_to(nearest_class(direction_deg), (scan.sizes["scan_y"], scan.sizes["scan_x"]))
    place = unit_cell.phase(scan["scan_y"].values, scan["scan_x"].values) * count
    low = np.floor(place).astype(int)
    part = place - low
    total = np.zeros(label.shape)
    for down in (0, 1):
        for right in (0, 1):
            weight = np.abs(1 - down - part[..., 0]) * np.abs(1 - right - part[..., 1])
            total += weight * values[label, (low[..., 0] + down) % count, (low[..., 1] + right) % count]
    coords = {dim: scan[dim] for dim in ("scan_y", "scan_x")}
    return xr.DataArray(
        total, dims=("scan_y", "scan_x"), coords=coords, name="expected_error", attrs={"units": "1", "long_name": "expected error"}
    )
