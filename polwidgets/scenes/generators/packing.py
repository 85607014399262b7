"""Points in disorder, no two nearer than a distance: stratified at random, relaxed by pair forces, mended where needed."""

from __future__ import annotations

import dataclasses
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from polwidgets.scenes.matter import Array
from polwidgets.scenes.scene import wrapped

_STEPS: Final = 10  # of the relaxation: peaks of the radial distribution stand, more changes little
_NEW_NEIGHBOURS_EVERY: Final = 5
_SKIN_A: Final = 0.25  # neighbours listed beyond the reach of the force: what two atoms come nearer between lists
_LONGEST_STEP_A: Final = 0.3
_MENDING_ROUNDS: Final = 60
_PUSHES: Final = 25
_LOOSE: Final = 0.35  # share of the box filled with balls, below which there is room to put the last few pairs elsewhere
_FEW: Final = 40  # pairs still too near: quicker put elsewhere than pushed apart
_INSERTION_ROUNDS: Final = 50
_DENSEST: Final = 0.55  # the pushes jam at about 0.6, not far below random close packing, 0.64 (doi:10.1088/0022-3727/2/6/311)


@dataclasses.dataclass(frozen=True)
class Shells:
    """Where neighbours like to be.

    Attributes
    ----------
    minimum_A : float
        No two points are nearer.
    bond_A : float
        Distance of bonded neighbours; those a little farther are drawn in.
    second_A : float
        Points that are not bonded are pushed apart to this; as `bond_A` for a dense packing without a network.
    """

    minimum_A: float
    bond_A: float
    second_A: float

    def __post_init__(self) -> None:
        if not 0 < self.minimum_A <= self.bond_A <= self.second_A:
            raise ValueError(f"{self}: expected 0 < minimum <= bond <= second shell, angstrom")

    @property
    def smallest_box_A(self) -> float:
        """Shortest edge of a box in which no atom meets another twice, angstrom."""
        return 2 * (self.second_A + _SKIN_A)

    def force(self, distances_A: Array) -> Array:
        """Push along the line between two points, angstrom a step; negative draws them together."""
        bond, second = self.bond_A, self.second_A
        gap = second - bond
        knots = [0.0, bond, bond + 0.35 * gap, bond + 0.6 * gap, bond + 0.7 * gap, second]
        return np.interp(distances_A, knots, [0.5 * bond, 0.0, -0.1 * gap, -0.05 * gap, 0.25 * gap, 0.0])


def pack(box_A: Array, count: int, shells: Shells, *, seed: int) -> Array:
    """Points (count, 3) in a box that repeats along every edge, in [0, edge).

    One point falls anywhere in each of as many equal cells, which leaves no trace of the cells in the pair correlation;
    pair forces then give it its shells, and the few points that are still too near are pushed apart or put elsewhere.

    Raises
    ------
    ValueError
        The box is shorter than twice the second shell, or so many points cannot keep their distance.
    """
    share = count * np.pi / 6 * shells.minimum_A**3 / float(np.prod(box_A))
    if share > _DENSEST:
        raise ValueError(
            f"{count} atoms at least {shells.minimum_A} angstrom apart would fill {share:.0%} of the box of {np.round(box_A, 3).tolist()} "
            f"angstrom as balls; disorder packs up to {_DENSEST:.0%} here: lower the density or the minimum distance"
        )
    if np.min(box_A) < shells.smallest_box_A:
        raise ValueError(
            f"the box of {np.round(box_A, 3).tolist()} angstrom is too small to repeat with neighbours at {shells.second_A} angstrom: "
            f"every edge must be at least {shells.smallest_box_A:.2f}"
        )
    rng = np.random.default_rng(seed)
    points, pairs = _relaxed(_one_in_each_cell(box_A, count, rng), box_A, shells)
    return _mended(points, pairs, box_A, shells.minimum_A, rng, few=_FEW if share < _LOOSE else 0)


def _one_in_each_cell(box: Array, count: int, rng: np.random.Generator) -> Array:
    cells = np.maximum(np.round(box * (count / np.prod(box)) ** (1 / 3)), 1).astype(int)
    while np.prod(cells) < count:
        cells[np.argmax(box / cells)] += 1
    taken = np.sort(rng.permutation(np.prod(cells))[:count])  # in order: neighbours in space are near in memory
    corners = np.stack(np.unravel_index(taken, cells), axis=-1)
    return np.asarray((corners + rng.random((count, 3))) * (box / cells))


def _relaxed(points: Array, box: Array, shells: Shells) -> tuple[Array, Pairs]:
    """The points after a few steps along the forces, not wrapped, and which of them are near one another."""
    # force over distance by the square of the distance: no root and no interpolation in the loop
    reach = shells.second_A + _SKIN_A
    squares = np.linspace(0, (2 * reach) ** 2, 8192)
    middles = np.sqrt(squares[:-1] + squares[1] / 2)
    table = np.append(shells.force(middles) / middles, 0.0).astype(np.float32)
    for step in range(_STEPS):
        if step % _NEW_NEIGHBOURS_EVERY == 0:
            pairs = _neighbours(points, box, reach)
        moves = _moves(points, pairs, table, float(squares[1]))
        lengths = np.sqrt((moves**2).sum(0))
        points = points + (moves * np.minimum(1, _LONGEST_STEP_A / np.maximum(lengths, 1e-9))).T
    return points, pairs


class Pairs(NamedTuple):
    """Points near one another: the two, and whole boxes to take off their difference for the nearest image."""

    first: NDArray[np.intp]  # (pair,)
    second: NDArray[np.intp]  # (pair,)
    images_A: Array  # (3, pair)


def _neighbours(points: Array, box: Array, reach: float) -> Pairs:
    """Every pair nearer than the reach."""
    tree = cKDTree(wrapped(points, box), boxsize=box, balanced_tree=False, compact_nodes=False)
    found = tree.query_pairs(reach, output_type="ndarray")
    first, second = np.ascontiguousarray(found[:, 0]), np.ascontiguousarray(found[:, 1])
    images = [np.rint((along[first] - along[second]) / edge) * edge for along, edge in zip(points.T.copy(), box, strict=True)]
    return Pairs(first, second, np.stack(images))


def _apart(points: Array, pairs: Pairs) -> Array:
    """From the second to the first of every pair (3, pair)."""
    return np.stack([along[pairs.first] - along[pairs.second] for along in points.T.copy()]) - pairs.images_A


def _moves(points: Array, pairs: Pairs, table: NDArray[np.float32], spacing: float) -> Array:
    """The sum of the pushes on every point (3, point)."""
    apart = _apart(points, pairs).astype(np.float32)
    squares = np.einsum("ij,ij->j", apart, apart)
    apart *= table[np.minimum(squares / spacing, len(table) - 1).astype(np.intp)]
    count = len(points)
    return np.stack([np.bincount(pairs.first, push, count) - np.bincount(pairs.second, push, count) for push in apart])


def _mended(points: Array, pairs: Pairs, box: Array, distance: float, rng: np.random.Generator, *, few: int) -> Array:
    """Points pushed apart until no two are too near; the last few are taken out and put where there is room."""
    for _ in range(_MENDING_ROUNDS):
        points = _pushed_apart(points, _nearer(points, pairs, 1.35 * distance), distance)
        pairs = _nearer(points, _neighbours(points, box, 1.2 * distance), distance)
        if not len(pairs.first):
            return wrapped(points, box)
        if len(pairs.first) < few:
            break
        pairs = _neighbours(points, box, 1.35 * distance)
    kept = np.delete(points, np.unique(pairs.first), axis=0)
    return _inserted(wrapped(kept, box), len(points), box, distance, rng)


def _nearer(points: Array, pairs: Pairs, distance: float) -> Pairs:
    near = (_apart(points, pairs) ** 2).sum(0) < distance**2
    return Pairs(pairs.first[near], pairs.second[near], pairs.images_A[:, near])


def _pushed_apart(points: Array, pairs: Pairs, distance: float) -> Array:
    """Every listed pair that is too near takes what it lacks, in turns, since one push may bring others too near."""
    aim, count = 1.01 * distance, len(points)
    for _ in range(_PUSHES):
        apart = _apart(points, pairs)
        lengths = np.sqrt((apart**2).sum(0))
        close = np.flatnonzero(lengths < distance)
        if not len(close):
            break
        apart = apart[:, close] * (0.5 * (aim / np.maximum(lengths[close], 1e-3) - 1))
        first, second = pairs.first[close], pairs.second[close]
        points = points + np.stack([np.bincount(first, push, count) - np.bincount(second, push, count) for push in apart], -1)
    return points


def _inserted(points: Array, count: int, box: Array, distance: float, rng: np.random.Generator) -> Array:
    for _ in range(_INSERTION_ROUNDS):
        missing = count - len(points)
        if not missing:
            return points
        tried = rng.random((200 + 10 * missing, 3)) * box % box
        nearest, _ = cKDTree(points, boxsize=box).query(tried, distance_upper_bound=distance)
        free = tried[np.isinf(nearest)][:missing]
        if len(free):
            crowded = cKDTree(free, boxsize=box).query_pairs(distance, output_type="ndarray")
            points = np.concatenate([points, np.delete(free, np.unique(crowded[:, 1]), axis=0)])
    raise ValueError(
        f"only {len(points)} of {count} atoms found room at {distance} angstrom from the others in the box of {np.round(box, 3).tolist()} "
        "angstrom: lower the density or the minimum distance"
    )
