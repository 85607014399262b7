"""Projected, thermally averaged, absorbing potential of one unit cell, slice by slice.

Everything is expressed as the phase that the slice gives the electron wave: gamma lambda / area times the sum of the
electron scattering factors, so no unit of voltage appears.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from polwidgets.crystal.base import Crystal
from polwidgets.electron import relativistic_gamma, wavelength_A
from polwidgets.simulate.scattering_factors import Parametrization, electron_scattering_factor

DEFAULT_SLICE_A: Final = 2.0


def slice_phases(
    crystal: Crystal,
    *,
    voltage_kV: float,
    grid: tuple[int, int],
    slice_thickness_A: float = DEFAULT_SLICE_A,
    absorption: bool = True,
    parametrization: Parametrization = "lobato",
) -> tuple[NDArray[np.complex128], float]:
    """Phase of every slice of one cell on a real-space grid.

    Parameters
    ----------
    crystal : Crystal
        The cell; sites carry occupancy (a weighted potential) and Debye-Waller factors.
    voltage_kV : float
        Acceleration voltage.
    grid : (rows, columns)
        Samples of the cell along (down, right).
    slice_thickness_A : float
        Wanted thickness; the cell is cut into the nearest whole number of slices.
    absorption : bool
        Include thermal diffuse absorption as the imaginary part (see `absorptive_factor`).

    Returns
    -------
    phases : complex array (slice, rows, columns)
        Slices in the order in which the beam meets them; the transmission is ``exp(1j * phases)``.
    thickness_A : float
        Thickness of a slice.
    """
    edge_y, edge_x, edge_z = crystal.cell_A
    count = max(1, round(edge_z / slice_thickness_A))
    index_y, index_x = (np.fft.fftfreq(n, 1 / n) for n in grid)
    g = np.hypot(index_y[:, None] / edge_y, index_x[None, :] / edge_x)
    scale = relativistic_gamma(voltage_kV) * wavelength_A(voltage_kV) / (edge_y * edge_x)
    spectrum = np.zeros((count, *grid), complex)
    for site in crystal.sites:
        factor = electron_scattering_factor(site.element, g, parametrization=parametrization) * np.exp(-site.debye_waller_A2 * g**2 / 4)
        if absorption:
            factor = factor + 1j * absorptive_factor(site.element, site.debye_waller_A2, voltage_kV, parametrization)(g)
        shift = np.exp(-2j * np.pi * (index_y[:, None] * site.down + index_x[None, :] * site.right))
        # a site on the border of two slices belongs to the one it opens, whatever the rounding
        spectrum[int(site.beam * count + 1e-6) % count] += site.occupancy * factor * shift
    # a complex potential: real and imaginary parts are both real functions of position, so no Hermitian shortcut
    phases = np.fft.ifft2(spectrum) * (scale * grid[0] * grid[1])
    return phases, edge_z / count


@functools.lru_cache(maxsize=256)
def absorptive_factor(element: str, debye_waller_A2: float, voltage_kV: float, parametrization: Parametrization) -> CubicSpline:
    """Absorptive scattering factor of thermal diffuse scattering, angstrom, as a function of g in 1/angstrom.

    The thermal average of a phase object's transmission, <exp(i p)> = exp(i <p> - (<p^2> - <p>^2) / 2), absorbs with
    half the variance of the phase; its transform is the Einstein model's absorptive factor of Hall and Hirsch
    (doi:10.1098/rspa.1965.0136) and Bird and King (doi:10.1107/S0108767389011906), here by direct convolution.
    Multiplied by ``gamma lambda / area`` it adds to the imaginary part of the phase.
    """
    size, extent = 512, 10.0  # samples and angstrom: resolves the core to 0.02 angstrom and g to 0.1 / angstrom
    frequency = np.fft.fftfreq(size, extent / size)
    g = np.hypot(frequency[:, None], frequency[None, :])
    strength = relativistic_gamma(voltage_kV) * wavelength_A(voltage_kV)
    factor = strength * electron_scattering_factor(element, g, parametrization=parametrization)
    damping = np.exp(-debye_waller_A2 * g**2 / 4)
    cell = (size / extent) ** 2

    def squared(spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
        """Transform of the square of the phase whose transform is given."""
        return np.asarray(np.fft.fft2((np.fft.ifft2(spectrum).real * cell) ** 2).real / cell)

    absorbed = 0.5 * (squared(factor) * damping - squared(factor * damping)) / strength
    half = size // 2
    return CubicSpline(frequency[:half], absorbed[0, :half], extrapolate=True)
