"""The scattering-matrix simulator against an independent program: abTEM's multislice on a supercell."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from polwidgets.crystal.base import crystals
from polwidgets.simulate.base import simulators
from polwidgets.simulate.multislice import AbtemSimulator, Multislice, Prism
from polwidgets.simulate.periodic import ScatteringMatrixSimulator
from polwidgets.simulate.probe import Probe

pytest.importorskip("abtem", reason="the extra 'sim' is not installed")

CELLS = 4
# the Nb column, the A column, an oxygen column, and two places of no symmetry
POSITIONS_A = np.array([[1.985, 1.985], [0.05, 0.1], [1.985, 0.0], [0.3, 1.1], [3.1, 2.9]])

ABERRATED = Probe(20.0, defocus_A=60.0, C12_A=25.0, phi12_deg=20.0, C21_A=500.0, phi21_deg=70.0, C23_A=900.0, phi23_deg=15.0)


def patterns(simulator: object, probe: Probe, *, crystal_name: str = "knn", thickness_A: float = 39.7) -> NDArray[np.float32]:
    crystal = crystals.build(crystal_name, direction_deg=30.0)
    ky, kx = ((np.arange(2 * half + 1) - half) / (CELLS * edge) for half, edge in zip((17, 15), crystal.cell_A, strict=False))
    return simulator.patterns(crystal, POSITIONS_A, thickness_A=thickness_A, voltage_kV=200.0, probe=probe, ky=ky, kx=kx)  # type: ignore[attr-defined,no-any-return]


def differences(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """Relative L2 of every pattern."""
    return np.linalg.norm((first - second).reshape(len(first), -1), axis=1) / np.linalg.norm(second.reshape(len(second), -1), axis=1)


@pytest.mark.parametrize(
    ("crystal_name", "probe"),
    [
        ("knn", Probe(semiangle_mrad=24.0)),
        ("knn", ABERRATED),
        ("batio3", Probe(semiangle_mrad=18.0, Cs_A=1e5)),
    ],
    ids=["focused", "aberrated", "rectangular cell"],
)
def test_same_slices_give_the_same_patterns(crystal_name: str, probe: Probe) -> None:
    ours = patterns(ScatteringMatrixSimulator(mesh=CELLS, k_limit=4.0), probe, crystal_name=crystal_name)
    theirs = patterns(Multislice(cells=CELLS, sampling_A=0.07), probe, crystal_name=crystal_name)
    assert differences(ours, theirs).max() < 0.01
    square = slice(2, -2)  # 31 x 31
    assert differences(ours[:, square].swapaxes(1, 2), theirs[:, square]).max() > 0.1


def test_mistilt_turns_the_crystal_the_same_way() -> None:
    step_mrad = 1e3 * 0.0250793 / (CELLS * 3.97)  # one step of the k mesh, so that nothing is interpolated
    probe = Probe(semiangle_mrad=20.0, tilt_y_mrad=2 * step_mrad, tilt_x_mrad=-3 * step_mrad)
    ours = patterns(ScatteringMatrixSimulator(mesh=CELLS, k_limit=4.0), probe, thickness_A=79.4)
    theirs = patterns(Multislice(cells=CELLS, sampling_A=0.07), probe, thickness_A=79.4)
    untilted = patterns(Multislice(cells=CELLS, sampling_A=0.07), Probe(semiangle_mrad=20.0), thickness_A=79.4)
    assert differences(ours, theirs).max() < 0.01
    assert differences(untilted, theirs).min() > 0.1


def test_prism_is_multislice() -> None:
    probe = Probe(semiangle_mrad=12.0, defocus_A=40.0, C12_A=20.0, phi12_deg=50.0)
    coarse = {"cells": 3, "sampling_A": 0.13}
    first, second = (patterns(simulator, probe, thickness_A=15.0) for simulator in (Prism(**coarse), Multislice(**coarse)))
    assert differences(first, second).max() < 1e-3


def test_prism_refuses_mistilt() -> None:
    with pytest.raises(ValueError, match="no mistilt"):
        patterns(Prism(cells=2), Probe(tilt_y_mrad=1.0))


def test_frozen_phonons_of_single_atoms_average_to_the_averaged_crystal() -> None:
    """Without thermal motion and shared sites, abTEM's own potential must give what our slices give."""
    still = {f"debye_waller_{element}_A2": 0.0 for element in ("Sr", "Ti", "O")}
    crystal = crystals.build("srtio3", **still)
    k = (np.arange(31) - 15) / (3 * 3.905)
    common = {"cells": 3, "sampling_A": 0.06, "configurations": 1}
    settings = {"thickness_A": 15.62, "voltage_kV": 200.0, "probe": Probe(semiangle_mrad=15.0), "ky": k, "kx": k}
    atoms, averaged = (
        Multislice(potential=potential, absorption=False, **common).patterns(crystal, POSITIONS_A[3:], **settings)  # type: ignore[arg-type]
        for potential in ("atoms", "averaged")
    )
    assert differences(atoms, averaged).max() < 0.02


def test_configurations_follow_the_seed() -> None:
    simulator = Multislice(cells=2, sampling_A=0.13, potential="atoms", configurations=1, seed=5)
    first, again = (patterns(simulator, Probe(), thickness_A=8.0) for _ in range(2))
    other = patterns(dataclasses.replace(simulator, seed=6), Probe(), thickness_A=8.0)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other, rtol=1e-3)


def test_every_abtem_algorithm_is_registered() -> None:
    registered = {simulators[name] for name in simulators}
    assert set(AbtemSimulator.__subclasses__()) <= registered
