"""Bloch waves: unitarity, symmetry, two-beam theory, and agreement with the scattering matrix, which is multislice's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from polwidgets.crystal.base import crystals
from polwidgets.crystal.export import to_ase
from polwidgets.electron import relativistic_gamma, wave_number, wavelength_A
from polwidgets.simulate.bloch import crystal_frame, rocking_curves, structure_factors
from polwidgets.simulate.scattering_factors import electron_scattering_factor
from polwidgets.simulate.smatrix import scattering_matrix

ase = pytest.importorskip("ase", reason="the extra 'sim' is not installed")
SETTINGS = {"voltage_kV": 300.0, "semiangle_mrad": 1.5, "mesh": 4, "k_limit": 1.0}


def silicon() -> Any:
    from ase.build import bulk

    return bulk("Si", cubic=True)


def test_without_absorption_no_electron_is_lost() -> None:
    curves = rocking_curves(silicon(), thicknesses_A=[0.0, 83.0, 410.0], zone_axis=(1, 1, 0), absorption=False, **SETTINGS)
    np.testing.assert_allclose(curves.intensities.sum(1), 1, atol=1e-5)
    undiffracted = int(np.flatnonzero((curves.g == 0).all(1))[0])
    np.testing.assert_allclose(curves.intensities[0, undiffracted], 1, atol=1e-6)


def test_absorption_takes_more_from_thicker_crystals() -> None:
    curves = rocking_curves(silicon(), thicknesses_A=[50.0, 400.0], zone_axis=(1, 1, 0), **SETTINGS)
    total = curves.intensities.sum(1).mean((1, 2))
    assert 0.5 < total[1] < total[0] < 1


def test_a_primitive_cell_scatters_like_the_conventional_one() -> None:
    from ase.build import bulk

    primitive = bulk("Si")
    axis = tuple(np.round(np.linalg.solve(np.asarray(primitive.cell).T, [0, 0, 5.43])).astype(int).tolist())
    pairs = ((silicon(), (0, 0, 1)), (primitive, axis))
    both = [rocking_curves(atoms, thicknesses_A=[200.0], zone_axis=zone, **SETTINGS) for atoms, zone in pairs]
    assert len(both[0].g) == len(both[1].g), "reflections that the centring extinguishes were kept"
    strongest = [np.sort(curves.intensities[0].mean((1, 2)))[-9:] for curves in both]
    np.testing.assert_allclose(strongest[0], strongest[1], rtol=2e-3)


def test_the_frame_is_right_handed_and_turns_anticlockwise() -> None:
    frame = crystal_frame(silicon(), (1, 1, 0))
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(frame) == pytest.approx(1)
    np.testing.assert_allclose(frame[2], np.array([1, 1, 0]) / 2**0.5)
    turned = crystal_frame(silicon(), (1, 1, 0), 90.0)
    # what pointed right now points up: minus down
    np.testing.assert_allclose(turned @ frame[1], [-1, 0, 0], atol=1e-12)


def test_structure_factor_of_a_single_atom() -> None:
    atoms = ase.Atoms("Au", cell=[4.0, 4.0, 4.0], pbc=True)
    g = np.array([0.25, 0.5])
    expected = electron_scattering_factor("Au", g) * np.exp(-0.5 * g**2 / 4)
    np.testing.assert_allclose(structure_factors(atoms, np.array([[1, 0, 0], [0, 2, 0]]), 300.0), expected, rtol=1e-12)


def test_two_beams_beat_with_the_extinction_distance() -> None:
    # Howie and Whelan: I_g = sin^2(pi t s_eff) / (xi s_eff)^2, exact where only two beams are kept
    atoms = ase.Atoms("C", cell=[3.0, 3.0, 3.0], pbc=True)
    wave = wavelength_A(300.0)
    tilt = 1e3 * wave / 6.0
    depth = np.array([60.0, 150.0, 300.0])
    curves = rocking_curves(
        atoms, thicknesses_A=depth, voltage_kV=300.0, semiangle_mrad=0.01, tilt_mrad=(0.0, -tilt), most_beams=2, absorption=False, mesh=5
    )
    factor = abs(structure_factors(atoms, np.array([[1, 0, 0]]), 300.0)[0])
    distance = np.pi * 27.0 / (relativistic_gamma(300.0) * wave * factor)
    diffracted = int(np.flatnonzero((curves.g != 0).any(1))[0])
    np.testing.assert_allclose(curves.intensities[:, diffracted, 2, 2], np.sin(np.pi * depth / distance) ** 2, atol=2e-4)


def test_agrees_with_the_scattering_matrix() -> None:
    crystal = crystals.build("srtio3")
    atoms, edge = to_ase(crystal), crystal.cell_A[0]
    turn = next(turn for turn in (0.0, 90.0, 180.0, 270.0) if np.allclose(crystal_frame(atoms, (0, 0, 1), turn)[:2, :2], np.eye(2)))
    settings = {"voltage_kV": 300.0, "absorption": False, "k_limit": 1.8, "thicknesses_A": [30 * crystal.cell_A[2]]}
    # the plane wave one step down on the mesh
    mesh = 4
    wave = np.array([1 / (mesh * edge), 0.0])
    tilt = (-float(wave[0]) / wave_number(1.0, 300.0), 0.0)
    curves = rocking_curves(atoms, semiangle_mrad=0.01, tilt_mrad=tilt, rotation_deg=turn, mesh=5, most_beams=200, **settings)
    matrix = scattering_matrix(crystal, k_incoming=0.1, k_outgoing=0.8, mesh=(mesh, 1), slice_thickness_A=0.5, **settings)
    place = np.unravel_index(np.linalg.norm(matrix.k_incoming - wave, axis=-1).argmin(), matrix.k_incoming.shape[:2])
    np.testing.assert_allclose(matrix.k_incoming[place], wave, atol=1e-9)
    multislice = dict(zip(map(tuple, matrix.outgoing.tolist()), (matrix.values[0, place[0], place[1]].abs() ** 2).tolist(), strict=True))
    indices = np.round(curves.g * edge).astype(int) + matrix.incoming[place[1]]
    bright = curves.intensities[0, :, 2, 2].numpy() > 2e-3
    compared = [(float(curves.intensities[0, row, 2, 2]), multislice[tuple(indices[row].tolist())]) for row in np.flatnonzero(bright)]
    assert len(compared) > 8
    # multislice loses what scatters beyond its band limit
    ours, theirs = (np.array(compared) / np.sum(compared, 0)).T
    assert np.linalg.norm(ours - theirs) / np.linalg.norm(theirs) < 0.03
    # the tilt breaks the symmetry of down and up
    assert sum(abs(value - multislice[-down, right]) for (down, right), value in multislice.items() if (-down, right) in multislice) > 0.02


def test_errors_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="lattice direction"):
        rocking_curves(silicon(), thicknesses_A=[10.0], zone_axis=(0, 0, 0), **SETTINGS)
    with pytest.raises(ValueError, match="at least 0 angstrom"):
        rocking_curves(silicon(), thicknesses_A=[-1.0], **SETTINGS)
