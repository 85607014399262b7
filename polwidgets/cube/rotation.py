"""Rotation between scan and detector, from the curl of the centre of mass."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from polwidgets.cube.detectors import Annulus, Disk
from polwidgets.cube.reduce import center_of_mass, virtual_image
from polwidgets.cube.schema import step_of, validate

UNDECIDED: Final = 0.6


@dataclasses.dataclass(frozen=True)
class RotationFit:
    """Rotation between scan and detector and how far to trust it.

    Attributes
    ----------
    rotation_deg : float
        Anticlockwise on screen from the kx axis to the scan_x axis, in (-180, 180].
    error_deg : float
        Standard error, from quarters of the scan.
    curl_fraction : float
        Curl over curl and divergence, in power, at this rotation: 0 for a perfect gradient field, 0.5 for noise.
    curl_fraction_transposed : float
        The same with the detector's axes swapped: if it is much lower, the axes of the file were swapped.
    sign_correlation : float
        Of the divergence with minus the dark-field image, in [0, 1]; up to 0.6, rotation and rotation + 180 degrees
        cannot be told apart, and the one nearer to zero is given.
    """

    rotation_deg: float
    error_deg: float
    curl_fraction: float
    curl_fraction_transposed: float
    sign_correlation: float

    @property
    def decided(self) -> bool:
        """Whether the half turn is decided."""
        return self.sign_correlation > UNDECIDED


def estimate_rotation(cube: xr.DataArray, *, disk_radius: float) -> RotationFit:
    """Rotation at which the centre of mass is the gradient of something: its curl is least.

    Half a turn is left open by that; it is decided by the dark-field image, towards whose bright columns electrons are
    deflected. In thick crystals dynamical scattering can reverse that and leave a curl, so prefer a measured rotation,
    and read the numbers that come with the fit.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
        Centred, at least 8 x 8 probe positions.
    disk_radius : float
        Of the bright-field disk, in the units of the detector coords.

    References
    ----------
    Lazic, Bosch and Lazar, Ultramicroscopy 160 (2016) 265, doi:10.1016/j.ultramic.2015.10.011.
    """
    validate(cube)
    if min(cube.shape[:2]) < 8:
        raise ValueError(f"the rotation is estimated from at least 8 x 8 probe positions, got {cube.shape[:2]}; pass scan_rotation_deg")
    com = center_of_mass(cube, Disk(1.2 * disk_radius))
    field = np.stack([com[name].fillna(com[name].mean()).values for name in ("com_ky", "com_kx")], -1)
    reach = float(np.hypot(np.abs(cube["ky"]).max(), np.abs(cube["kx"]).max()))
    ring = (1.2 * disk_radius, np.inf) if reach > 1.3 * disk_radius else (0.7 * disk_radius, np.inf)
    dark = virtual_image(cube, Annulus(*ring)).values
    steps = step_of(cube, "scan_y"), step_of(cube, "scan_x")
    rotation, fraction, correlation = _least_curl(field, dark, steps)
    transposed = _least_curl(field[..., ::-1], dark, steps)[1]
    return RotationFit(rotation, _error(field, dark, steps, rotation), fraction, transposed, correlation)


def _least_curl(field: NDArray[np.float64], dark: NDArray[np.float64], steps: tuple[float, float]) -> tuple[float, float, float]:
    """Rotation in degrees, curl fraction there, correlation of the divergence with minus the dark-field image."""
    # derivatives of a slightly smoothed field: counting noise is strongest at the finest scale
    (down_y, down_x), (right_y, right_x) = (np.gradient(gaussian_filter(field[..., axis], 1.0), *steps) for axis in (0, 1))
    divergence, curl = down_y + right_x, right_y - down_x
    # turning the field mixes curl and divergence like a vector; the least curl has a closed form
    angle = 0.5 * np.arctan2(2 * (curl * divergence).mean(), (divergence**2).mean() - (curl**2).mean())
    turned = np.cos(angle) * divergence + np.sin(angle) * curl
    left = np.cos(angle) * curl - np.sin(angle) * divergence
    correlation = float(np.corrcoef(turned.ravel(), -dark.ravel())[0, 1]) if dark.std() > 0 else 0.0
    # a faint correlation decides nothing: then the half turn is chosen in which scan and detector are nearer to parallel
    if correlation < 0 if abs(correlation) > UNDECIDED else np.cos(angle) < 0:
        angle += np.pi
    power = (left**2).mean() + (turned**2).mean()
    return float(180 - (180 - np.rad2deg(angle)) % 360), float((left**2).mean() / power) if power > 0 else 0.5, abs(correlation)


def _error(field: NDArray[np.float64], dark: NDArray[np.float64], steps: tuple[float, float], rotation: float) -> float:
    """Standard error from the scatter of the scan's quarters."""
    rows, columns = (size // 2 for size in dark.shape)
    parts = [(slice(a, a + rows), slice(b, b + columns)) for a in (0, rows) for b in (0, columns)]
    deviations = np.array([(_least_curl(field[part], dark[part], steps)[0] - rotation + 90) % 180 - 90 for part in parts])
    return float(deviations.std(ddof=1) / 2)
