"""Wave aberrations of a round lens to third order, in Krivanek's notation (doi:10.1016/S0304-3991(99)00013-3).

Every coefficient multiplies |z|^(2p) z^m of the complex angle z = right + i up, so that all of them together are one product
of a few numbers and a basis that is computed once a grid.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Aberration(NamedTuple):
    """Its fields, and its path in terms of the complex angle: ``size * Re(|z|^(2 p) z^m exp(-i m angle)) / divisor``."""

    size: str
    angle: str
    p: int
    m: int
    divisor: int


ABERRATIONS: Final = (
    Aberration("defocus_A", "", 1, 0, 2),
    Aberration("C12_A", "phi12_deg", 0, 2, 2),
    Aberration("C21_A", "phi21_deg", 1, 1, 3),
    Aberration("C23_A", "phi23_deg", 0, 3, 3),
    Aberration("Cs_A", "", 2, 0, 4),
    Aberration("C32_A", "phi32_deg", 1, 2, 4),
    Aberration("C34_A", "phi34_deg", 0, 4, 4),
)


def coefficients(optics: object) -> Array:
    """Weights of the basis' terms, angstrom, (term,), from the fields that `optics` has; what it lacks is zero.

    Defocus is C10, positive where overfocused; angles are anticlockwise on screen.
    """
    values = []
    for aberration in ABERRATIONS:
        size = getattr(optics, aberration.size, 0.0)
        turn = aberration.m * np.deg2rad(getattr(optics, aberration.angle, 0.0))
        values += [size * np.cos(turn), size * np.sin(turn)]
    return np.array(values)


def basis(up: Array, right: Array) -> Array:
    """Terms of the path length at angles in radians, (term, ...)."""
    z = right + 1j * up
    return _parts([np.abs(z) ** (2 * p) * z**m / divisor for _, _, p, m, divisor in ABERRATIONS])


def basis_slope(up: Array, right: Array) -> tuple[Array, Array]:
    """Derivatives of `basis` along (up, right), each (term, ...)."""
    z = right + 1j * up
    size = np.abs(z)
    along_up, along_right = [], []
    for _, _, p, m, divisor in ABERRATIONS:
        radial = 2 * p * size ** (2 * max(p - 1, 0)) * z**m / divisor
        turning = m * size ** (2 * p) * z ** max(m - 1, 0) / divisor
        along_up.append(radial * up + 1j * turning)
        along_right.append(radial * right + turning)
    return _parts(along_up), _parts(along_right)


def _parts(terms: list[NDArray[np.complex128]]) -> Array:
    """Real and imaginary parts in turn."""
    return np.stack([part for term in terms for part in (term.real, term.imag)])
