"""The default model: every pattern against the simulator at the matched conditions, evidence pooled over the unit cell."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import ClassVar, Final, Literal, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.directions import ANGLES_DEG, direction_to_vector, nearest_class, vector_to_direction
from polwidgets.match.evidence import variant_evidence
from polwidgets.match.library import Library, Variant
from polwidgets.match.measurement import Readings
from polwidgets.match.scan import mesh_for, readings_for
from polwidgets.match.sliding_cell import pool_over_cell, sharpen_walls
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.base import Context, models
from polwidgets.models.prediction import make_prediction
from polwidgets.progress import Progress
from polwidgets.registry import parameter

POWERS: Final = tuple((i, j) for i in range(5) for j in range(5 - i))  # of a quartic in the displacement's two components


@models.register("unit_cell_match")
@dataclasses.dataclass
class UnitCellMatch:
    """Poisson evidence for the displacement vector, from simulation at the matched specimen.

    The crystal is simulated with displacements of two lengths along eight directions and with none. Every pattern's
    log-likelihood at its own phase in the cell, summed over one cell, is a smooth function of the displacement vector;
    its maximum is the displacement, its curvature the error, its values at the eight variants their probabilities.
    """

    trains_on: ClassVar[Literal["specimen", "patterns"]] = "specimen"
    order: int = parameter(6, "highest frequency of the patterns' series in the unit-cell phase", min=2, max=8, step=1)
    k_limit: float = parameter(3.4, "band limit of the simulation", min=2.0, max=6.0, step=0.1, unit="1/angstrom")
    shortest: float = parameter(2 / 3, "shorter simulated displacement, in the crystal's own", min=0.2, max=1.0, step=0.05)
    longest: float = parameter(4 / 3, "longer simulated displacement, in the crystal's own", min=1.0, max=3.0, step=0.05)
    specimen: SpecimenFit | None = dataclasses.field(default=None, init=False, repr=False)

    def fit(self, training: SpecimenFit | xr.Dataset, *, seed: int = 0, progress: Progress) -> Self:
        """Take the matched specimen; the simulation is made for the detector that is met in `predict`."""
        if not isinstance(training, SpecimenFit):
            raise TypeError(f"unit_cell_match learns from a matched specimen (pw.match(cube)), got {type(training).__name__}")
        self.specimen = training
        return self

    def predict(self, cube: xr.DataArray, specimen: SpecimenFit, *, context: Context, progress: Progress) -> xr.Dataset:
        """Displacement vector, class probabilities and confidence at every probe position."""
        readings = readings_for(cube, specimen.crystal)
        own = float(specimen.crystal.displacement_A)  # type: ignore[attr-defined]
        nodes = [Variant(own * factor, angle) for factor in (self.shortest, self.longest) for angle in ANGLES_DEG]
        library = self._library(specimen, readings)
        evidence = variant_evidence(
            readings, specimen.unit_cell.phase_of(cube).reshape(-1, 2), library, nodes, specimen.conditions,
            dose=specimen.dose, background=np.array(specimen.background), order=self.order,
            progress=lambda fraction: progress("read the polarization", fraction),
        )  # fmt: skip
        if context == "unit_cell":
            evidence = sharpen_walls(pool_over_cell(evidence, cube, specimen.unit_cell), cube, specimen.unit_cell)
        vectors = np.array([[0.0, 0.0], *(node.displacement_A * direction_to_vector(node.direction_deg) for node in nodes)])
        surface = Surface.through(vectors / own, np.concatenate([np.zeros((*evidence.shape[:2], 1)), evidence], -1))
        vector, covariance = surface.maximum(limit=1.25 * self.longest)
        length = np.hypot(vector[..., 0], vector[..., 1])
        typical = float(np.median(length))
        classes = typical * direction_to_vector(ANGLES_DEG)
        log_probability = np.stack([surface.value(np.broadcast_to(point, vector.shape)) for point in classes], -1)
        probability = np.exp(log_probability - log_probability.max(-1, keepdims=True))
        probability /= probability.sum(-1, keepdims=True)
        turn = specimen.rotation_deg - specimen.scan_rotation_deg
        # variants are named by the class that is nearest in the scan frame
        probability = probability[..., np.argsort(nearest_class(np.asarray(ANGLES_DEG) + turn))]
        along = vector / np.maximum(length, 1e-9)[..., None]
        error = np.sqrt(np.einsum("...a,...ab,...b->...", along, covariance, along).clip(0))
        return make_prediction(
            cube,
            probability=probability,
            direction_deg=vector_to_direction(vector) + turn,
            displacement_pm=100 * own * length,
            displacement_error_pm=100 * own * error,
            model="unit_cell_match",
            context=context,
            **specimen.attrs(),
        )

    def _library(self, specimen: SpecimenFit, readings: Readings) -> Library:
        depth = specimen.crystal.cell_A[2]
        return Library(
            specimen.crystal,
            voltage_kV=specimen.voltage_kV,
            semiangle_mrad=specimen.semiangle_mrad,
            thicknesses_A=specimen.thickness_A + depth * np.array([-1, 0, 1]),
            k_outgoing=float(np.abs(readings.k).max()),
            mesh=mesh_for(readings, specimen.crystal),
            k_limit=self.k_limit,
        )

    def save(self, path: str | Path) -> None:
        """Write the parameters as JSON."""
        raise NotImplementedError

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Surface:
    """Log-likelihood as a quartic in the displacement (down, right), at every probe position.

    Attributes
    ----------
    coefficients : array (..., monomial)
    """

    coefficients: NDArray[np.float64]

    @classmethod
    def through(cls, points: NDArray[np.float64], values: NDArray[np.float64]) -> Surface:
        """Least-squares quartic through values (..., point) at points (point, 2)."""
        return cls(values @ np.linalg.pinv(_monomials(points, 0, 0)).T)

    def value(self, vector: NDArray[np.float64], down: int = 0, right: int = 0) -> NDArray[np.float64]:
        """The surface, or its derivative of the given orders, at vectors (..., 2)."""
        return np.asarray((self.coefficients * _monomials(vector, down, right)).sum(-1))

    def maximum(self, limit: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Vector (..., 2) of the maximum within `limit`, and its covariance (..., 2, 2): minus the inverse curvature."""
        radius, angle = np.meshgrid(np.linspace(0.1, limit, 13), np.deg2rad(np.arange(0, 360, 7.5)), indexing="ij")
        grid = np.stack([radius * np.sin(angle), radius * np.cos(angle)], -1).reshape(-1, 2)
        table = self.coefficients @ _monomials(grid, 0, 0).T
        vector = grid[table.argmax(-1)]
        for _ in range(8):
            curvature = self._curvature(vector)
            slope = np.stack([self.value(vector, 1, 0), self.value(vector, 0, 1)], -1)
            step = np.clip(np.linalg.solve(curvature, slope[..., None])[..., 0], -0.1, 0.1)
            vector = vector + step
            long = np.hypot(vector[..., 0], vector[..., 1])
            vector = vector * np.minimum(1.0, limit / np.maximum(long, 1e-9))[..., None]
        return vector, np.linalg.inv(self._curvature(vector))

    def _curvature(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """Minus the second derivatives, made positive definite."""
        cross = self.value(vector, 1, 1)
        matrix = -np.stack([np.stack([self.value(vector, 2, 0), cross], -1), np.stack([cross, self.value(vector, 0, 2)], -1)], -2)
        values, axes = np.linalg.eigh(matrix)
        values = np.maximum(np.abs(values), 1e-3)
        return np.asarray((axes * values[..., None, :]) @ np.swapaxes(axes, -1, -2))


def _monomials(vector: NDArray[np.float64], down: int, right: int) -> NDArray[np.float64]:
    """Derivatives of the quartic's monomials at vectors (..., 2); (..., monomial)."""
    y, x = np.asarray(vector)[..., 0], np.asarray(vector)[..., 1]

    def power(value: NDArray[np.float64], exponent: int, derivative: int) -> NDArray[np.float64]:
        factor = np.prod(np.arange(exponent - derivative + 1, exponent + 1)) if derivative else 1
        return np.asarray(factor * value ** (exponent - derivative)) if exponent >= derivative else np.zeros_like(value)

    return np.stack([power(y, i, down) * power(x, j, right) for i, j in POWERS], -1)
