"""The classic per-pattern classifier: standardise, reduce by principal components, ask the nearest neighbours."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final, Self

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from polwidgets.directions import nearest_class
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.base import models
from polwidgets.models.per_pattern import Learnt, PatternModel, Scorer, samples_of
from polwidgets.perturb.base import Perturbation
from polwidgets.progress import Progress, silent
from polwidgets.registry import parameter
from polwidgets.training.augment import augmented
from polwidgets.training.calibration import calibrate_scores
from polwidgets.training.frame import View, shares
from polwidgets.training.split import split_specimens

POWER_ITERATIONS: Final = 3  # of the randomized decomposition: the components that matter stand out
SMALLEST_SCALE: Final = 0.05  # of the largest: pixels that never change carry nothing and would blow up under noise
GROUP: Final = 64  # references whose nearest is found first
QUERIES: Final = 256  # at once: their distances stay in the cache


@models.register("pca_knn")
@dataclasses.dataclass
class PCAKNN(PatternModel):
    """StandardScaler, PCA and k nearest neighbours, all fitted on training patterns alone.

    The study fits scaler and components before it splits (doi:10.48550/arXiv.2603.15582); here validation patterns, by
    which probabilities are calibrated, are set aside first, and join the neighbours afterwards. Class probabilities are
    shares of the neighbours' votes.
    """

    components: int = parameter(60, "principal components", min=2, max=400, step=1)
    neighbours: int = parameter(5, "nearest neighbours that vote", min=1, max=100, step=1)

    def fit(
        self,
        training: SpecimenFit | xr.Dataset,
        *,
        augmentation: Sequence[Perturbation] = (),
        seed: int = 0,
        progress: Progress = silent,
    ) -> Self:
        """Learn from labelled patterns (sample, ky, kx), every one of them augmented once."""
        samples = samples_of(training, "pca_knn")
        split = split_specimens(samples.specimen, seed=seed)
        generator = torch.Generator().manual_seed(seed)
        drawn, direction = augmented(samples.patterns, samples.direction_deg, samples.frame, augmentation, generator)
        patterns = shares(drawn).numpy()
        scaler = StandardScaler().fit(patterns[split.training])
        scale = np.maximum(scaler.scale_, SMALLEST_SCALE * scaler.scale_.max()).astype(np.float32)
        mean = scaler.mean_.astype(np.float32)
        standard = (patterns - mean) / scale
        count = min(self.components, len(split.training), standard.shape[1])
        pca = PCA(count, svd_solver="randomized", iterated_power=POWER_ITERATIONS, random_state=seed)
        projection = (pca.fit(standard[split.training]).components_.T / scale[:, None]).astype(np.float32)
        progress("train pca_knn", 0.6)
        reference = ((patterns - mean) @ projection).astype(np.float32)
        label = nearest_class(direction.numpy()).astype(np.int64)
        votes = self._votes(reference[split.training], label[split.training])
        calibration = calibrate_scores(
            votes(reference[split.validation]), label[split.validation], samples.specimen[split.validation],
            validated_on=split.by, seed=seed,
        )  # fmt: skip
        tensors = {"projection": projection, "reference": reference, "label": label}
        self.learnt = Learnt(
            samples.frame,
            torch.from_numpy(mean),
            {name: torch.from_numpy(value) for name, value in tensors.items()},
            calibration,
            samples.described(augmentation),
        )
        progress("train pca_knn", 1.0)
        return self

    def scorer(self, learnt: Learnt, view: View) -> Scorer:
        """Frame, shares, scale and components folded into one matrix, then the neighbours' votes."""
        seen = view.seen.astype(np.float32)[:, None]
        mean = learnt.mean.numpy()[:, None] * seen
        # the last column sums the pattern, of which shares are taken
        fold = np.hstack([learnt.tensors["projection"].numpy() * seen, seen])
        offset = mean.T @ fold[:, :-1]
        # torch throughout: threads of two libraries would stand in each other's way
        onto = torch.from_numpy(fold if view.matrix is None else view.matrix.T @ fold)
        total = mean.sum()
        votes = self._votes(learnt.tensors["reference"].numpy(), learnt.tensors["label"].numpy())

        def score(rows: NDArray[np.float32]) -> NDArray[np.float32]:
            projected = (torch.from_numpy(rows) @ onto).numpy()
            return votes(projected[:, :-1] * (total / np.maximum(projected[:, -1:], 1e-30)) - offset)

        return score

    def _votes(self, reference: NDArray[np.float32], label: NDArray[np.int64]) -> Scorer:
        """Log shares (pattern, 8) of the neighbours that are of a class."""
        neighbours = min(self.neighbours, len(reference))
        search = nearest_neighbours(torch.from_numpy(reference), neighbours)

        def votes(projected: NDArray[np.float32]) -> NDArray[np.float32]:
            nearest = label[search(torch.from_numpy(projected)).numpy()]
            # a class that none of the neighbours has is improbable, not impossible
            share = (nearest[..., None] == np.arange(8)).mean(1) + 0.5 / neighbours
            return np.asarray(np.log(share / share.sum(1, keepdims=True)), np.float32)

        return votes


def nearest_neighbours(reference: torch.Tensor, count: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Search for the indices (query, count) of the nearest of `reference` (reference, component).

    The nearest lie in the groups whose nearest members are nearest, so only those groups are sorted: with one matrix
    product in single precision three times as fast as a search that sorts them all in double.
    """
    members = len(reference)
    groups = max(count, -(-members // GROUP))
    size = -(-members // groups)
    # what fills up the last group is never near
    square = torch.full((groups * size,), torch.inf)
    square[:members] = reference.square().sum(1)
    padded = torch.zeros(groups * size, reference.shape[1])
    padded[:members] = reference

    def nearest(query: torch.Tensor) -> torch.Tensor:
        distance = torch.addmm(square, query, padded.T, alpha=-2).view(len(query), groups, size)
        group = distance.amin(2).topk(count, largest=False).indices
        candidates = distance.gather(1, group[..., None].expand(-1, -1, size)).flatten(1)
        best = candidates.topk(count, largest=False).indices
        return group.gather(1, best // size) * size + best % size

    return lambda query: torch.cat([nearest(part) for part in torch.split(query, QUERIES)])
