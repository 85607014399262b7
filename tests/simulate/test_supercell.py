"""Supercells against the periodic simulator and abTEM's own multislice."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from polwidgets.crystal.base import crystals
from polwidgets.crystal.export import frozen_phonons, to_ase
from polwidgets.electron import wavelength_A
from polwidgets.simulate.multislice import Multislice
from polwidgets.simulate.periodic import ScatteringMatrixSimulator
from polwidgets.simulate.probe import Probe
from polwidgets.simulate.supercell import supercell_patterns

pytest.importorskip("abtem", reason="the extra 'sim' is not installed")

CELLS = 3
POSITIONS_A = np.array([[0.3, 1.1], [3.1, 2.9], [5.0, 7.2]])
EDGE = 3.905
STILL = crystals.build("srtio3", **{f"debye_waller_{element}_A2": 0.0 for element in ("Sr", "Ti", "O")})


def differences(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.linalg.norm((first - second).reshape(len(first), -1), axis=1) / np.linalg.norm(second.reshape(len(second), -1), axis=1)


def settings(probe: Probe) -> dict[str, object]:
    ky, kx = ((np.arange(2 * half + 1) - half) / (CELLS * EDGE) for half in (12, 10))
    return {"voltage_kV": 200.0, "probe": probe, "ky": ky, "kx": kx}


@pytest.mark.slow
@pytest.mark.parametrize("tilted", [False, True])
def test_atoms_at_rest_scatter_as_abtem_says(tilted: bool) -> None:
    step_mrad = 1e3 * wavelength_A(200.0) / (CELLS * EDGE)  # of the k mesh, so that nothing is interpolated
    probe = Probe(semiangle_mrad=12.0, tilt_y_mrad=2 * step_mrad * tilted, tilt_x_mrad=-step_mrad * tilted)
    atoms = to_ase(STILL, repeat=(CELLS, CELLS, 6))
    ours = supercell_patterns([atoms], POSITIONS_A, **settings(probe), sampling_A=0.1, slice_thickness_A=1.95, parametrization="lobato")  # type: ignore[arg-type]
    simulator = Multislice(cells=CELLS, sampling_A=0.1, slice_thickness_A=1.9525, potential="atoms", configurations=1)
    theirs = simulator.patterns(STILL, POSITIONS_A, thickness_A=6 * EDGE, **settings(probe))  # type: ignore[arg-type]
    assert differences(ours, theirs).max() < 0.01
    assert differences(ours[:, ::-1], theirs).min() > 0.05
    np.testing.assert_allclose(ours.sum((1, 2)), theirs.sum((1, 2)), rtol=5e-3)


def test_a_perfect_supercell_is_the_periodic_crystal() -> None:
    probe = Probe(semiangle_mrad=9.0)
    crystal = dataclasses.replace(STILL, a_A=EDGE)
    atoms = to_ase(crystal, repeat=(CELLS, CELLS, 2))
    ours = supercell_patterns([atoms], POSITIONS_A, **settings(probe), sampling_A=0.14, parametrization="lobato")  # type: ignore[arg-type]
    periodic = ScatteringMatrixSimulator(mesh=CELLS, k_limit=2.4, absorption=False)
    theirs = periodic.patterns(crystal, POSITIONS_A, thickness_A=2 * EDGE, **settings(probe))  # type: ignore[arg-type]
    assert differences(ours, theirs).max() < 0.03
    # a supercell is as periodic as its crystal
    moved = supercell_patterns(
        [atoms], POSITIONS_A + np.array([EDGE, 2 * EDGE]), **settings(probe), sampling_A=0.14, parametrization="lobato"
    )  # type: ignore[arg-type]
    assert differences(ours, moved).max() < 1e-3


def test_configurations_are_averaged() -> None:
    crystal = crystals.build("knn")
    still = to_ase(crystal, repeat=(1, 1, 1))
    frozen = [frozen_phonons(still, seed=seed) for seed in (1, 2)]
    assert not np.allclose(frozen[0].positions, frozen[1].positions)
    keywords = {**settings(Probe(semiangle_mrad=9.0)), "sampling_A": 0.2}
    each = [supercell_patterns([atoms], POSITIONS_A, **keywords) for atoms in frozen]  # type: ignore[arg-type]
    both = supercell_patterns(frozen, POSITIONS_A, **keywords)  # type: ignore[arg-type]
    np.testing.assert_allclose(both, (each[0] + each[1]) / 2, rtol=1e-4, atol=1e-9)


def test_thermal_motion_has_the_debye_waller_factors_size() -> None:
    atoms = to_ase(crystals.build("knn", debye_waller_Nb_A2=1.6), repeat=(12, 12, 12))
    moved = frozen_phonons(atoms, seed=0)
    niobium = atoms.symbols == "Nb"
    motion = (moved.positions - atoms.positions)[niobium]
    inner = np.abs(motion) < 2  # the rest was wrapped round the cell
    assert motion[inner].std() == pytest.approx(np.sqrt(1.6 / (8 * np.pi**2)), rel=0.03)
    np.testing.assert_array_equal(atoms.positions, to_ase(crystals.build("knn", debye_waller_Nb_A2=1.6), repeat=(12, 12, 12)).positions)
