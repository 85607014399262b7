"""How much a single pattern tells of the polarization, at every phase of the unit cell.

The best there can be: the classifier of Bayes, which knows the specimen, the microscope and the counting noise. Where the
probe stood it knows (`phase_known`), or has to find out from the same pattern, as every per-pattern model must.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

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
GRID: Final = 20  # phases along a side of the cell that an unknown one is sought from


def information_map(
    specimen: SpecimenFit,
    cube: xr.DataArray,
    *,
    dose: float | None = None,
    phases: int = 12,
    phase_known: bool = False,
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

    Returns
    -------
    Dataset on (direction_class, cell_y, cell_x)
        ``expected_error``: probability that the most likely direction is not the true one; ``separation`` (also on
        other_class): distance of the two directions' patterns in standard deviations of the counting noise, of one
        electron a pattern. Classes in the scan frame, phases (down, right) in cells.

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
    apart = separations([terms / specimen.dose for terms in series], background / specimen.dose, phase, phase_known=phase_known)
    # variants are named by the class that is nearest in the scan frame
    order = np.argsort(nearest_class(np.asarray(ANGLES_DEG) + specimen.rotation_deg - specimen.scan_rotation_deg))
    cells = {dim: (dim, grid, {"units": "cell"}) for dim in ("cell_y", "cell_x")}
    information = xr.Dataset(
        {
            "separation": (
                ("direction_class", "other_class", "cell_y", "cell_x"),
                apart[order][:, order].reshape(len(order), len(order), phases, phases),
                {"units": "1", "long_name": "separation of the patterns for one electron"},
            )
        },
        coords={"direction_class": list(NAMES), "other_class": list(NAMES), **cells},
        attrs={"phase_known": int(phase_known), **specimen.attrs()},
    )
    return at_dose(information, dose)


def at_dose(information: xr.Dataset, dose: float) -> xr.Dataset:
    """The information map for another dose, electrons a pattern: nothing is simulated anew."""
    error = bayes_error(information["separation"].values * np.sqrt(dose))
    variable = (("direction_class", "cell_y", "cell_x"), error, {"units": "1", "long_name": "expected error of the best classifier"})
    return information.assign(expected_error=variable).assign_attrs(dose=float(dose))


def at_error_rate(information: xr.Dataset, rate: float) -> xr.Dataset:
    """The information map for the dose at which the best classifier errs as often as a model does.

    A model that errs more than the best one uses fewer of the electrons: the dose over the true one is its efficiency, and
    the map so scaled says best where it fails.
    """
    if not 0 < rate < 0.85:
        raise ValueError(f"the error rate must lie between 0 and 0.85 (chance is 0.875), got {rate}")

    def excess(logarithm: float) -> float:
        return float(bayes_error(information["separation"].values * np.exp(logarithm / 2)).mean()) - rate

    return at_dose(information, float(np.exp(brentq(excess, -10.0, 30.0))))


def bayes_error(separation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected error (direction, ...) of the most likely direction, from separations (direction, other, ...).

    A direction is taken for another when noise carries its pattern over half their distance; the chances of being taken for
    none multiply, as Slepian's bound has it (doi:10.1002/j.1538-7305.1962.tb02419.x).
    """
    right = ndtr(separation / 2)
    # a pattern is never taken for itself
    right[np.arange(len(right)), np.arange(len(right))] = 1
    return np.asarray(1 - right.prod(1))


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


def separations(
    series: list[NDArray[np.float64]], background: NDArray[np.float64], phase: NDArray[np.float64], *, phase_known: bool
) -> NDArray[np.float64]:
    """How far the directions' patterns are apart, in standard deviations of the counting noise.

    In units of the mean pattern's noise counts scatter alike in all directions. Where the phase is unknown, the other
    direction's pattern is the nearest one at any phase: from a grid, then linearly.

    Parameters
    ----------
    series : arrays (term, pixel), one a direction
        Expected counts as series in the phase.
    background : array (pixel,)
        Counts.
    phase : array (phase, 2)
        Where the probe stands.

    Returns
    -------
    array (direction, other, phase)
    """
    mean = background + np.mean([terms[0] for terms in series], axis=0)
    whiten = 1 / np.sqrt(np.maximum(mean, 1e-4 * mean.max()))
    rows = np.concatenate([np.concatenate([terms[:1] + background - mean, terms[1:]]) * whiten for terms in series])
    # coordinates along the principal axes of all terms
    square, turned = np.linalg.eigh(rows @ rows.T)
    coordinates = (turned * np.sqrt(square.clip(min=0)))[:, ::-1][:, :COMPONENTS]
    reduced = np.split(coordinates, len(series))
    patterns = [_tensor(basis(phase, ORDER) @ terms) for terms in reduced]
    apart = np.zeros((len(series), len(series), len(phase)))
    for number, own in enumerate(patterns):
        for other, model in enumerate(patterns):
            if other != number:
                distance = (own - model).square().sum(1)
                if not phase_known:
                    distance = torch.minimum(distance, _nearest_square(own, reduced[other]))
                apart[number, other] = distance.clamp(min=0).sqrt().numpy()
    return apart


def _nearest_square(patterns: torch.Tensor, terms: NDArray[np.float64]) -> torch.Tensor:
    """Square distance of patterns (n, component) from the nearest pattern of a series at any phase."""
    grid = np.arange(GRID) / GRID
    candidates = np.stack(np.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2)
    model = _tensor(basis(candidates, ORDER) @ terms)
    slopes = [_tensor(basis_slope(candidates, ORDER, axis) @ terms) for axis in (0, 1)]
    down, right = (patterns @ slope.T - (model * slope).sum(1) for slope in slopes)
    steep_y, steep_x, cross = ((one * other).sum(1) for one, other in ((slopes[0], slopes[0]), (slopes[1], slopes[1]), slopes))
    determinant = steep_y * steep_x - cross**2 + 1e-9
    step_y = ((steep_x * down - cross * right) / determinant).clamp_(-0.5 / GRID, 0.5 / GRID)
    step_x = ((steep_y * right - cross * down) / determinant).clamp_(-0.5 / GRID, 0.5 / GRID)
    square = patterns.square().sum(1, keepdim=True) - 2 * (patterns @ model.T) + model.square().sum(1)
    square += steep_y * step_y.square() + 2 * cross * step_y * step_x + steep_x * step_x.square() - 2 * (step_y * down + step_x * right)
    return square.amin(1)


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
