"""A film of two grains."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from polwidgets.registry import parameter
from polwidgets.scenes.assemble import Piece, assemble
from polwidgets.scenes.base import prefabs
from polwidgets.scenes.distributions import Choice, Distribution, Uniform
from polwidgets.scenes.metals import METALS, fcc
from polwidgets.scenes.scene import Scene
from polwidgets.scenes.transforms import rotate
from polwidgets.scenes.volumes.shapes import Box


@prefabs.register("grain_boundary")
@dataclasses.dataclass(frozen=True)
class GrainBoundary:
    """A film with symmetric [001] tilt boundaries, exactly periodic across the beam: the planes are (m n 0) of both grains.

    The misorientation is ``2 atan(n / m)``: m = 2, n = 1 is the boundary with Sigma 5 and 53.1 degrees, m = 3, n = 1 that with
    36.9. A boundary is at the upper edge of the box and one in its middle, both along the right. Grains are objects too.
    """

    drawn: ClassVar[dict[str, Distribution]] = {
        "element": Choice(tuple(METALS)),
        "m": Choice((2, 3, 4, 5)),
        "n": Choice((1,)),
        "thickness_A": Uniform(20.0, 60.0),
    }

    element: str = parameter("Au", "metal of the film", choices=tuple(METALS))
    m: int = parameter(2, "first index of the boundary plane", min=1, max=9, step=1)
    n: int = parameter(1, "second index of the boundary plane", min=1, max=9, step=1)
    width_A: float = parameter(80.0, "least extent along the boundary", min=20.0, max=200.0, step=1.0, unit="angstrom")
    grain_A: float = parameter(40.0, "least extent of each grain across the boundary", min=10.0, max=200.0, step=1.0, unit="angstrom")
    thickness_A: float = parameter(40.0, "least extent along the beam", min=4.0, max=500.0, step=1.0, unit="angstrom")
    least_distance: float = parameter(0.75, "least distance across the boundary over that in the crystal", min=0.3, max=1.0, step=0.01)

    def build(self, *, seed: int) -> Scene:  # noqa: ARG002
        """The scene; nothing in it is left to chance."""
        edge = METALS[self.element].a_A
        period = edge * np.hypot(self.m, self.n)
        right, deep = period * np.ceil(self.width_A / period), edge * np.ceil(self.thickness_A / edge)
        half = period * np.ceil(self.grain_A / period)
        # [-n m 0] of the first grain lies along the right, and (m n 0) along the normal; the second mirrors it
        angle = float(np.rad2deg(np.arctan2(self.n, self.m)))
        tiny = 1e-4  # atoms on the edges of the box are in it once
        pieces = []
        for index, sign in enumerate((1, -1)):
            crystal = fcc(self.element).moved(rotate((0, 0, 1), -sign * angle)).as_grain(index)
            slab = Box((index * half - tiny, -tiny, -tiny), ((index + 1) * half - tiny, right - tiny, deep - tiny))
            pieces.append(Piece(f"grain {index + 1}", crystal.fill(slab), slab, -index))
        return assemble(
            pieces,
            (float(2 * half), float(right), float(deep)),
            periodic=(True, True, False),
            clearance_A=self.least_distance * edge / np.sqrt(2),
        )
