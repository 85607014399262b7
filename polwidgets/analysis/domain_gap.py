"""How far simulated patterns are from measured ones, in pixels, in principal components or in a network's features."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

Features: TypeAlias = Callable[[NDArray[np.float32]], NDArray[Any]]
Space: TypeAlias = Literal["pixel", "pca"] | Features
Metric: TypeAlias = Literal["mmd", "coral", "frechet", "proxy_a"]
LARGEST: Final = 1000  # patterns a set that are compared


@dataclasses.dataclass(frozen=True)
class Distances:
    """Between two sets of features; zero, but for chance, where both come from one distribution.

    Attributes
    ----------
    mmd : float
        Maximum mean discrepancy, squared and unbiased, with a Gaussian kernel as wide as the median distance
        (Gretton et al., Journal of Machine Learning Research 13, 723).
    coral : float
        Squared difference of the covariances over 4 d^2 (doi:10.1007/978-3-319-49409-8_35), in the target's variances.
    frechet : float
        Squared Fréchet distance of two normal distributions (doi:10.1016/0047-259X(82)90077-X), in the target's variance.
    proxy_a : float
        2 (1 - 2 error) of a linear classifier that tells the sets apart, on patterns held out
        (doi:10.1007/s10994-009-5152-4): two where they are never mistaken.
    """

    mmd: float
    coral: float
    frechet: float
    proxy_a: float


def domain_gap(
    simulated: xr.Dataset | xr.DataArray, target: xr.Dataset | xr.DataArray, *, space: Space = "pca", components: int = 20, seed: int = 0
) -> xr.Dataset:
    """Distances of two sets of patterns, and where their patterns lie in a shared embedding.

    Parameters
    ----------
    simulated, target : Dataset with ``intensity``, or DataArray, dims (..., ky, kx)
        Labelled patterns or a cube, on the same detector; `target_patterns` brings a cube to the match's. At most a thousand
        patterns of each are drawn.
    space : {"pca", "pixel"} or callable
        Where distances are taken: in principal components of both sets, in shares of the pattern's counts, or in what
        ``features(patterns)`` makes of patterns (n, ky, kx).
    components : int
        Principal components.
    seed : int
        Draws patterns and the classifier's halves.

    Returns
    -------
    Dataset
        ``mmd``, ``coral``, ``frechet``, ``proxy_a``, see `Distances`; ``embedding`` (pattern, component) of the first
        principal components in the space, with coords ``domain`` and ``index``, the pattern's place in its set.
    """
    rng = np.random.default_rng(seed)
    sets = [_drawn(patterns, rng) for patterns in (simulated, target)]
    (first, _), (second, _) = sets
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(
            f"patterns of {first.shape[1:]} and {second.shape[1:]} pixels do not compare; "
            "pw.target_patterns brings a cube to the match's detector"
        )
    features = [features_in(space, rows) for rows, _ in sets]
    both = np.concatenate(features)
    embedding = PCA(min(components, *both.shape), svd_solver="randomized", random_state=seed).fit(both)
    projected = [embedding.transform(rows) for rows in features]
    found = distances(*(projected if space == "pca" else features), seed=seed)
    shown = min(3, embedding.n_components_)
    return xr.Dataset(
        {
            **{name: ((), value) for name, value in dataclasses.asdict(found).items()},
            "embedding": (("pattern", "component"), np.concatenate(projected)[:, :shown].astype(np.float32)),
            "explained": (("component",), embedding.explained_variance_ratio_[:shown]),
        },
        coords={
            "domain": ("pattern", np.repeat(["simulated", "target"], [len(rows) for rows, _ in sets])),
            "index": ("pattern", np.concatenate([index for _, index in sets])),
        },
        attrs={"space": space if isinstance(space, str) else getattr(space, "__name__", "features"), "seed": seed},
    )


def distances(simulated: NDArray[Any], target: NDArray[Any], *, width: float | None = None, seed: int = 0) -> Distances:
    """All distances of two sets of features (n, d) and (m, d), in units of the target's spread.

    `width` is that of the kernel of the maximum mean discrepancy; distances that are to be compared should share one.
    """
    if simulated.ndim != 2 or target.ndim != 2 or simulated.shape[1] != target.shape[1] or min(len(simulated), len(target)) < 8:
        raise ValueError(f"expected two sets of at least 8 features of one length, got shapes {simulated.shape} and {target.shape}")
    first, second = (np.asarray(rows, float) for rows in (simulated, target))
    spread = float(np.sqrt(second.var(0).sum())) or 1.0
    first, second = first / spread, second / spread
    return Distances(
        mmd=mmd(first, second, width=width),
        coral=coral(first, second),
        frechet=frechet(first, second),
        proxy_a=proxy_a(first, second, seed=seed),
    )


def mmd(first: NDArray[np.float64], second: NDArray[np.float64], *, width: float | None = None) -> float:
    """Unbiased squared maximum mean discrepancy with a Gaussian kernel; may fall below zero by chance."""
    within, other, across = (_square_distances(*pair) for pair in ((first, first), (second, second), (first, second)))
    scale = 2 * width**2 if width is not None else float(np.median(across)) or 1.0
    own, its, mixed = (np.exp(-square / scale) for square in (within, other, across))
    n, m = len(first), len(second)
    return float((own.sum() - n) / (n * (n - 1)) + (its.sum() - m) / (m * (m - 1)) - 2 * mixed.mean())


def _square_distances(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    # by products, as many pixels are slow to subtract
    squares = (first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * first @ second.T
    return np.asarray(squares.clip(min=0))


def coral(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Squared Frobenius distance of the covariances over 4 d^2; by Gram matrices, so that many pixels cost nothing."""
    one, other = (_scaled(rows) for rows in (first, second))
    square = float(((one @ one.T) ** 2).sum() + ((other @ other.T) ** 2).sum() - 2 * ((one @ other.T) ** 2).sum())
    return max(square, 0.0) / float(4 * first.shape[1] ** 2)


def frechet(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Squared Fréchet distance of the normal distributions with the sets' means and covariances."""
    one, other = (_scaled(rows) for rows in (first, second))
    # the trace of the root of the covariances' product is the nuclear norm of the product of the data, or of their triangles
    one_root, other_root = (rows if len(rows) <= rows.shape[1] else np.asarray(np.linalg.qr(rows, "r")) for rows in (one, other))
    shared = float(np.linalg.norm(one_root @ other_root.T, "nuc"))
    return max(0.0, float(((first.mean(0) - second.mean(0)) ** 2).sum() + (one**2).sum() + (other**2).sum() - 2 * shared))


def proxy_a(first: NDArray[np.float64], second: NDArray[np.float64], *, seed: int) -> float:
    """2 (1 - 2 error) of a linear discriminant on held-out halves, each side weighing the same; zero where it errs by half or more."""
    rng = np.random.default_rng(seed)
    halves = [np.array_split(rng.permutation(len(rows)), 2) for rows in (first, second)]
    errors = []
    for train in (0, 1):
        rows = np.concatenate([first[halves[0][train]], second[halves[1][train]]])
        label = np.repeat([0, 1], [len(halves[0][train]), len(halves[1][train])])
        classifier = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=[0.5, 0.5]).fit(rows, label)
        errors += [
            (classifier.predict(held[side[1 - train]]) != number).mean()
            for number, (held, side) in enumerate(zip((first, second), halves, strict=True))
        ]
    return max(0.0, 2 * (1 - 2 * float(np.mean(errors))))


def features_in(space: Space, patterns: NDArray[np.float32]) -> NDArray[Any]:
    """Features (n, d) of patterns (n, ky, kx); principal components are taken later, of the shares."""
    if callable(space):
        found = np.asarray(space(patterns))
        if len(found) != len(patterns):
            raise ValueError(f"features of {len(patterns)} patterns came as an array of shape {found.shape}; expected one row a pattern")
        return found.reshape(len(patterns), -1)
    if space not in get_args(get_args(Space)[0]):
        raise ValueError(f"space must be 'pca', 'pixel' or a callable that takes patterns (n, ky, kx), got {space!r}")
    rows = patterns.reshape(len(patterns), -1)
    return np.asarray(rows / np.maximum(rows.sum(1, keepdims=True), 1e-30))


def _scaled(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((rows - rows.mean(0)) / np.sqrt(len(rows) - 1))


def _drawn(patterns: xr.Dataset | xr.DataArray, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """At most `LARGEST` patterns (n, ky, kx), and their places in row-major order."""
    array = patterns["intensity"] if isinstance(patterns, xr.Dataset) else patterns
    if array.dims[-2:] != ("ky", "kx") or array.ndim < 3:
        raise ValueError(f"expected patterns with dims (..., 'ky', 'kx'), got {array.dims}")
    shape = array.shape[:-2]
    index = np.sort(rng.permutation(int(np.prod(shape)))[:LARGEST])
    places = dict(zip(array.dims, (xr.DataArray(place, dims="drawn") for place in np.unravel_index(index, shape)), strict=False))
    return np.asarray(array.isel(places).transpose("drawn", "ky", "kx").values, np.float32), index
