"""A measured pattern beside the one that a specimen would give: what somebody who matches by hand looks at."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import nnls

from polwidgets.crystal.base import Crystal
from polwidgets.cube.disk import fit_disk
from polwidgets.cube.reduce import mean_pattern
from polwidgets.cube.schema import require, require_calibrated, validate
from polwidgets.cube.unit_cell import UnitCell
from polwidgets.electron import wave_number
from polwidgets.match.conditions import Conditions
from polwidgets.match.fit import background_shapes
from polwidgets.match.library import PARAELECTRIC, Library, Variant
from polwidgets.match.lone_pattern import Target, find_target, library_for
from polwidgets.match.measurement import FLOOR, Readings
from polwidgets.match.scan import THICKNESS_STEP_A, mesh_for, readings_for


class Compared(NamedTuple):
    """A simulated pattern brought to the measured one's scale.

    ``simulated`` and ``difference`` (measured less simulated, where it counts) are (pixel,); ``misfit`` is the share of
    the measured structure that the simulation does not explain: zero for a perfect match, one for none.
    """

    simulated: NDArray[np.float64]
    difference: NDArray[np.float64]
    misfit: float


class Shown(NamedTuple):
    """What is to be simulated; direction of the displacement in the scan frame, probe position in scan pixels."""

    conditions: Conditions
    displacement_A: float = 0.0
    direction_deg: float = 0.0
    defocus_A: float = 0.0
    probe: tuple[int, int] | None = None


class ScanComparison:
    """A calibrated scan beside its simulation: position-averaged, or once the lattice is known at any probe position.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
    crystal : Crystal
    thickness_range_A : (float, float)
        The library covers it.
    unit_cell : UnitCell, optional
        The lattice, as a match of the scan finds it.
    """

    def __init__(
        self, cube: xr.DataArray, crystal: Crystal, thickness_range_A: tuple[float, float], unit_cell: UnitCell | None = None
    ) -> None:
        require_calibrated(validate(cube))
        voltage_kV, semiangle_mrad = require(cube, "voltage_kV", "semiangle_mrad")
        self.unit_cell = unit_cell
        self._cube, self._crystal = cube, crystal
        self._readings = self._read(mean_pattern(cube).expand_dims(["scan_y", "scan_x"]).assign_attrs(cube.attrs))
        self.frame = self._readings.frame
        self._mean = self._readings.mean
        self.library = Library(
            crystal,
            voltage_kV=voltage_kV,
            semiangle_mrad=semiangle_mrad,
            thicknesses_A=np.arange(thickness_range_A[0], thickness_range_A[1] + THICKNESS_STEP_A, THICKNESS_STEP_A),
            k_outgoing=float(np.abs(self._readings.k).max()),
            mesh=mesh_for(self._readings, crystal),
            k_limit=2.7,
        )
        self.scan_rotation_deg = float(cube.attrs.get("scan_rotation_deg", 0.0))

    def start(self) -> Conditions:
        """Where one may begin: the disk's centre, and a crystal along the scan."""
        mean = self._readings.picture(self._mean)
        aperture = wave_number(self.library.semiangle_mrad, self.library.voltage_kV)
        disk = fit_disk(mean, radius_px=aperture / self._readings.pixel_area**0.5)
        places = zip((disk.center_y_px, disk.center_x_px), (mean.ky, mean.kx), strict=True)
        center = [float(np.interp(place, np.arange(axis.size), axis)) for place, axis in places]
        return Conditions(center_y=center[0], center_x=center[1], rotation_deg=self.scan_rotation_deg)

    def measured(self, probe: tuple[int, int] | None = None) -> NDArray[np.float64]:
        """The position-averaged pattern, or that of a probe position, (pixel,)."""
        if probe is None:
            return self._mean
        return self._read(self._cube.isel(scan_y=[probe[0]], scan_x=[probe[1]])).mean

    def simulate(self, shown: Shown) -> NDArray[np.float64]:
        """The pattern in fractions of the incident intensity per (1/angstrom)^2, (pixel,)."""
        phase = None
        if shown.probe is not None and self.unit_cell is not None:
            down, right = self.unit_cell.phase_of(self._cube.isel(scan_y=[shown.probe[0]], scan_x=[shown.probe[1]])).ravel().tolist()
            phase = (down, right)
        turn = shown.conditions.rotation_deg - self.scan_rotation_deg
        return simulate(self.library, shown, self._readings.k, turn_deg=turn, phase=phase)

    def compare(self, simulated: NDArray[np.float64], measured: NDArray[np.float64], conditions: Conditions) -> Compared:
        """Dose and a smooth diffuse background are fitted, for they say nothing about the specimen."""
        shapes = background_shapes(self._readings.k, (conditions.center_y, conditions.center_x))
        root_weight = 1 / np.sqrt(self._mean + FLOOR * self._mean.max())
        total = _scaled(simulated, shapes, measured, root_weight)
        difference = measured - total
        plain = measured - _scaled(np.zeros_like(simulated), shapes, measured, root_weight)
        return Compared(total, difference, float(((difference * root_weight) ** 2).sum() / ((plain * root_weight) ** 2).sum()))

    def misfits(self, conditions: Conditions) -> NDArray[np.float64]:
        """Misfit of the position-averaged pattern at every thickness of the library."""
        series = self.library.thickness_series(conditions, self._readings.k)
        return np.array([self.compare(pattern, self._mean, conditions).misfit for pattern in series])

    def picture(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of the pixels as a picture (ky, kx); NaN where a pixel is left out."""
        return np.asarray(self._readings.picture(values).values)

    def _read(self, cube: xr.DataArray) -> Readings:
        return readings_for(cube.fillna(0.0) if cube.dtype.kind == "f" else cube, self._crystal)


class PatternComparison:
    """A lone position-averaged pattern beside its simulation: scale, centre, rotation and grey levels may be unknown.

    So only structure inside the disk counts, as when it is matched.

    Parameters
    ----------
    pattern : DataArray (ky, kx)
        With attrs ``voltage_kV`` and ``semiangle_mrad``.
    crystal : Crystal
    thickness_range_A : (float, float)
    """

    unit_cell = None

    def __init__(self, pattern: xr.DataArray, crystal: Crystal, thickness_range_A: tuple[float, float]) -> None:
        voltage_kV, semiangle_mrad = require(pattern, "voltage_kV", "semiangle_mrad")
        self._target: Target = find_target(np.asarray(pattern.values, float), wave_number(semiangle_mrad, voltage_kV))
        rows, columns = self._target.image.shape
        coords = {"ky": self._target.k[::columns, 0], "kx": self._target.k[:columns, 1]}
        self.frame = xr.DataArray(np.arange(rows * columns).reshape(rows, columns), dims=("ky", "kx"), coords=coords)
        self.library = library_for(crystal, voltage_kV, semiangle_mrad, thickness_range_A)  # type: ignore[arg-type]  # parts are frozen

    def start(self) -> Conditions:
        """Where one may begin: blurred a little, as recorded patterns are."""
        return Conditions(blur=0.03 * wave_number(self.library.semiangle_mrad, self.library.voltage_kV))

    def measured(self, probe: tuple[int, int] | None = None) -> NDArray[np.float64]:  # noqa: ARG002 there is one
        """The pattern, (pixel,), one at its brightest."""
        return self._target.image.ravel()

    def simulate(self, shown: Shown) -> NDArray[np.float64]:
        """The position-averaged pattern, (pixel,)."""
        return simulate(self.library, shown, self._target.k, turn_deg=shown.conditions.rotation_deg)

    def compare(self, simulated: NDArray[np.float64], measured: NDArray[np.float64], conditions: Conditions) -> Compared:  # noqa: ARG002
        """Structure against structure inside the disk; outside nothing counts."""
        shape = self._target.image.shape
        data, model = (self._target.structure(values.reshape(shape)) for values in (measured, simulated))
        scale = max(float(model @ data) / float(model @ model), 0.0)
        residual = np.zeros(shape)
        residual[self._target.inside] = data - scale * model
        # what is slow is not compared, so the simulated pattern borrows it from the measured one
        total = np.where(self._target.inside, measured.reshape(shape) - residual, scale * simulated.reshape(shape))
        return Compared(total.ravel(), residual.ravel(), float((residual**2).sum() / (data @ data)))

    def misfits(self, conditions: Conditions) -> NDArray[np.float64]:
        """Misfit at every thickness of the library."""
        data = self._target.structure(self._target.image)
        models = self._target.structure(self.library.thickness_series(conditions, self._target.k).reshape(-1, *self._target.image.shape))
        return np.asarray(1 - (models @ data).clip(0) ** 2 / ((models**2).sum(1) * (data @ data)))

    def picture(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of the pixels as a picture (ky, kx)."""
        return values.reshape(self._target.image.shape)


def simulate(
    library: Library, shown: Shown, k: NDArray[np.float64], *, turn_deg: float = 0.0, phase: tuple[float, float] | None = None
) -> NDArray[np.float64]:
    """A pattern, position-averaged or at a phase in the unit cell, (pixel,).

    A displacement is interpolated by the parabola through none and those of the crystal's own length, to either side, so
    that two scattering matrices serve all. It points along that eighth of a turn of the crystal that is nearest to the
    wanted direction.
    """

    def one(variant: Variant) -> NDArray[np.float64]:
        if phase is None:
            return np.asarray(library.expected(variant, shown.conditions, k, order=0)[0])
        return library.expected_at(variant, shown.conditions, k, phase=phase, defocus_A=shown.defocus_A)

    own = float(getattr(library.crystal, "displacement_A", 0.0))
    if not own or not shown.displacement_A:
        return one(PARAELECTRIC)
    part = shown.displacement_A / own
    along, against = displaced_variants(own, shown.direction_deg, turn_deg)
    shares = {PARAELECTRIC: 1 - part**2, along: (part**2 + part) / 2, against: (part**2 - part) / 2}
    return np.asarray(sum(share * one(variant) for variant, share in shares.items() if abs(share) > 1e-6))


def displaced_variants(own_A: float, direction_deg: float, turn_deg: float) -> tuple[Variant, Variant]:
    """Displaced along the crystal's eighth of a turn that is nearest to a direction in the scan frame, and against it."""
    angle = 45.0 * round((direction_deg - turn_deg) / 45.0) % 360
    return Variant(own_A, angle), Variant(own_A, (angle + 180) % 360)


def _scaled(
    simulated: NDArray[np.float64], shapes: NDArray[np.float64], measured: NDArray[np.float64], root_weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Non-negative amounts of pattern and background that together come nearest to what was measured."""
    design = np.stack([simulated / max(simulated.max(), 1e-300), *shapes])
    amounts = nnls((design * root_weight).T, measured * root_weight)[0]
    return np.asarray(amounts @ design)
