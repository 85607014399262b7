"""Where particles lie on a film: scattered, apart, in close-packed islands, in heaps."""

from __future__ import annotations

import dataclasses
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Layout = Literal["apart", "scattered", "packed", "heaps"]
LAYOUTS: Final[tuple[Layout, ...]] = ("apart", "scattered", "packed", "heaps")
MOST: Final = 400  # particles an image


@dataclasses.dataclass(frozen=True)
class Placed:
    """One particle: its middle and typical radius in pixels, how far out of focus it is, and how strongly it shows."""

    y: float
    x: float
    radius: float
    blur: float = 0.0
    strength: float = 1.0


def draw_layout(
    shape: tuple[int, int], radius: float, spread: float, cover: float, *, crowded: bool, rng: np.random.Generator
) -> list[Placed]:
    """Particles of one image.

    Parameters
    ----------
    shape : (rows, columns)
        Of the field, pixels.
    radius, spread : float
        Typical radius in pixels, and the relative spread of radii.
    cover : float
        Part of the field that they cover, where there is room.
    crowded : bool
        Whether some are faint, out of focus, or over one another.
    """
    if radius <= 0 or cover <= 0:
        raise ValueError(f"radius {radius} and cover {cover} must be more than zero")
    area = cover * shape[0] * shape[1]
    count = int(np.clip(round(area / (np.pi * radius**2)), 1, MOST))
    layout: Layout = rng.choice(LAYOUTS, p=(0.4, 0.1, 0.35, 0.15) if crowded else (0.5, 0.05, 0.35, 0.1))
    radii = radius * np.exp(rng.normal(0, spread, MOST))
    if layout == "packed":
        points = _packed(shape, radius * (1 + spread / 2), count, rng)
    elif layout == "heaps":
        points = _heaps(shape, radius, count, rng)
    else:
        points = rng.uniform(0, 1, (min(3 * count, MOST), 2)) * shape
    if layout in ("apart", "heaps"):
        gap = rng.uniform(0.95, 1.3) if layout == "apart" else rng.uniform(0.8, 1.05)
        points, radii = _without_overlap(points, radii[: len(points)], gap, count)
    placed = [Placed(float(y), float(x), float(r)) for (y, x), r in zip(points[:count], radii, strict=False)]
    return _crowd(placed, shape, radius, rng) if crowded else placed


def _packed(shape: tuple[int, int], radius: float, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A hexagonal layer, jittered, of which an island or a random part is kept."""
    step = 2 * radius * rng.uniform(1.0, 1.25)
    reach = int(np.hypot(*shape) / step) + 2
    n, m = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1), indexing="ij")
    angle = rng.uniform(0, np.pi / 3)
    grid = np.stack([(n + m / 2).ravel(), (m * np.sqrt(3) / 2).ravel()], axis=1) * step
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = grid @ turn.T + np.array(shape) / 2 + rng.normal(0, rng.uniform(0.02, 0.12) * step, grid.shape)
    points = points[((points > -radius) & (points < np.array(shape) + radius)).all(1)]
    # nearest to a random place first makes islands; a random order leaves vacancies
    order = np.linalg.norm(points - rng.uniform(0, 1, 2) * shape, axis=1) + rng.exponential(rng.uniform(0.1, 2) * max(shape), len(points))
    return np.asarray(points[np.argsort(order)][:count])


def _heaps(shape: tuple[int, int], radius: float, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Points gathered about a few middles."""
    middles = rng.uniform(0, 1, (int(rng.integers(1, 6)), 2)) * shape
    width = radius * rng.uniform(1.5, 6)
    return np.asarray(middles[rng.integers(len(middles), size=min(4 * count, MOST))] + rng.normal(0, width, (min(4 * count, MOST), 2)))


def _without_overlap(
    points: NDArray[np.float64], radii: NDArray[np.float64], gap: float, count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Those points, first come, that keep `gap` times the sum of radii from the ones before."""
    kept: list[int] = []
    tree = cKDTree(points)
    taken = np.zeros(len(points), bool)
    for index in range(len(points)):
        near = [other for other in tree.query_ball_point(points[index], gap * 2.2 * radii.max()) if taken[other]]
        if all(np.hypot(*(points[other] - points[index])) >= gap * (radii[other] + radii[index]) for other in near):
            taken[index] = True
            kept.append(index)
        if len(kept) == count:
            break
    return points[kept], radii[kept]


def _crowd(placed: list[Placed], shape: tuple[int, int], radius: float, rng: np.random.Generator) -> list[Placed]:
    """Some particles faint or out of focus (on the film's other side, in a fold), some in further layers over the first."""
    part, blurred = rng.uniform(0.05, 0.7), rng.uniform(0, 1)
    far = rng.random() < 0.75
    crowd = []
    for particle in placed:
        if far and rng.random() < part:
            blur = max(particle.radius * rng.uniform(0.3, 0.6), 1.5) if rng.random() < blurred else 0.0
            particle = dataclasses.replace(particle, blur=float(blur), strength=float(rng.uniform(0.3, 0.9)))  # noqa: PLW2901
        crowd.append(particle)
    if not far or rng.random() < 0.3:
        # further layers over a part of the field; where there are several, single particles are no longer told apart
        middle, reach = rng.uniform(0, 1, 2) * shape, rng.uniform(0.2, 0.6) * max(shape)
        covered = [p for p in placed if np.hypot(p.y - middle[0], p.x - middle[1]) < reach]
        for _ in range(rng.choice([1, 2, 3], p=(0.6, 0.2, 0.2))):
            shift = rng.normal(0, radius, 2)
            crowd += [
                Placed(float(p.y + shift[0] + rng.normal(0, 0.2 * radius)), float(p.x + shift[1] + rng.normal(0, 0.2 * radius)), p.radius)
                for p in covered
            ]
    return crowd[:MOST]
