"""Patterns of the scattering matrix: what must hold whatever the numbers are."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from polwidgets.crystal.base import Crystal, Site, crystals
from polwidgets.electron import wave_number
from polwidgets.simulate.detector import pixel_grid
from polwidgets.simulate.patterns import basis, basis_slope, frequencies, pattern_series, patterns_at, position_averaged, source_damping
from polwidgets.simulate.periodic import ScatteringMatrixSimulator
from polwidgets.simulate.probe import Probe
from polwidgets.simulate.smatrix import ScatteringMatrix, scattering_matrix

SEMIANGLE = 14.0
PROBE = Probe(semiangle_mrad=SEMIANGLE, defocus_A=30.0, C12_A=20.0, phi12_deg=25.0)
POSITIONS_A = np.array([[0.3, 1.1], [1.9, 0.2], [1.0, 3.0], [3.3, 2.6]])
MESHES = [3, 4, (4, 5)]


def matrix_of(crystal: Crystal, **settings: Any) -> ScatteringMatrix:
    quick: dict[str, Any] = {"thicknesses_A": [40.0], "mesh": 3, "k_limit": 2.2, "k_incoming": 0.8, "k_outgoing": 1.1}
    return scattering_matrix(crystal, voltage_kV=200.0, **(quick | settings))


def relative(first: torch.Tensor, second: torch.Tensor) -> float:
    return float((first - second).norm() / second.norm())


def center_of_mass(pattern: torch.Tensor) -> tuple[float, float]:
    """Of a pattern on a centred mesh, in mesh steps."""
    down, right = (torch.arange(size) - size // 2 for size in pattern.shape)
    return float((pattern.sum(1) * down).sum() / pattern.sum()), float((pattern.sum(0) * right).sum() / pattern.sum())


def test_no_electron_is_lost_without_absorption() -> None:
    crystal = crystals.build("knn", direction_deg=30.0)
    settings = {"mesh": 1, "k_limit": 4.4, "k_outgoing": 4.4, "k_incoming": 1.1, "thicknesses_A": [200.0]}
    lossless = patterns_at(matrix_of(crystal, absorption=False, **settings), np.array([[0.9, 1.0], [2.9, 1.0]]), probe=Probe(24.0))
    np.testing.assert_allclose(lossless.sum((1, 2)), 1, atol=1e-3)
    absorbing = patterns_at(matrix_of(crystal, **settings), np.array([[0.9, 1.0], [1.985, 1.985]]), probe=Probe(24.0)).sum((1, 2))
    assert absorbing[1] < absorbing[0] < 0.999, "the Nb column absorbs most"


@pytest.mark.parametrize("mesh", MESHES)
def test_no_thickness_gives_the_aperture(lopsided: Crystal, mesh: Any) -> None:
    smatrix = matrix_of(lopsided, thicknesses_A=[0.0], mesh=mesh)
    patterns = patterns_at(smatrix, POSITIONS_A, probe=PROBE)
    k = pixel_grid(*(step * np.arange(-half, half + 1) for step, half in zip(smatrix.k_step, smatrix.half_width, strict=True)))
    disk = np.abs(PROBE.amplitude(k, voltage_kV=200.0, edge=max(smatrix.k_step))) ** 2
    for pattern in patterns:
        np.testing.assert_allclose(pattern.ravel(), disk / disk.sum(), atol=1e-6)
    radius = wave_number(SEMIANGLE, 200.0)
    inside = np.hypot(*k.T) < radius - max(smatrix.k_step)
    assert np.ptp(disk[inside]) == pytest.approx(0, abs=1e-12)
    assert disk[np.hypot(*k.T) > radius + max(smatrix.k_step)].max() == 0


@pytest.mark.parametrize("mesh", [3, 4])
@pytest.mark.parametrize("angle_deg", [0.0, 90.0])
def test_the_mirror_of_a_polar_crystal(angle_deg: float, mesh: int) -> None:
    """Across the mirror the centre of mass of the position-averaged pattern vanishes; along the polarization it does not."""
    smatrix = matrix_of(crystals.build("knn", direction_deg=angle_deg), thicknesses_A=[40.0], mesh=mesh, k_limit=2.8)
    pattern = position_averaged(smatrix, probe=Probe(SEMIANGLE))
    down, right = center_of_mass(pattern)
    across, along = (down, right) if angle_deg == 0 else (right, down)
    assert abs(across) < 1e-3
    assert abs(along) > 0.03
    opposite = matrix_of(crystals.build("knn", direction_deg=angle_deg + 180), thicknesses_A=[40.0], mesh=mesh, k_limit=2.8)
    assert center_of_mass(position_averaged(opposite, probe=Probe(SEMIANGLE))) == pytest.approx((-down, -right), abs=1e-3)


@pytest.mark.parametrize("mesh", MESHES)
def test_a_lattice_vector_changes_nothing(lopsided: Crystal, mesh: Any) -> None:
    smatrix = matrix_of(lopsided, mesh=mesh)
    moved = POSITIONS_A + np.array([2, -3]) * lopsided.cell_A[:2]
    assert relative(patterns_at(smatrix, moved, probe=PROBE), patterns_at(smatrix, POSITIONS_A, probe=PROBE)) < 1e-4


def test_moving_crystal_and_probe_together_changes_nothing(lopsided: Crystal) -> None:
    shift = np.array([0.23, 0.61])
    sites = tuple(site._replace(down=(site.down + shift[0]) % 1, right=(site.right + shift[1]) % 1) for site in lopsided.sites)
    moved = matrix_of(dataclasses.replace(lopsided, sites=sites))  # type: ignore[type-var]
    here, there = matrix_of(lopsided), POSITIONS_A + shift * lopsided.cell_A[:2]
    assert relative(patterns_at(moved, there, probe=PROBE), patterns_at(here, POSITIONS_A, probe=PROBE)) < 1e-4
    assert relative(patterns_at(here, there, probe=PROBE), patterns_at(here, POSITIONS_A, probe=PROBE)) > 0.1


@pytest.mark.parametrize("mesh", [3, 4])
def test_turning_crystal_probe_and_position_turns_the_pattern(lopsided: Crystal, mesh: int) -> None:
    """A quarter turn anticlockwise on screen: what pointed right points up."""
    edge_y, edge_x, edge_z = lopsided.cell_A
    sites = tuple(Site(site.element, -site.right % 1.0, site.down, *site[3:]) for site in lopsided.sites)
    turned = dataclasses.replace(lopsided, cell_A=(edge_x, edge_y, edge_z), sites=sites)  # type: ignore[type-var]
    probe = dataclasses.replace(PROBE, phi12_deg=PROBE.phi12_deg + 90, tilt_y_mrad=1.0)
    before = dataclasses.replace(PROBE, tilt_x_mrad=1.0)
    positions = np.stack([-POSITIONS_A[:, 1], POSITIONS_A[:, 0]], 1)
    found = patterns_at(matrix_of(turned, mesh=mesh), positions, probe=probe)
    expected = torch.rot90(patterns_at(matrix_of(lopsided, mesh=mesh), POSITIONS_A, probe=before), 1, (1, 2))
    # of an even mesh the zone's border belongs to one side, and so the band limit is not quite round
    assert relative(found, expected) < (1e-4 if mesh % 2 else 1e-3)


@pytest.mark.parametrize("mesh", MESHES)
def test_the_position_average_is_the_mean_over_positions(lopsided: Crystal, mesh: Any) -> None:
    smatrix = matrix_of(lopsided, mesh=mesh)
    grid = pixel_grid(np.arange(9) / 9 * lopsided.cell_A[0], np.arange(11) / 11 * lopsided.cell_A[1])
    assert relative(patterns_at(smatrix, grid, probe=PROBE).mean(0), position_averaged(smatrix, probe=PROBE)) < 1e-4


@pytest.mark.parametrize("mesh", MESHES)
@pytest.mark.parametrize("crystal_name", ["lopsided", "pbtio3"])
def test_the_series_is_the_pattern_at_every_position(lopsided: Crystal, mesh: Any, crystal_name: str) -> None:
    crystal = lopsided if crystal_name == "lopsided" else crystals.build(crystal_name, direction_deg=90.0)
    smatrix = matrix_of(crystal, mesh=mesh)
    positions = np.random.default_rng(7).uniform(-9, 9, (6, 2))
    order = int(np.ceil(np.hypot(*np.ptp(smatrix.incoming, axis=0))))
    series = pattern_series(smatrix, probe=PROBE, order=order)
    terms = torch.from_numpy(basis(positions / np.array(crystal.cell_A[:2]), order)).to(series)
    assert relative(torch.tensordot(terms, series, 1), patterns_at(smatrix, positions, probe=PROBE)) < 1e-4


def test_a_short_series_is_the_long_one_cut_off(lopsided: Crystal) -> None:
    smatrix = matrix_of(lopsided)
    short, long = (pattern_series(smatrix, probe=PROBE, order=order) for order in (2, 5))
    torch.testing.assert_close(short, long[: len(short)], rtol=1e-3, atol=1e-8)
    torch.testing.assert_close(pattern_series(smatrix, probe=PROBE, order=0)[0], short[0], rtol=1e-3, atol=1e-8)


def test_single_and_double_precision_agree(lopsided: Crystal) -> None:
    single, double = (
        patterns_at(matrix_of(lopsided, dtype=dtype, thicknesses_A=[200.0]), POSITIONS_A, probe=PROBE)
        for dtype in (torch.complex64, torch.complex128)
    )
    assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
    assert relative(single.double(), double) < 1e-4


def test_thicknesses_in_one_pass_are_the_single_ones(lopsided: Crystal) -> None:
    wanted = [200.0, 8.0, 76.0, 9.0]
    series = matrix_of(lopsided, thicknesses_A=wanted)
    np.testing.assert_allclose(series.thicknesses_A, [8.0, 76.0, 200.0])
    for index, thickness in enumerate(series.thicknesses_A):
        alone = patterns_at(matrix_of(lopsided, thicknesses_A=[thickness]), POSITIONS_A, probe=PROBE)
        assert relative(patterns_at(series, POSITIONS_A, probe=PROBE, thickness_index=index), alone) < 1e-4


def test_overfocus_is_vacuum_above_the_specimen() -> None:
    """A crossover before the specimen: vacuum above an atom does what as much overfocus does."""

    @dataclasses.dataclass(frozen=True)
    class Layer:
        sites: tuple[Site, ...]
        cell_A: tuple[float, float, float] = (4.0, 4.0, 24.0)

    on_top, below = (Layer((Site("Nb", 0.4, 0.7, beam, 1.0, 0.5),)) for beam in (0.0, 5 / 6))
    first = patterns_at(matrix_of(on_top, thicknesses_A=[24.0]), POSITIONS_A, probe=Probe(SEMIANGLE, defocus_A=60.0))
    second = patterns_at(matrix_of(below, thicknesses_A=[24.0]), POSITIONS_A, probe=Probe(SEMIANGLE, defocus_A=40.0))
    other = patterns_at(matrix_of(below, thicknesses_A=[24.0]), POSITIONS_A, probe=Probe(SEMIANGLE, defocus_A=80.0))
    assert relative(second, first) < 1e-4
    assert relative(other, first) > 0.02


def test_the_zone_axis_lies_against_the_mistilt_on_a_detector_centred_on_the_beam() -> None:
    """The beam leans right, so the Laue circle's centre, and with it the intensity, lies to the left of the disk's middle."""
    ky, kx = 0.06 * (np.arange(41) - 20), 0.06 * (np.arange(37) - 18)
    simulator = ScatteringMatrixSimulator(mesh=3, k_limit=2.4)
    crystal = crystals.build("srtio3")
    axis = np.arange(6) / 6 * crystal.cell_A[0]

    def middle(probe: Probe) -> tuple[float, float]:
        patterns = simulator.patterns(crystal, pixel_grid(axis, axis), thickness_A=80.0, voltage_kV=200.0, probe=probe, ky=ky, kx=kx)
        mean = patterns.mean(0)
        return float(ky @ mean.sum(1) / mean.sum()), float(mean.sum(0) @ kx / mean.sum())

    down, right = middle(Probe(SEMIANGLE, tilt_x_mrad=4.0))
    assert right < -0.01
    assert abs(down) < 1e-3
    down, right = middle(Probe(SEMIANGLE, tilt_y_mrad=4.0))
    assert down > 0.01
    assert abs(right) < 1e-3
    assert middle(Probe(SEMIANGLE)) == pytest.approx((0, 0), abs=1e-3)


@pytest.mark.parametrize("order", [1, 3, 6])
def test_frequencies_are_half_of_a_disk(order: int) -> None:
    half = {tuple(f) for f in frequencies(order).tolist()}
    everything = {(i, j) for i in range(-order, order + 1) for j in range(-order, order + 1) if i * i + j * j <= order * order}
    assert half | {(-i, -j) for i, j in half} == everything
    assert len(half) == (len(everything) + 1) / 2
    assert tuple(frequencies(order)[0]) == (0, 0)


@pytest.mark.parametrize("axis", [0, 1])
def test_the_slope_is_the_derivative(axis: int) -> None:
    phase = np.random.default_rng(1).random((5, 2))
    step = np.zeros(2)
    step[axis] = 1e-6
    numeric = (basis(phase + step, 3) - basis(phase - step, 3)) / 2e-6
    np.testing.assert_allclose(basis_slope(phase, 3, axis), numeric, atol=1e-6)


def test_a_source_blurs_over_positions(lopsided: Crystal) -> None:
    """Damping the series is averaging patterns over normally distributed positions."""
    source, order = 0.35, 4
    edges = lopsided.cell_A[:2]
    around, weights = np.polynomial.hermite_e.hermegauss(15)
    positions = np.array([0.7, 1.9]) + source * pixel_grid(around, around)
    share = np.outer(weights, weights).ravel() / weights.sum() ** 2
    expected = share @ basis(positions / np.array(edges), order)
    found = basis(np.array([0.7, 1.9]) / np.array(edges), order) * source_damping(order, source, edges)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_no_thickness_is_refused(lopsided: Crystal) -> None:
    with pytest.raises(ValueError, match="at least one in angstrom"):
        matrix_of(lopsided, thicknesses_A=[])
