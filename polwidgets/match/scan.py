"""Match a scan: its patterns' series in the unit-cell phase against the simulator's."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.crystal.base import Crystal
from polwidgets.cube.disk import fit_disk
from polwidgets.cube.schema import require, require_calibrated, validate
from polwidgets.cube.unit_cell import UnitCell, find_unit_cell
from polwidgets.directions import ANGLES_DEG
from polwidgets.electron import wave_number
from polwidgets.match.coarse import coarse_search
from polwidgets.match.conditions import Conditions
from polwidgets.match.evidence import variant_evidence
from polwidgets.match.fit import ConditionsFit, fit_conditions
from polwidgets.match.library import Library, Variant, shift_series
from polwidgets.match.measurement import Measurement, Readings, measure, read_patterns
from polwidgets.match.phase import refine_unit_cell
from polwidgets.match.sliding_cell import pool_over_cell, sharpen_walls
from polwidgets.match.specimen import SpecimenFit
from polwidgets.progress import Progress

ORDER: Final = 4  # a source of a third of an angstrom leaves a sixth of the fourth frequency
THICKNESS_STEP_A: Final = 24.0  # patterns between saved thicknesses are interpolated by parabolas
SUPERPIXELS: Final = 12  # along a side of the detector
COMPONENTS: Final = 6
SMALLEST_SHARE: Final = 0.02  # of the scan: less is noise
FREE: Final = (
    "thickness_A", "tilt_y_mrad", "tilt_x_mrad", "source_A", "blur", "center_y", "center_x", "origin_y", "origin_x", "rotation_deg",
)  # fmt: skip


def match_scan(
    cube: xr.DataArray,
    crystal: Crystal,
    thickness_range_A: tuple[float, float],
    *,
    good_pixels: NDArray[np.bool_] | None,
    progress: Progress,
) -> SpecimenFit:
    """Find specimen and lattice of a calibrated cube; see `polwidgets.match.matching.match`."""
    validate(cube)
    require_calibrated(cube)
    voltage_kV, semiangle_mrad = require(cube, "voltage_kV", "semiangle_mrad")
    aperture = wave_number(semiangle_mrad, voltage_kV)
    scan_rotation_deg = float(cube.attrs.get("scan_rotation_deg", 0.0))
    progress("read the scan", 0.0)
    readings = readings_for(cube, crystal, good_pixels)
    progress("read the scan", 1.0)
    mean = readings.picture(readings.mean)
    disk = fit_disk(mean, radius_px=aperture / readings.pixel_area**0.5)
    center = tuple(
        float(np.interp(place, np.arange(axis.size), axis)) for place, axis in ((disk.center_y_px, mean.ky), (disk.center_x_px, mean.kx))
    )
    unit_cell = find_unit_cell(_lattice_images(cube, readings), cell_A=crystal.cell_A[:2])
    library = Library(
        crystal,
        voltage_kV=voltage_kV,
        semiangle_mrad=semiangle_mrad,
        thicknesses_A=np.arange(thickness_range_A[0], thickness_range_A[1] + THICKNESS_STEP_A, THICKNESS_STEP_A),
        k_outgoing=float(np.abs(readings.k).max()),
        mesh=mesh_for(readings, crystal),
        k_limit=2.7,
    )

    def series(order: int) -> Measurement:
        return measure(readings, unit_cell.phase_of(cube).reshape(-1, 2), order=order)

    start = Conditions(center_y=center[0], center_x=center[1], rotation_deg=unit_cell.rotation_deg + scan_rotation_deg)
    candidates = coarse_search(series(2), library, start, progress=lambda fraction: progress("search thickness and tilt", fraction))
    step = "fit the specimen"
    progress(step, 0.0)
    fits = [fit_conditions(series(2), library, candidate, free=FREE) for candidate in candidates]
    fit = min(fits, key=lambda found: found.misfit)
    # the rest of the thicknesses, a hundred megabytes of them, is not needed any more
    library = library.around(fit.conditions.thickness_A)
    fit = fit_conditions(series(ORDER), library, fit.conditions, free=FREE)
    # first an affine lattice, then one that slow drift may bend
    for part, monomial_count in ((1, 3), (2, 6)):
        progress(step, part / 3)
        origin = (fit.conditions.origin_y, fit.conditions.origin_x)
        expected = shift_series(fit.expected, ORDER, (-origin[0], -origin[1]))
        unit_cell = refine_unit_cell(unit_cell.moved(origin), cube, readings, expected, order=ORDER, monomial_count=monomial_count)
        fit = fit_conditions(series(ORDER), library, dataclasses.replace(fit.conditions, origin_y=0.0, origin_x=0.0), free=FREE)
    own = float(getattr(crystal, "displacement_A", 0.0))
    if own > 0:
        progress(step, 0.8)
        # a polar crystal's displacement passes for a shifted origin until it is fitted itself
        domains = _domains(cube, readings, unit_cell, library, fit, own)
        fit = fit_conditions(series(ORDER), library, fit.conditions, free=FREE, domains=domains)
    progress(step, 1.0)
    origin = (fit.conditions.origin_y, fit.conditions.origin_x)
    return SpecimenFit(
        crystal=crystal,
        voltage_kV=voltage_kV,
        semiangle_mrad=semiangle_mrad,
        conditions=dataclasses.replace(fit.conditions, origin_y=0.0, origin_x=0.0),
        errors=fit.errors,
        score=fit.correlation,
        misfit=fit.misfit,
        gain=fit.gain,
        dose=fit.dose,
        background=tuple(fit.background.tolist()),
        patterns=xr.Dataset({"measured": mean, "model": readings.picture(fit.expected[0])}),
        unit_cell=unit_cell.moved(origin),
        scan_rotation_deg=scan_rotation_deg,
        good_pixels=good_pixels,
    )


def _domains(
    cube: xr.DataArray, readings: Readings, unit_cell: UnitCell, library: Library, fit: ConditionsFit, displacement_A: float
) -> dict[Variant, float]:
    """Which displaced variants the scan holds, and their shares of it: the best one of every sliding cell."""
    variants = [Variant(displacement_A, angle) for angle in ANGLES_DEG]
    evidence = variant_evidence(
        readings, unit_cell.phase_of(cube).reshape(-1, 2), library, variants, fit.conditions,
        dose=fit.dose, background=fit.background, order=ORDER,
    )  # fmt: skip
    best = sharpen_walls(pool_over_cell(evidence, cube, unit_cell), cube, unit_cell).argmax(-1)
    share = np.bincount(best.ravel(), minlength=len(variants)) / best.size
    share[share < SMALLEST_SHARE] = 0
    return {variant: float(part / share.sum()) for variant, part in zip(variants, share, strict=True) if part}


def readings_for(cube: xr.DataArray, crystal: Crystal, good_pixels: NDArray[np.bool_] | None = None) -> Readings:
    """The cube's patterns, binned to a quarter of the crystal's reciprocal lattice and cropped to where electrons go."""
    voltage_kV, semiangle_mrad = require(cube, "voltage_kV", "semiangle_mrad")
    k_limit = 2.2 * wave_number(semiangle_mrad, voltage_kV) + 0.1
    return read_patterns(cube, good=good_pixels, pixel=0.25 / max(crystal.cell_A[:2]), k_limit=k_limit)


def library_at(specimen: SpecimenFit, readings: Readings, *, k_limit: float = 2.7) -> Library:
    """A library for the detector of these readings around the matched thickness."""
    depth = specimen.crystal.cell_A[2]
    return Library(
        specimen.crystal,
        voltage_kV=specimen.voltage_kV,
        semiangle_mrad=specimen.semiangle_mrad,
        thicknesses_A=specimen.thickness_A + depth * np.array([-1, 0, 1]),
        k_outgoing=float(np.abs(readings.k).max()),
        mesh=mesh_for(readings, specimen.crystal),
        k_limit=k_limit,
    )


def mesh_for(readings: Readings, crystal: Crystal) -> int:
    """Steps of the k mesh in a reciprocal lattice vector: about the detector's pixel."""
    return int(np.clip(round(1 / (max(crystal.cell_A[:2]) * readings.pixel_area**0.5)), 3, 8))


def _lattice_images(cube: xr.DataArray, readings: Readings) -> xr.DataArray:
    """The images that show the lattice best whatever the specimen: principal components of the coarsely binned patterns."""
    low, high = readings.k.min(0), readings.k.max(0)
    place = np.minimum((readings.k - low) / (high - low) * SUPERPIXELS, SUPERPIXELS - 1).astype(int)
    group = place[:, 0] * SUPERPIXELS + place[:, 1]
    sums = np.zeros((readings.k.shape[0], SUPERPIXELS**2), np.float32)
    sums[np.arange(len(group)), group] = 1
    coarse = np.concatenate([readings.block(part) @ sums for part in readings.chunks()]).astype(float)
    # every superpixel in units of its own counting noise, so that no component is mere brightness
    coarse = (coarse - coarse.mean(0)) / np.sqrt(coarse.mean(0) + 1e-3 * coarse.mean())
    _, axes = np.linalg.eigh(coarse.T @ coarse)
    images = (coarse @ axes[:, ::-1][:, :COMPONENTS]).T.reshape(COMPONENTS, *readings.scan_shape)
    coords = {dim: cube[dim] for dim in ("scan_y", "scan_x")}
    return xr.DataArray(images, dims=("image", "scan_y", "scan_x"), coords=coords)
