"""Rocking curves of any crystal by Bloch waves: the intensity of every reflection for every direction of the incident beam.

Along the beam the amplitudes obey d psi / dz = 2 pi i (S + V) psi with the excitation errors S on the diagonal and the
crystal's Fourier coefficients V between beams. One Hermitian eigen-decomposition a direction gives every thickness;
absorption damps the Bloch waves in first order (Hirsch et al., Electron Microscopy of Thin Crystals; Zuo & Spence,
doi:10.1007/978-1-4939-6607-3).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray

from polwidgets.directions import rotate_vector
from polwidgets.electron import relativistic_gamma, wave_number, wavelength_A
from polwidgets.simulate.potential import absorptive_factor
from polwidgets.simulate.scattering_factors import Parametrization, electron_scattering_factor

if TYPE_CHECKING:
    from ase import Atoms

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

DEBYE_WALLER_A2: Final = 0.5  # of atoms that do not say
MARGIN: Final = 1.1  # the mesh reaches beyond the aperture's edge, so that edges are interpolated, not extrapolated
BATCH: Final = 32  # eigen-decompositions at once


@dataclasses.dataclass(frozen=True)
class RockingCurves:
    """Intensity of every reflection over the aperture, at a series of thicknesses.

    Attributes
    ----------
    intensities : tensor (thickness, reflection, mesh, mesh)
        Fractions of the incident intensity where the incident beam deviates by (down, right) from the aperture's middle.
    thicknesses_A : array (thickness,)
    g : array (reflection, 2)
        Reciprocal lattice vectors (down, right), 1/angstrom; the undiffracted beam is among them.
    g_beam : array (reflection,)
        Their component along the zone axis, 1/angstrom: zero but for higher Laue zones.
    structure_factor : array (reflection,)
        Modulus of the crystal's Fourier coefficient, 1/angstrom^2 (as in Zuo & Spence's U).
    k_mesh : array (mesh,)
        Deviations of the incident beam, 1/angstrom.
    semiangle : float
        Of the aperture, 1/angstrom.
    tilt_mrad : (float, float)
        Mistilt (up, right) of the beam against the zone axis.
    voltage_kV : float
    """

    intensities: torch.Tensor
    thicknesses_A: Array
    g: Array
    g_beam: Array
    structure_factor: Array
    k_mesh: Array
    semiangle: float
    tilt_mrad: tuple[float, float]
    voltage_kV: float


def rocking_curves(
    atoms: Atoms,
    *,
    thicknesses_A: Sequence[float] | Array,
    voltage_kV: float,
    semiangle_mrad: float,
    zone_axis: tuple[int, int, int] = (0, 0, 1),
    rotation_deg: float = 0.0,
    tilt_mrad: tuple[float, float] = (0.0, 0.0),
    mesh: int = 9,
    k_limit: float = 2.0,
    most_beams: int = 200,
    absorption: bool = True,
    parametrization: Parametrization = "lobato",
    device: str | torch.device = "cpu",
) -> RockingCurves:
    """Intensity of every reflection of a crystal slab, normal to the zone axis.

    Parameters
    ----------
    atoms : ase.Atoms
        One cell, of any shape; the array ``debye_waller_A2`` gives atoms' B factors where it is present.
    thicknesses_A : sequence of float
        All of them cost one pass.
    zone_axis : (u, v, w)
        Lattice direction along which the electrons travel when the tilt is zero.
    rotation_deg : float
        Turns the crystal anticlockwise on screen from where its shortest reciprocal vector points right.
    tilt_mrad : (up, right)
        Mistilt of the beam against the zone axis.
    mesh : int
        Directions of the incident beam on a side of the aperture.
    k_limit, most_beams : float, int
        Beams taken along: up to this length, 1/angstrom, and at most this many, those nearest to the Ewald sphere.
    absorption : bool
        Include thermal diffuse absorption.

    Returns
    -------
    RockingCurves
    """
    if mesh < 4:
        raise ValueError(f"mesh is {mesh}, expected at least 4 directions on a side of the aperture (they are interpolated)")
    thicknesses = np.asarray(thicknesses_A, float)
    if thicknesses.ndim != 1 or not len(thicknesses) or thicknesses.min() < 0:
        raise ValueError(f"thicknesses_A is {thicknesses_A!r}, expected a list of thicknesses of at least 0 angstrom")
    wavelength = wavelength_A(voltage_kV)
    frame = crystal_frame(atoms, zone_axis, rotation_deg)
    semiangle = wave_number(semiangle_mrad, voltage_kV)
    tilt = np.array([-wave_number(tilt_mrad[0], voltage_kV), wave_number(tilt_mrad[1], voltage_kV)])
    hkl, g = _beams(atoms, frame, tilt, wavelength, k_limit, most_beams)
    k_mesh = np.linspace(-MARGIN, MARGIN, mesh) * semiangle
    k = tilt + np.stack(np.meshgrid(k_mesh, k_mesh, indexing="ij"), -1).reshape(-1, 2)
    elastic, absorbed = _coupling(atoms, hkl, voltage_kV, parametrization, absorption)
    errors = torch.from_numpy(_excitation_errors(k, g, wavelength)).to(device)
    middle = int(np.flatnonzero((hkl == 0).all(1))[0])
    coupling, damping = (torch.from_numpy(matrix).to(device) for matrix in (elastic, absorbed))
    depth = torch.from_numpy(thicknesses).to(device)
    parts = [_intensities(part, coupling, damping, depth, middle) for part in torch.split(errors, BATCH)]
    intensities = torch.cat(parts).permute(2, 1, 0).reshape(len(thicknesses), len(g), mesh, mesh)
    potential = np.abs(elastic[:, middle]) * 2 / wavelength
    return RockingCurves(intensities.to(torch.float32), thicknesses, g[:, :2], g[:, 2], potential, k_mesh, semiangle, tilt_mrad, voltage_kV)


def crystal_frame(atoms: Atoms, zone_axis: tuple[int, int, int], rotation_deg: float = 0.0) -> Array:
    """Unit vectors (down, right, beam) of the microscope in the crystal's Cartesian axes, as rows.

    The shortest reciprocal lattice vector across the zone axis points right, turned anticlockwise by the rotation.
    """
    if not any(zone_axis):
        raise ValueError("zone_axis is (0, 0, 0), expected a lattice direction (u, v, w)")
    beam = np.asarray(zone_axis, float) @ np.asarray(atoms.cell)
    beam /= np.linalg.norm(beam)
    reach = 3 * max(map(abs, zone_axis))
    indices = _grid((reach,) * 3)
    indices = indices[(indices @ np.array(zone_axis) == 0) & indices.any(1)]
    vectors = indices @ np.asarray(atoms.cell.reciprocal())
    lengths = np.linalg.norm(vectors, axis=1)
    shortest = np.flatnonzero(lengths < lengths.min() * (1 + 1e-6))
    right = vectors[max(shortest, key=lambda row: tuple(indices[row]))]
    right = right / np.linalg.norm(right)
    down = np.cross(right, beam)
    plane = rotate_vector(np.stack([down, right], -1), rotation_deg)
    return np.stack([plane[:, 0], plane[:, 1], beam])


def structure_factors(
    atoms: Atoms, hkl: Integers, voltage_kV: float, parametrization: Parametrization = "lobato", *, absorption: bool = False
) -> NDArray[np.complex128]:
    """Sum over the cell of thermally damped scattering factors times their phases, angstrom.

    With `absorption` the absorptive factors instead of the elastic ones.
    """
    g = np.linalg.norm(hkl @ np.asarray(atoms.cell.reciprocal()), axis=1)
    damping = atoms.arrays.get("debye_waller_A2", np.full(len(atoms), DEBYE_WALLER_A2))
    symbols, places = np.array(atoms.get_chemical_symbols()), atoms.get_scaled_positions()
    total = np.zeros(len(hkl), complex)
    for element, factor in sorted(set(zip(symbols.tolist(), damping.tolist(), strict=True))):
        if absorption:
            form = np.where(g < 5.0, absorptive_factor(element, factor, voltage_kV, parametrization)(g), 0.0)
        else:
            form = electron_scattering_factor(element, g, parametrization=parametrization) * np.exp(-factor * g**2 / 4)
        here = places[(symbols == element) & (damping == factor)]
        total += form * np.exp(-2j * np.pi * hkl @ here.T).sum(1)
    return total


def _beams(atoms: Atoms, frame: Array, tilt: Array, wavelength: float, k_limit: float, most: int) -> tuple[Integers, Array]:
    """Indices and vectors (down, right, beam) of the beams that matter, undiffracted beam included."""
    reach = np.ceil(k_limit * np.linalg.norm(np.asarray(atoms.cell), axis=1)).astype(int)
    hkl = _grid(tuple(reach))
    g = hkl @ np.asarray(atoms.cell.reciprocal()) @ frame.T
    turns = hkl @ _centring(atoms).T
    keep = (np.linalg.norm(g, axis=1) <= k_limit) & (np.abs(turns - np.round(turns)) < 1e-3).all(1)
    hkl, g = hkl[keep], g[keep]
    error = np.abs(_excitation_errors(tilt[None], g, wavelength)[0])
    # a beam on the sphere matters at any length, one far from it only if it is short and so strongly coupled
    order = np.argsort(error + 0.01 * np.linalg.norm(g, axis=1), kind="stable")[:most]
    order = order[error[order] < 0.1]
    return hkl[order], g[order]


def _centring(atoms: Atoms) -> Array:
    """Fractional translations within the cell that leave the crystal as it is: reflections they extinguish never appear."""
    species, places = atoms.numbers, atoms.get_scaled_positions()
    rarest = min(set(species.tolist()), key=lambda number: int((species == number).sum()))
    alike = places[species == rarest]

    def same(shift: Array) -> bool:
        apart = places[:, None] + shift - places[None]
        touching = (np.abs(apart - np.round(apart)) < 1e-3).all(-1) & (species[:, None] == species[None])
        return bool(touching.any(1).all())

    return np.array([shift for shift in alike - alike[0] if same(shift)])


def _excitation_errors(k: Array, g: Array, wavelength: float) -> Array:
    """Distance of beams to the Ewald sphere along the zone axis, (direction, beam), 1/angstrom."""

    def along(transverse: Array) -> Array:
        return np.asarray(np.sqrt(1 / wavelength**2 - (transverse**2).sum(-1)))

    return np.asarray(along(k[:, None] + g[None, :, :2]) - along(k)[:, None] - g[None, :, 2])


def _coupling(
    atoms: Atoms, hkl: Integers, voltage_kV: float, parametrization: Parametrization, absorption: bool
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Elastic and absorptive coupling between beams, Hermitian matrices, 1/angstrom."""
    difference = (hkl[:, None] - hkl[None]).reshape(-1, 3)
    unique, place = np.unique(difference, axis=0, return_inverse=True)
    scale = relativistic_gamma(voltage_kV) * wavelength_A(voltage_kV) / (2 * np.pi * atoms.get_volume())
    shape = (len(hkl), len(hkl))
    elastic = scale * structure_factors(atoms, unique, voltage_kV, parametrization)[place].reshape(shape)
    if not absorption:
        return elastic, np.zeros_like(elastic)
    return elastic, scale * structure_factors(atoms, unique, voltage_kV, parametrization, absorption=True)[place].reshape(shape)


def _intensities(errors: torch.Tensor, coupling: torch.Tensor, damping: torch.Tensor, depth: torch.Tensor, middle: int) -> torch.Tensor:
    """Intensities (direction, beam, thickness)."""
    values, waves = torch.linalg.eigh(torch.diag_embed(errors).to(coupling.dtype) + coupling)
    absorbed = (waves.conj() * (damping @ waves)).sum(1).real
    phase = 2 * np.pi * values[:, :, None] * depth
    excited = waves[:, middle].conj()[:, :, None] * torch.polar(torch.exp(-2 * np.pi * absorbed[:, :, None] * depth), phase)
    intensities: torch.Tensor = (waves @ excited).abs() ** 2
    return intensities


def _grid(reach: Sequence[int]) -> Integers:
    return np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), -1).reshape(-1, 3)
