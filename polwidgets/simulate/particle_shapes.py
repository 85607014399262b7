"""Shapes of nanoparticles as their projected thickness: rounded bodies, rods, and convex polyhedra cut by lattice planes."""

from __future__ import annotations

import itertools
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from polwidgets.directions import direction_to_vector

Shape = Literal["body", "rod", "polyhedron"]
SHAPES: Final[tuple[Shape, ...]] = ("body", "rod", "polyhedron")
PLANES: Final = {
    "100": [plane for plane in itertools.product((-1, 0, 1), repeat=3) if np.abs(plane).sum() == 1],
    "110": [plane for plane in itertools.product((-1, 0, 1), repeat=3) if np.abs(plane).sum() == 2],
    "111": list(itertools.product((-1, 1), repeat=3)),
}
LYING: Final = 1e-6  # cosine below which a face is parallel to the beam


def draw_thickness(
    shape: Shape, radius: float, y: NDArray[np.floating], x: NDArray[np.floating], *, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Projected thickness of one particle of random form and orientation.

    Parameters
    ----------
    shape : {"body", "rod", "polyhedron"}
        A rounded body (sphere, ellipsoid, platelet, slightly lobed), a rod with round ends, or a convex polyhedron with
        {100}, {110} and {111} faces at random distances.
    radius : float
        Typical radius of the outline; the outline lies within twice of it.
    y, x : arrays of one shape
        Where, from the particle's middle, in the unit of the radius.
    rng : Generator

    Returns
    -------
    array of the same shape
        In the unit of the radius; zero outside the outline, and only there.
    """
    if radius <= 0:
        raise ValueError(f"a particle's radius is {radius}, expected more than zero")
    if shape == "body":
        return body_thickness(
            y, x, radius,
            elongation=float(np.exp(abs(rng.normal(0, 0.2)))), angle_deg=float(rng.uniform(0, 180)), flatness=float(rng.uniform(1.6, 6)),
            lobes=rng.normal(0, rng.uniform(0, 0.05), (3, 2)), depth=float(rng.uniform(0.6, 1.1)),
        )  # fmt: skip
    if shape == "rod":
        aspect = rng.uniform(1.5, 4.5)
        width = radius * np.sqrt(np.pi / (4 * (aspect - 1) + np.pi))
        return rod_thickness(y, x, width, half_length=(aspect - 1) * width, angle_deg=float(rng.uniform(0, 180)))
    if shape == "polyhedron":
        distances = {"100": rng.uniform(0.8, 1.3), "110": rng.uniform(0.85, 1.4), "111": rng.uniform(0.8, 1.3)}
        smallest = min(distances.values())
        faces = np.concatenate([np.asarray(planes, float) for planes in PLANES.values()])
        distance = np.concatenate([np.full(len(planes), distances[name] / smallest) for name, planes in PLANES.items()])
        normals = faces / np.linalg.norm(faces, axis=1, keepdims=True)
        # unequal faces, as real particles have them
        turned = Rotation.from_quat(rng.normal(size=4)).apply(normals)
        return polyhedron_thickness(y, x, turned, 0.92 * radius * distance * rng.uniform(0.92, 1.08, len(distance)))
    raise ValueError(f"unknown shape {shape!r}; expected one of {', '.join(SHAPES)}")


def body_thickness(
    y: NDArray[np.floating],
    x: NDArray[np.floating],
    radius: float,
    *,
    elongation: float = 1.0,
    angle_deg: float = 0.0,
    flatness: float = 2.0,
    lobes: NDArray[np.floating] | None = None,
    depth: float = 1.0,
) -> NDArray[np.float64]:
    """Thickness 2 depth radius (1 - rho^p)^(1/p) over an elliptic outline; p = 2 is an ellipsoid, larger p a platelet.

    Parameters
    ----------
    elongation : float
        Long axis of the outline over its short one, at the same area.
    angle_deg : float
        Of the long axis, anticlockwise on screen from the right.
    lobes : array (n, 2), optional
        Cosine and sine amplitudes of the outline's radius at 2, 3, ... lobes a turn, relative.
    """
    along, across = _turn(y, x, angle_deg)
    along, across = along / (radius * np.sqrt(elongation)), across * np.sqrt(elongation) / radius
    rho = np.hypot(along, across)
    if lobes is not None:
        turn = (along + 1j * across) / np.maximum(rho, 1e-9)
        rho = rho / (1 + sum((complex(c, -s) * turn ** (n + 2)).real for n, (c, s) in enumerate(lobes)))
    inside: NDArray[np.float64] = np.clip(1 - rho**flatness, 0, None)
    return 2 * depth * radius * inside ** (1 / flatness)


def rod_thickness(
    y: NDArray[np.floating], x: NDArray[np.floating], radius: float, *, half_length: float, angle_deg: float
) -> NDArray[np.float64]:
    """Thickness of a cylinder of this radius and half length (without the ends), lying in the plane, with half spheres as ends."""
    along, across = _turn(y, x, angle_deg)
    beyond = np.clip(np.abs(along) - half_length, 0, None)
    thickness: NDArray[np.float64] = 2 * np.sqrt(np.clip(radius**2 - beyond**2 - across**2, 0, None))
    return thickness


def polyhedron_thickness(
    y: NDArray[np.floating], x: NDArray[np.floating], normals: NDArray[np.floating], distance: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Thickness along z of the convex body bounded by the planes normal . (x, y, z) = distance.

    Parameters
    ----------
    normals : array (face, 3)
        Unit vectors pointing outward, components along x, y, z.
    distance : array (face,)
        Of each face from the middle, more than zero.
    """
    top, bottom = np.full(y.shape, np.inf), np.full(y.shape, -np.inf)
    inside = np.ones(y.shape, bool)
    for (nx, ny, nz), d in zip(normals, distance, strict=True):
        rest = d - nx * x - ny * y
        if nz > LYING:
            np.minimum(top, rest / nz, out=top)
        elif nz < -LYING:
            np.maximum(bottom, rest / nz, out=bottom)
        else:
            inside &= rest >= 0
    if not (np.isfinite(top).all() and np.isfinite(bottom).all()):
        raise ValueError("the planes enclose no body: faces are needed on both sides along the beam")
    return np.where(inside, np.clip(top - bottom, 0, None), 0.0)


def _turn(y: NDArray[np.floating], x: NDArray[np.floating], angle_deg: float) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Coordinates along a direction on screen and across it."""
    down, right = direction_to_vector(angle_deg)
    return down * y + right * x, right * y - down * x
