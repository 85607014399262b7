"""What a simulator of diffraction patterns is, whichever way it computes them."""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from polwidgets.crystal.base import Crystal
from polwidgets.registry import Registry
from polwidgets.simulate.probe import Probe


@runtime_checkable
class Simulator(Protocol):
    """A simulator part: a frozen dataclass whose fields say how exactly it computes."""

    def patterns(
        self,
        crystal: Crystal,
        positions_A: NDArray[np.float64],
        *,
        thickness_A: float,
        voltage_kV: float,
        probe: Probe,
        ky: NDArray[np.float64],
        kx: NDArray[np.float64],
    ) -> NDArray[np.float32]:
        """Diffraction patterns at probe positions.

        Parameters
        ----------
        positions_A : array (position, 2)
            Probe positions (down, right) from the cell's origin, angstrom.
        thickness_A : float
            Rounded to whole cells along the beam.
        ky, kx : arrays
            Detector coords from the beam's axis along the crystal's axes, evenly spaced, 1/angstrom.

        Returns
        -------
        array (position, ky, kx)
            Fractions of the incident intensity a pixel.
        """


simulators: Final[Registry[Simulator]] = Registry("simulator", "polwidgets.simulate")
