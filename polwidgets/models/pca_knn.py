"""The classic per-pattern classifier: standardise, reduce by principal components, ask the nearest neighbours."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self
from zipfile import BadZipFile

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from polwidgets.directions import ANGLES_DEG, nearest_class
from polwidgets.match.scan import readings_for
from polwidgets.match.sliding_cell import pool_over_cell
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.base import Context, models, restore, save_bytes
from polwidgets.models.prediction import make_prediction
from polwidgets.perturb.base import Perturbation
from polwidgets.progress import Progress, silent
from polwidgets.registry import parameter

LEARNT: Final = {"mean", "scale", "axes", "projected", "label", "angle", "ky", "kx"}


@models.register("pca_knn")
@dataclasses.dataclass
class PCAKNN:
    """StandardScaler, PCA and k nearest neighbours, all fitted on training patterns alone.

    The study fits scaler and components before it splits (doi:10.48550/arXiv.2603.15582); here they only ever see what
    `fit` is given. Class probabilities are shares of the neighbours; pooled over a cell, their logarithms add.
    """

    trains_on: ClassVar[Literal["specimen", "patterns"]] = "patterns"
    components: int = parameter(60, "principal components", min=2, max=400, step=1)
    neighbours: int = parameter(5, "nearest neighbours that vote", min=1, max=100, step=1)
    learnt: dict[str, NDArray[Any]] = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)

    def fit(
        self,
        training: SpecimenFit | xr.Dataset,
        *,
        augmentation: Sequence[Perturbation] = (),  # noqa: ARG002
        seed: int = 0,
        progress: Progress = silent,
    ) -> Self:
        """Learn from labelled patterns (sample, ky, kx)."""
        if not isinstance(training, xr.Dataset):
            raise TypeError(f"pca_knn learns from a Dataset of labelled patterns (sample, ky, kx), got {type(training).__name__}")
        patterns = _normalised(training["intensity"].values.reshape(training.sizes["sample"], -1))
        scaler = StandardScaler().fit(patterns)
        # pixels that never change carry nothing and would blow up under noise
        scale = np.maximum(scaler.scale_, 0.05 * scaler.scale_.max())
        pca = PCA(min(self.components, *patterns.shape), svd_solver="randomized", random_state=seed)
        projected = pca.fit_transform((patterns - scaler.mean_) / scale)
        label = nearest_class(training["direction_deg"].values)
        # classes are named in the scan frame, variants lie along the crystal's axes
        angle = np.array(ANGLES_DEG)
        angle[label] = training["direction_deg"].values
        self.learnt = {
            "mean": scaler.mean_.astype(np.float32),
            "scale": scale.astype(np.float32),
            "axes": pca.components_.astype(np.float32),
            "projected": projected.astype(np.float32),
            "label": label,
            "angle": angle,
            "ky": training["ky"].values,
            "kx": training["kx"].values,
        }
        progress("train", 1.0)
        return self

    def predict(self, cube: xr.DataArray, specimen: SpecimenFit, *, context: Context, progress: Progress = silent) -> xr.Dataset:
        """Class probabilities and confidence at every probe position."""
        if not self.learnt:
            raise ValueError("pca_knn has not been trained; call fit, or load a trained one")
        readings = readings_for(cube, specimen.crystal, specimen.good_pixels)
        detector = readings.frame
        if not all(np.array_equal(detector[dim].values, self.learnt[dim]) for dim in ("ky", "kx")):
            raise ValueError(
                f"pca_knn was trained on patterns of {len(self.learnt['ky'])} x {len(self.learnt['kx'])} pixels with other coords than the "
                f"cube's ({detector.shape[0]} x {detector.shape[1]}); train it for this detector (pw.map_polarization does)"
            )
        good = np.flatnonzero(detector.values.ravel() >= 0)
        neighbours = NearestNeighbors(n_neighbors=self.neighbours).fit(self.learnt["projected"])
        share = np.empty((len(readings.counts), 8))
        for part in readings.chunks(4096):
            patterns = np.zeros((len(readings.counts[part]), detector.size), np.float32)
            patterns[:, good] = readings.counts[part]
            scaled = (_normalised(patterns) - self.learnt["mean"]) / self.learnt["scale"]
            nearest = neighbours.kneighbors(scaled @ self.learnt["axes"].T, return_distance=False)
            share[part] = (self.learnt["label"][nearest][..., None] == np.arange(8)).mean(1)
            progress("read the polarization", min(1.0, part.stop / len(share)))
        # a class that none of the neighbours has is improbable, not impossible
        evidence = np.log(share + 0.5 / self.neighbours).reshape(*readings.scan_shape, 8)
        if context == "unit_cell" and specimen.unit_cell is not None:
            evidence = pool_over_cell(evidence, cube, specimen.unit_cell)
        probability = np.exp(evidence - evidence.max(-1, keepdims=True))
        probability /= probability.sum(-1, keepdims=True)
        return make_prediction(
            cube,
            probability=probability,
            direction_deg=self.learnt["angle"][probability.argmax(-1)],
            trust=specimen.trust,
            attrs={"model": "pca_knn", "context": context, **specimen.attrs()},
        )

    def save(self, path: str | Path) -> None:
        """Write parameters and what was learnt as npz."""
        buffer = io.BytesIO()
        np.savez(buffer, parameters=np.array(models.to_json(self)), **self.learnt)  # type: ignore[arg-type]
        save_bytes(path, buffer.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote; nothing is ever unpickled."""
        try:
            # np.load leaves a broken file open where it opens it itself
            with Path(path).open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                content = dict(file)
        except (ValueError, TypeError, EOFError, BadZipFile) as error:
            raise ValueError(f"{path} does not hold a saved {cls.__name__}: {error}; give a file that its save wrote") from error
        model = restore(str(content.pop("parameters", "")), cls, path)
        if set(content) != LEARNT:
            raise ValueError(f"{path} holds {', '.join(sorted(content))}, expected {', '.join(sorted(LEARNT))}; save the model again")
        model.learnt = content
        return model


def _normalised(patterns: NDArray[Any]) -> NDArray[np.float32]:
    """Shares of the pattern: linear, so that counting noise averages out in the projection."""
    return np.asarray(patterns / np.maximum(patterns.sum(1, keepdims=True), 1e-30), np.float32)
