"""The default model: every pattern against the simulator at the matched conditions, evidence pooled over the unit cell."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.directions import ANGLES_DEG, direction_to_vector, nearest_class, vector_to_direction
from polwidgets.match.evidence import variant_evidence
from polwidgets.match.library import Variant
from polwidgets.match.scan import library_at, readings_for
from polwidgets.match.sliding_cell import pool_over_cell, sharpen_walls, window_size
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.base import Context, Trains, models, restore
from polwidgets.models.prediction import make_prediction
from polwidgets.models.surface import Surface
from polwidgets.perturb.base import Perturbation
from polwidgets.progress import Progress, silent
from polwidgets.registry import parameter
from polwidgets.training.tensor_file import save_bytes


@models.register("unit_cell_match")
@dataclasses.dataclass
class UnitCellMatch:
    """Poisson evidence for the displacement vector, from simulation at the matched specimen.

    The crystal is simulated with displacements of two lengths along eight directions and with none. Every pattern's
    log-likelihood at its own phase in the cell, summed over one cell, is a smooth function of the displacement vector;
    its maximum is the displacement, its curvature the error, its values at the eight variants their probabilities.
    """

    trains_on: ClassVar[Trains] = "specimen"
    contexts: ClassVar[tuple[Context, ...]] = ("pattern", "unit_cell")
    order: int = parameter(6, "highest frequency of the patterns' series in the unit-cell phase", min=2, max=8, step=1)
    k_limit: float = parameter(2.7, "band limit of the simulation", min=2.0, max=6.0, step=0.1, unit="1/angstrom")
    shortest: float = parameter(2 / 3, "shorter simulated displacement, in the crystal's own", min=0.2, max=1.0, step=0.05)
    longest: float = parameter(4 / 3, "longer simulated displacement, in the crystal's own", min=1.0, max=3.0, step=0.05)

    def fit(
        self,
        training: SpecimenFit | xr.Dataset,
        *,
        augmentation: Sequence[Perturbation] = (),  # noqa: ARG002, the protocol's
        seed: int = 0,  # noqa: ARG002
        progress: Progress = silent,  # noqa: ARG002
    ) -> Self:
        """Take the matched specimen; the simulation is made for the detector that is met in `predict`."""
        if not isinstance(training, SpecimenFit):
            raise TypeError(f"unit_cell_match learns from a matched specimen (pw.match(cube)), got {type(training).__name__}")
        return self

    def predict(self, cube: xr.DataArray, specimen: SpecimenFit, *, context: Context, progress: Progress = silent) -> xr.Dataset:
        """Displacement vector, class probabilities and confidence at every probe position."""
        if specimen.unit_cell is None:
            raise ValueError("the specimen was matched to a lone pattern, which has no lattice; use pw.match(cube)")
        readings = readings_for(cube, specimen.crystal, specimen.good_pixels)
        own = float(specimen.crystal.displacement_A)  # type: ignore[attr-defined]
        nodes = [Variant(own * factor, angle) for factor in (self.shortest, self.longest) for angle in ANGLES_DEG]
        library = library_at(specimen, readings, k_limit=self.k_limit)
        evidence = variant_evidence(
            readings, specimen.unit_cell.phase_of(cube).reshape(-1, 2), library, nodes, specimen.conditions,
            dose=specimen.dose, background=np.array(specimen.background), order=self.order,
            progress=lambda fraction: progress("read the polarization", fraction),
        ) / specimen.gain  # fmt: skip
        if context == "unit_cell":
            evidence = sharpen_walls(pool_over_cell(evidence, cube, specimen.unit_cell), cube, specimen.unit_cell)
        vectors = np.array([[0.0, 0.0], *(node.displacement_A * direction_to_vector(node.direction_deg) for node in nodes)])
        surface = Surface.through(vectors / own, np.concatenate([np.zeros((*evidence.shape[:2], 1)), evidence], -1))
        vector, covariance = surface.maximum(limit=1.25 * self.longest)
        temperature = 1.0
        if context == "unit_cell":
            temperature = _dispersion(vector, covariance, window_size(cube, specimen.unit_cell))
        length = np.hypot(vector[..., 0], vector[..., 1])
        typical = float(np.median(length))
        classes = typical * direction_to_vector(ANGLES_DEG)
        log_probability = np.stack([surface.value(np.broadcast_to(point, vector.shape)) for point in classes], -1)
        probability = np.exp((log_probability - log_probability.max(-1, keepdims=True)) / temperature)
        probability /= probability.sum(-1, keepdims=True)
        turn = specimen.rotation_deg - specimen.scan_rotation_deg
        # variants are named by the class that is nearest in the scan frame
        probability = probability[..., np.argsort(nearest_class(np.asarray(ANGLES_DEG) + turn))]
        along = vector / np.maximum(length, 1e-9)[..., None]
        error = np.sqrt(temperature * np.einsum("...a,...ab,...b->...", along, covariance, along).clip(0))
        return make_prediction(
            cube,
            probability=probability,
            trust=specimen.trust,
            direction_deg=vector_to_direction(vector) + turn,
            displacement_pm=100 * own * length,
            displacement_error_pm=100 * own * error,
            attrs={
                "model": "unit_cell_match",
                "context": context,
                "error_inflation": float(np.sqrt(temperature)),
                **specimen.attrs(),
            },
        )

    def save(self, path: str | Path) -> None:
        """Write the parameters as JSON; there is nothing else to keep."""
        save_bytes(path, models.to_json(self).encode())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote."""
        return restore(Path(path).read_text(encoding="utf-8", errors="replace"), cls, path)


def _dispersion(vector: NDArray[np.float64], covariance: NDArray[np.float64], window: tuple[float, float]) -> float:
    """How much more neighbouring cells differ than counting noise allows, as a ratio of variances, at least one.

    Random occupancy, frozen phonons and an imperfect model scatter the cells beyond what the likelihood of each knows.
    The median keeps walls out of it; for two components it is 2 ln 2.
    """
    distances = []
    for axis, width in enumerate(window):
        step = int(np.ceil(width))
        if step < vector.shape[axis]:
            near, far = (slice(None),) * axis + (slice(None, -step),), (slice(None),) * axis + (slice(step, None),)
            difference = vector[far] - vector[near]
            spread = np.linalg.solve(covariance[far] + covariance[near], difference[..., None])[..., 0]
            distances.append((difference * spread).sum(-1).ravel())
    return max(1.0, float(np.median(np.concatenate(distances))) / (2 * np.log(2))) if distances else 1.0
