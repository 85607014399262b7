"""What the gap between a training set and a scan is made of: each nuisance switched from the training's value to the match's."""

from __future__ import annotations

import dataclasses
import itertools
from math import factorial
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from polwidgets.analysis.domain_gap import Distances, Features, Metric, Space, distances, features_in
from polwidgets.cube.schema import DIMS, validate
from polwidgets.directions import ANGLES_DEG, nearest_class
from polwidgets.match.fit import background_shapes
from polwidgets.match.library import Library, Variant
from polwidgets.match.measurement import Readings
from polwidgets.match.scan import library_at, readings_for
from polwidgets.match.specimen import SpecimenFit
from polwidgets.progress import Progress, reporter
from polwidgets.registry import parameter
from polwidgets.simulate.patterns import basis

ORDER: Final = 6
COMPONENTS: Final = 40  # of the matched patterns
TARGETS: Final = 400  # patterns of the scan
NUISANCES: Final = ("thickness", "tilt", "source", "blur", "background", "dose")


@dataclasses.dataclass(frozen=True)
class TrainingConditions:
    """Where a training set was simulated; by default as the study's: one thickness, on the zone axis, nothing blurred or noisy."""

    thickness_A: float = parameter(200.0, "specimen thickness", min=10, max=1000, step=10, unit="angstrom")
    tilt_y_mrad: float = parameter(0.0, "mistilt, up on screen", min=-8, max=8, step=0.1, unit="mrad")
    tilt_x_mrad: float = parameter(0.0, "mistilt, right on screen", min=-8, max=8, step=0.1, unit="mrad")
    source_A: float = parameter(0.0, "source size, standard deviation", min=0.0, max=1.0, step=0.05, unit="angstrom")
    blur: float = parameter(0.001, "detector blur, standard deviation", min=0.001, max=0.2, step=0.005, unit="1/angstrom")
    background: float = parameter(0.0, "share of the scan's diffuse background", min=0.0, max=2.0, step=0.1)
    dose: float = parameter(0.0, "electrons a pattern; none counted where zero", min=0.0, max=1e6, step=100)

    @classmethod
    def matched(cls, specimen: SpecimenFit) -> TrainingConditions:
        """The conditions of a match."""
        names = ("thickness_A", "tilt_y_mrad", "tilt_x_mrad", "source_A", "blur")
        return cls(**{name: getattr(specimen.conditions, name) for name in names}, background=1.0, dose=specimen.dose / specimen.gain)


def target_patterns(cube: xr.DataArray, specimen: SpecimenFit, *, count: int = TARGETS, seed: int = 0) -> xr.Dataset:
    """Some of a cube's patterns as a match sees them: binned and cropped like the labelled ones.

    Returns
    -------
    Dataset on (sample, ky, kx)
        ``intensity`` in counts, zero at bad pixels, with coords ``scan_row`` and ``scan_column``, the places in the scan.
    """
    validate(cube)
    size = cube.sizes["scan_y"] * cube.sizes["scan_x"]
    chosen = np.sort(np.random.default_rng(seed).permutation(size)[:count])
    row, column = np.divmod(chosen, cube.sizes["scan_x"])
    picked = cube.isel(scan_y=xr.DataArray(row, dims="sample"), scan_x=xr.DataArray(column, dims="sample"))
    line = xr.DataArray(
        picked.transpose("sample", "ky", "kx").data[:, None],
        dims=DIMS,
        coords={
            "scan_y": ("scan_y", np.arange(len(chosen)), cube["scan_y"].attrs),
            "scan_x": ("scan_x", [0.0], cube["scan_x"].attrs),
            "ky": cube["ky"],
            "kx": cube["kx"],
        },
        attrs=cube.attrs,
    )
    readings = readings_for(line, specimen.crystal, specimen.good_pixels)
    frame = readings.frame
    return xr.Dataset(
        {"intensity": (("sample", "ky", "kx"), _pictures(readings, readings.block(slice(None))))},
        coords={"ky": frame["ky"], "kx": frame["kx"], "scan_row": ("sample", row), "scan_column": ("sample", column)},
    )


def gap_budget(
    cube: xr.DataArray,
    specimen: SpecimenFit,
    direction_deg: NDArray[np.float64] | xr.DataArray | float,
    *,
    training: TrainingConditions = TrainingConditions(),
    metric: Metric = "frechet",
    features: Features | None = None,
    positions: int = 16,
    seed: int = 0,
    progress: bool | Progress = False,
) -> xr.Dataset:
    """How much of the distance and of the lost accuracy each nuisance accounts for.

    Every combination of nuisances at the training's and at the match's value is simulated. A nuisance's part is its Shapley
    value: what switching it changes, averaged over all orders of switching (doi:10.1515/9781400881970-018), so that the
    parts add up to the whole.

    Parameters
    ----------
    cube : DataArray
    specimen : SpecimenFit
        Its match.
    direction_deg : array (scan_y, scan_x) or float
        True directions, or the best known ones: what the accuracy is measured against.
    training : TrainingConditions
        Where the training set was simulated.
    metric : {"frechet", "mmd", "coral", "proxy_a"}
    features : callable, optional
        Makes features of patterns (n, ky, kx), of which principal components are taken; by default the pixels.
    positions : int
        Phases along a side of the cell, for each of the eight directions.

    Returns
    -------
    Dataset on (nuisance), largest part first
        ``distance_part``, ``accuracy_part`` (Shapley values; parts of what closing the gap gains), ``alone`` (fall of the
        distance when this one is switched first) and ``last`` (when it is switched after all others); and on (closed),
        counting the nuisances that have been switched in that order, ``distance`` and ``accuracy``. Every combination is
        in ``all_distance`` and ``all_accuracy`` on (combination), with coord ``matched``, the names in it.
    """
    report = reporter(progress)
    target = target_patterns(cube, specimen, seed=seed)
    rows = np.asarray(target["intensity"].values)
    direction = np.broadcast_to(np.asarray(direction_deg, float), (cube.sizes["scan_y"], cube.sizes["scan_x"]))
    truth = nearest_class(direction[target["scan_row"].values, target["scan_column"].values])
    matched = TrainingConditions.matched(specimen)
    active = [name for name in NUISANCES if _values(training, name) != _values(matched, name)]
    if not active:
        raise ValueError("the training conditions are the matched ones, so there is no gap to divide; give other training conditions")
    space: Space = features or "pixel"
    simulation = Simulation(specimen, cube, positions=positions, seed=seed)
    clean = features_in(space, simulation.patterns(matched)[0])
    reduce = PCA(min(COMPONENTS, *clean.shape), svd_solver="randomized", random_state=seed).fit(clean)
    aim = reduce.transform(features_in(space, rows))
    found: dict[frozenset[str], tuple[Distances, float]] = {}
    combinations = [frozenset(itertools.compress(active, bits)) for bits in itertools.product((0, 1), repeat=len(active))]
    for number, combination in enumerate(combinations):
        conditions = mixed(training, matched, combination)
        patterns, label = simulation.patterns(conditions)
        # neighbours are nearest among patterns without noise, so the dose takes no part in the accuracy
        classifier = KNeighborsClassifier(1).fit(reduce.transform(features_in(space, patterns)), label)
        # as many as the target has, of all directions alike
        some = np.random.default_rng(seed).permutation(len(patterns))[: len(aim)]
        made = reduce.transform(features_in(space, simulation.counted(patterns[some], conditions.dose)))
        found[combination] = distances(made, aim, seed=seed), float((classifier.predict(aim) == truth).mean())
        report("close the gap", (number + 1) / len(combinations))
    distance = {combination: float(getattr(value[0], metric)) for combination, value in found.items()}
    accuracy = {combination: value[1] for combination, value in found.items()}
    part = {name: -shapley(distance, active, name) for name in active}
    order = sorted(active, key=lambda name: -part[name])
    path = [frozenset(order[:count]) for count in range(len(order) + 1)]
    everything, nothing = frozenset(active), frozenset[str]()
    return xr.Dataset(
        {
            "distance_part": ("nuisance", [part[name] for name in order]),
            "accuracy_part": ("nuisance", [shapley(accuracy, active, name) for name in order]),
            "alone": ("nuisance", [distance[nothing] - distance[frozenset([name])] for name in order]),
            "last": ("nuisance", [distance[everything - {name}] - distance[everything] for name in order]),
            "distance": ("closed", [distance[step] for step in path]),
            "accuracy": ("closed", [accuracy[step] for step in path]),
            "all_distance": ("combination", [distance[combination] for combination in combinations]),
            "all_accuracy": ("combination", [accuracy[combination] for combination in combinations]),
        },
        coords={
            "nuisance": order,
            "closed": np.arange(len(path)),
            "matched": ("combination", [" ".join(sorted(combination)) for combination in combinations]),
        },
        attrs={"metric": metric, "seed": seed, **specimen.attrs()},
    )


def shapley(value: dict[frozenset[str], float], players: list[str], player: str) -> float:
    """Mean change of the value when `player` joins, over all orders in which the players may come."""
    others = [name for name in players if name != player]
    total = 0.0
    for size in range(len(others) + 1):
        weight = factorial(size) * factorial(len(others) - size) / factorial(len(players))
        total += weight * sum(
            value[frozenset(group) | {player}] - value[frozenset(group)] for group in itertools.combinations(others, size)
        )
    return total


class Simulation:
    """Patterns of the eight directions at any training conditions, at the same phases and with the same draws."""

    def __init__(self, specimen: SpecimenFit, cube: xr.DataArray, *, positions: int, seed: int) -> None:
        self.specimen = specimen
        self.readings = readings_for(cube[:1, :1], specimen.crystal, specimen.good_pixels)
        self.seed = seed
        rng = np.random.default_rng(seed)
        corner = np.stack(np.meshgrid(np.arange(positions), np.arange(positions), indexing="ij"), -1).reshape(-1, 2)
        self.terms = basis((corner + rng.random(corner.shape)) / positions, ORDER)
        self.libraries: dict[float, Library] = {}

    def patterns(self, at: TrainingConditions) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
        """Expected patterns (n, ky, kx) and their classes in the scan frame."""
        names = ("thickness_A", "tilt_y_mrad", "tilt_x_mrad", "source_A", "blur")
        conditions = dataclasses.replace(self.specimen.conditions, **{name: getattr(at, name) for name in names})
        if at.thickness_A not in self.libraries:
            self.libraries[at.thickness_A] = library_at(dataclasses.replace(self.specimen, conditions=conditions), self.readings)
        library = self.libraries[at.thickness_A]
        shapes = background_shapes(self.readings.k, (conditions.center_y, conditions.center_x))
        diffuse = at.background * (np.array(self.specimen.background) @ shapes)
        own = float(self.specimen.crystal.displacement_A)  # type: ignore[attr-defined]
        turn = self.specimen.rotation_deg - self.specimen.scan_rotation_deg
        patterns = []
        for angle in ANGLES_DEG:
            expected = self.specimen.dose * library.expected(Variant(own, angle), conditions, self.readings.k, order=ORDER)
            expected[0] += diffuse
            patterns.append((self.terms @ (self.readings.pixel_area * expected)).clip(min=0))
        label = np.repeat(nearest_class(np.asarray(ANGLES_DEG) + turn), len(self.terms))
        return _pictures(self.readings, np.concatenate(patterns).astype(np.float32)), label

    def counted(self, patterns: NDArray[np.float32], dose: float) -> NDArray[np.float32]:
        """The patterns as so many electrons show them; as they are where none are counted."""
        if dose <= 0:
            return patterns
        return np.random.default_rng(self.seed).poisson(patterns * (dose / self.specimen.dose)).astype(np.float32)


def _values(at: TrainingConditions, nuisance: str) -> tuple[float, ...]:
    return tuple(getattr(at, field.name) for field in dataclasses.fields(at) if field.name.startswith(nuisance))


def mixed(training: TrainingConditions, matched: TrainingConditions, switched: frozenset[str]) -> TrainingConditions:
    """The training's conditions with the nuisances that are switched at their matched values."""
    names = [field.name for field in dataclasses.fields(training)]
    chosen = {name: getattr(matched, name) for name in names if any(name.startswith(nuisance) for nuisance in switched)}
    return dataclasses.replace(training, **chosen)


def _pictures(readings: Readings, counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Counts (n, pixel) as pictures (n, ky, kx), zero at bad pixels."""
    frame = readings.frame.values
    return np.where(frame >= 0, counts[:, frame.clip(min=0)], np.float32(0))
