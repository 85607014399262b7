"""The convergent probe: aperture, mistilt and aberrations."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from polwidgets.electron import wave_number, wavelength_A
from polwidgets.registry import parameter
from polwidgets.simulate.aberrations import basis, coefficients


@dataclasses.dataclass(frozen=True)
class Probe:
    """A coherent convergent probe.

    The mistilt is the direction of the beam against the zone axis, y up and x right on screen like every direction in
    polwidgets; the detector stays centred on the beam. Aberrations follow Krivanek's notation (C10 is defocus with
    positive values overfocused); angles are anticlockwise on screen.
    """

    semiangle_mrad: float = parameter(24.0, "convergence semi-angle", min=0.5, max=60, step=0.1, unit="mrad")
    tilt_y_mrad: float = parameter(0.0, "mistilt, up on screen", min=-15, max=15, step=0.1, unit="mrad")
    tilt_x_mrad: float = parameter(0.0, "mistilt, right on screen", min=-15, max=15, step=0.1, unit="mrad")
    defocus_A: float = parameter(0.0, "defocus C10, positive is overfocus", min=-500, max=500, step=1, unit="angstrom")
    C12_A: float = parameter(0.0, "twofold astigmatism", min=0, max=200, step=1, unit="angstrom")
    phi12_deg: float = parameter(0.0, "its angle", min=0, max=180, step=1, unit="degree")
    C21_A: float = parameter(0.0, "coma", min=0, max=5000, step=10, unit="angstrom")
    phi21_deg: float = parameter(0.0, "its angle", min=0, max=360, step=1, unit="degree")
    C23_A: float = parameter(0.0, "threefold astigmatism", min=0, max=5000, step=10, unit="angstrom")
    phi23_deg: float = parameter(0.0, "its angle", min=0, max=120, step=1, unit="degree")
    Cs_A: float = parameter(0.0, "spherical aberration C30", min=-1e7, max=1.5e7, step=1e4, unit="angstrom")

    def tilt_wave(self, voltage_kV: float) -> NDArray[np.float64]:
        """Transverse wave vector (down, right) of the beam's axis, 1/angstrom."""
        return np.array([-wave_number(self.tilt_y_mrad, voltage_kV), wave_number(self.tilt_x_mrad, voltage_kV)])

    def amplitude(self, k: NDArray[np.float64], *, voltage_kV: float, edge: float) -> NDArray[np.complex128]:
        """Amplitude of the plane waves `k` (..., 2), in the crystal's frame.

        Parameters
        ----------
        k : array (..., 2)
            Transverse wave vectors (down, right), 1/angstrom.
        edge : float
            The aperture's edge falls from one to zero over this width (one mesh step keeps its area right).
        """
        down, right = np.moveaxis(k - self.tilt_wave(voltage_kV), -1, 0)
        radius = np.hypot(down, right)
        inside = np.clip((wave_number(self.semiangle_mrad, voltage_kV) - radius) / edge + 0.5, 0, 1)
        wavelength = wavelength_A(voltage_kV)
        path = np.tensordot(coefficients(self), basis(-down * wavelength, right * wavelength), 1)
        return np.asarray(inside * np.exp(-2j * np.pi / wavelength * path))
