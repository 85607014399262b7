"""The scattering-matrix simulator as a part among the others."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from polwidgets.crystal.base import Crystal
from polwidgets.electron import wave_number
from polwidgets.registry import parameter
from polwidgets.simulate.base import simulators
from polwidgets.simulate.detector import detector_matrix, on_detector, pixel_grid
from polwidgets.simulate.patterns import patterns_at
from polwidgets.simulate.probe import Probe
from polwidgets.simulate.smatrix import scattering_matrix


@simulators.register("scattering_matrix")
@dataclasses.dataclass(frozen=True)
class ScatteringMatrixSimulator:
    """Multislice on one unit cell for every plane wave of the aperture: exact for a periodic crystal, and fast.

    Attributes
    ----------
    mesh : int
        Steps of the k mesh in a reciprocal lattice vector: the probe repeats after so many cells.
    k_limit : float
        Band limit, 1/angstrom: with 3.6 patterns of 20 nm KNN are within 1 % of a converged multislice, with 2.7 within 5 %.
    slice_thickness_A : float
    absorption : bool
        Thermal diffuse absorption.
    """

    mesh: int = parameter(6, "steps of the k mesh in a reciprocal lattice vector", min=1, max=20, step=1)
    k_limit: float = parameter(3.6, "band limit", min=1.0, max=6.0, step=0.1, unit="1/angstrom")
    slice_thickness_A: float = parameter(2.0, "slice thickness", min=0.2, max=5.0, step=0.1, unit="angstrom")
    absorption: bool = parameter(True, "thermal diffuse absorption")

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
        """Diffraction patterns at probe positions; see `polwidgets.simulate.base.Simulator`."""
        tilt = probe.tilt_wave(voltage_kV)
        step = tuple(1 / (self.mesh * edge) for edge in crystal.cell_A[:2])
        reach = max(np.abs(ky).max(), np.abs(kx).max()) + np.abs(tilt).max() + max(step)
        smatrix = scattering_matrix(
            crystal,
            voltage_kV=voltage_kV,
            thicknesses_A=[thickness_A],
            k_incoming=wave_number(probe.semiangle_mrad, voltage_kV) + float(np.hypot(*tilt)) + max(step),
            k_outgoing=float(reach),
            mesh=self.mesh,
            k_limit=self.k_limit,
            slice_thickness_A=self.slice_thickness_A,
            absorption=self.absorption,
        )
        area = (ky[1] - ky[0]) * (kx[1] - kx[0]) / (step[0] * step[1])
        points = pixel_grid(ky, kx) + tilt
        matrix = detector_matrix(points, k_step=smatrix.k_step, half_width=smatrix.half_width, blur=0.0, scale=float(area))
        patterns = patterns_at(smatrix, np.asarray(positions_A, float), probe=probe)
        return on_detector(matrix, patterns).numpy().reshape(-1, len(ky), len(kx))
