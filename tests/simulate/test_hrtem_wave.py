"""Exit waves against the atoms' own Fourier sums, the laws that a wave obeys, and abTEM's multislice on the same slices."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest

from polwidgets.electron import relativistic_gamma, wavelength_A
from polwidgets.scenes.scene import Scene
from polwidgets.simulate.exit_wave import exit_wave
from polwidgets.simulate.multislice import VOLT_ANGSTROM2
from polwidgets.simulate.scattering_factors import electron_scattering_factor
from polwidgets.simulate.scene_potential import ScenePotential

MakeScene = Callable[..., Scene]
BOX = (9.0, 13.0, 21.0)
RNG = np.random.default_rng(3)
MIXED = [(int(number), *place) for number, place in zip(RNG.choice([6, 14, 79], 40), RNG.uniform(0, BOX, (40, 3)), strict=True)]


def potential(scene: Scene, grid: tuple[int, int], slices: int = 1, **keywords: object) -> ScenePotential:
    return ScenePotential(scene.numbers, scene.positions_A, scene.box_A, grid=grid, slices=slices, voltage_kV=200.0, **keywords)  # type: ignore[arg-type]


@pytest.mark.parametrize("damping_A2", [0.0, 0.7])
def test_a_potential_is_the_sum_over_its_atoms(make_scene: MakeScene, damping_A2: float) -> None:
    scene, grid = make_scene(MIXED, BOX), (90, 126)
    factors = np.full(len(scene), damping_A2)
    ours = np.fft.fft2(potential(scene, grid, debye_waller_A2=factors).phase(0).numpy()) / np.prod(grid)  # type: ignore[union-attr]
    ky, kx = (np.fft.fftfreq(points, edge / points) for points, edge in zip(grid, BOX, strict=False))
    k = np.hypot(ky[:, None], kx[None])
    exact = np.zeros(grid, complex)
    for number, (down, right, _) in zip(scene.numbers, scene.positions_A, strict=True):
        element = {6: "C", 14: "Si", 79: "Au"}[int(number)]
        wave = np.exp(-2j * np.pi * (ky[:, None] * down + kx[None] * right))
        exact += electron_scattering_factor(element, k) * np.exp(-damping_A2 * k**2 / 4) * wave
    exact *= relativistic_gamma(200.0) * wavelength_A(200.0) / (BOX[0] * BOX[1])
    kept = k < 2 / 3 * 90 / 9.0 / 2
    assert np.linalg.norm((ours - exact)[kept]) < 2e-4 * np.linalg.norm(exact[kept])


def test_slices_share_the_atoms_out(make_scene: MakeScene) -> None:
    scene, grid = make_scene(MIXED, BOX), (90, 126)
    whole = potential(scene, grid)
    cut = potential(scene, grid, slices=4)
    parts = [cut.phase(index) for index in range(4)]
    np.testing.assert_allclose(sum(part.numpy() for part in parts if part is not None), whole.phase(0).numpy(), atol=1e-4)  # type: ignore[union-attr]
    assert potential(make_scene([(79, 1.0, 1.0, 12.0)], BOX), grid, slices=2).phase(0) is None


def test_vacuum_leaves_the_wave_alone(make_scene: MakeScene) -> None:
    wave = exit_wave(make_scene([], BOX))
    assert wave.dims == ("y", "x")
    assert wave.dtype == np.complex64
    np.testing.assert_allclose(wave, 1.0, atol=1e-6)
    np.testing.assert_allclose([wave["y"][-1] + wave["y"][1], wave["x"][-1] + wave["x"][1]], BOX[:2])


def test_no_electron_is_lost(make_scene: MakeScene) -> None:
    wave = exit_wave(make_scene(MIXED, BOX), sampling_A=0.06)
    assert float((np.abs(wave) ** 2).mean()) == pytest.approx(1, abs=2e-3)
    assert float(np.abs(wave).std()) > 0.03


def test_rows_are_down_and_columns_right(make_scene: MakeScene) -> None:
    wave = exit_wave(make_scene([(79, 2.0, 9.0, 20.9)], BOX), sampling_A=0.1, slice_thickness_A=0.1)
    assert wave.sizes["x"] > wave.sizes["y"]
    row, column = np.unravel_index(int(np.angle(wave).argmax()), wave.shape)
    assert float(wave["y"][row]) == pytest.approx(2.0, abs=0.06)
    assert float(wave["x"][column]) == pytest.approx(9.0, abs=0.06)


def test_moving_the_scene_moves_the_wave(make_scene: MakeScene) -> None:
    scene = make_scene(MIXED, BOX)
    wave = exit_wave(scene, sampling_A=0.2)
    step = (BOX[0] / wave.sizes["y"], BOX[1] / wave.sizes["x"])
    moved = exit_wave(scene.at(scene.positions_A + np.array([3 * step[0], -5 * step[1], 0.0])), sampling_A=0.2)
    np.testing.assert_allclose(moved, np.roll(wave, (3, -5), (0, 1)), atol=3e-4)


def test_a_single_slice_is_the_projected_potential(make_scene: MakeScene) -> None:
    """In the middle of the box a thin object is a phase object: propagating back from its face gives modulus one."""
    scene = make_scene([(6, 3.0, 4.0, 10.0), (6, 6.0, 9.0, 11.0)], BOX)
    wave = exit_wave(scene, sampling_A=0.05, slice_thickness_A=math.inf)
    k2 = np.fft.fftfreq(wave.sizes["y"], 9.0 / wave.sizes["y"])[:, None] ** 2 + np.fft.fftfreq(wave.sizes["x"], 13.0 / wave.sizes["x"]) ** 2
    back = np.fft.ifft2(np.fft.fft2(wave) * np.exp(1j * np.pi * wavelength_A(300.0) * BOX[2] / 2 * k2))
    assert np.abs(np.abs(wave) - 1).max() > 0.03
    assert np.abs(np.abs(back) - 1).max() < 0.01


def test_frozen_phonons(make_scene: MakeScene) -> None:
    scene = make_scene(MIXED, BOX, debye_waller_A2=0.6)
    frozen = exit_wave(scene, phonons=3, seed=1)
    assert frozen.dims == ("configuration", "y", "x")
    np.testing.assert_array_equal(frozen[:2], exit_wave(scene, phonons=2, seed=1))
    assert np.abs(frozen[0] - frozen[1]).max() > 0.05
    assert np.abs(frozen[0] - exit_wave(scene, phonons=1, seed=2)[0]).max() > 0.05
    still = dataclasses.replace(scene, debye_waller_A2=np.zeros(len(scene)))
    np.testing.assert_allclose(exit_wave(still, phonons=1)[0], exit_wave(still), atol=1e-6)


def test_phonons_average_to_the_damped_potential(make_scene: MakeScene) -> None:
    """The mean wave of many configurations is elastic scattering: that of the thermally averaged potential, for a thin object."""
    scene = make_scene([(14, 2.3, 3.1, 1.0), (14, 6.4, 8.8, 1.5)], (9.0, 13.0, 2.0), debye_waller_A2=1.5)
    mean = exit_wave(scene, phonons=400, sampling_A=0.3, seed=4).mean("configuration")
    averaged = exit_wave(scene, sampling_A=0.3)
    still = exit_wave(dataclasses.replace(scene, debye_waller_A2=np.zeros(2)), sampling_A=0.3)
    assert np.linalg.norm(mean - averaged) < 0.2 * np.linalg.norm(still - averaged)


def test_progress_is_told_and_may_cancel(make_scene: MakeScene) -> None:
    told: list[float] = []

    def listen(_: str, fraction: float) -> None:
        told.append(fraction)
        if fraction > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exit_wave(make_scene(MIXED, BOX), progress=listen)
    assert told == sorted(told)
    assert 0 < told[0] < told[-1] < 0.7


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"sampling_A": 0.0}, "above 0"),
        ({"slice_thickness_A": -1.0}, "above 0"),
        ({"phonons": -1}, "configurations"),
        ({"voltage_kV": 3e5}, "kilovolts"),
    ],
)
def test_impossible_settings(make_scene: MakeScene, keywords: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        exit_wave(make_scene(MIXED, BOX), **keywords)  # type: ignore[arg-type]


def test_an_element_without_a_table(make_scene: MakeScene) -> None:
    with pytest.raises(ValueError, match="atomic number 110"):
        exit_wave(make_scene([(110, 1.0, 1.0, 1.0)], BOX))


def abtem_wave(scene: Scene, *, points: int, slices: int) -> np.ndarray:
    """The exit wave by abTEM through our slices."""
    import abtem

    phases = potential(scene, (points, points), slices=slices)
    volts = np.zeros((slices, points, points), np.float32)
    for index in range(slices):
        if (phase := phases.phase(index)) is not None:
            volts[index] = phase.numpy() * VOLT_ANGSTROM2 / (relativistic_gamma(200.0) * wavelength_A(200.0))
    with abtem.config.set({"dask.lazy": False, "diagnostics.progress_bar": False, "precision": "float32"}):
        specimen = abtem.PotentialArray(volts, slice_thickness=scene.box_A[2] / slices, extent=scene.box_A[:2])
        return np.asarray(abtem.PlaneWave(energy=200e3).multislice(specimen).array)


def gold_on_carbon(make_scene: MakeScene) -> Scene:
    """A turned block of gold over randomly placed carbon."""
    from scipy.spatial.transform import Rotation

    cells = np.stack(np.meshgrid(*(np.arange(4),) * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    gold = (cells + np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])).reshape(-1, 3) * 4.078
    gold = Rotation.from_euler("xyz", (0.3, 0.5, 1.1)).apply(gold - gold.mean(0)) + np.array([15.0, 23.0, 16.0])
    carbon = np.random.default_rng(8).uniform((0, 0, 32.0), (40.0, 40.0, 40.0), (1200, 3))
    return make_scene([*((79, *place) for place in gold), *((6, *place) for place in carbon)], (40.0, 40.0, 42.0))


@pytest.mark.slow
def test_same_slices_give_abtems_wave(make_scene: MakeScene) -> None:
    pytest.importorskip("abtem", reason="the extra 'sim' is not installed")
    scene, points = gold_on_carbon(make_scene), 200
    slices = round(scene.box_A[2] / 2)
    theirs = abtem_wave(scene, points=points, slices=slices)
    ours = exit_wave(scene, voltage_kV=200.0, sampling_A=40 / points)
    assert ours.shape == theirs.shape
    # abTEM scatters where a slice begins, we in its middle: it is half a slice ahead
    k2 = np.fft.fftfreq(points, 0.2)[:, None] ** 2 + np.fft.fftfreq(points, 0.2)[None] ** 2
    ahead = np.fft.ifft2(np.fft.fft2(ours) * np.exp(-1j * np.pi * wavelength_A(200.0) * scene.box_A[2] / slices / 2 * k2))
    assert np.linalg.norm(ahead - theirs) < 0.01 * np.linalg.norm(theirs)
    assert np.linalg.norm(ahead.T - theirs) > 0.1 * np.linalg.norm(theirs)


@pytest.mark.slow
def test_abtems_own_potential_comes_nearer_as_its_grid_gets_finer(make_scene: MakeScene) -> None:
    """There atoms are put between four grid points: a finer grid is more exact, and nearer to ours."""
    abtem = pytest.importorskip("abtem", reason="the extra 'sim' is not installed")
    scene, points = gold_on_carbon(make_scene), 150
    index = np.fft.fftfreq(points, 1 / points).astype(int)
    k = np.hypot(index[:, None], index[None])
    kept = (k < points / 3) & (k > 0)
    ours = np.fft.fft2(potential(scene, (points, points)).phase(0).numpy())  # type: ignore[union-attr]
    differences = []
    for finer in (1, 2, 4):
        with abtem.config.set({"dask.lazy": False, "diagnostics.progress_bar": False, "precision": "float64"}):
            gpts = (points * finer, points * finer)
            volts = abtem.Potential(scene.to_ase(), gpts=gpts, slice_thickness=scene.box_A[2], parametrization="lobato").build().array
        theirs = np.fft.fft2(volts.sum(0))[np.ix_(index, index)] / finer**2
        theirs *= relativistic_gamma(200.0) * wavelength_A(200.0) / VOLT_ANGSTROM2
        differences.append(np.linalg.norm((ours - theirs)[kept]) / np.linalg.norm(theirs[kept]))
    assert differences[0] > 3 * differences[1] > 9 * differences[2]
    assert differences[2] < 0.01
