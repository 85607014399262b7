"""Images against the theory of weak phase objects, against sums over what envelopes stand for, and against abTEM's lens."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from polwidgets.electron import wavelength_A
from polwidgets.scenes.scene import Scene
from polwidgets.simulate.aberrations import ABERRATIONS, basis, basis_slope, coefficients
from polwidgets.simulate.exit_wave import exit_wave
from polwidgets.simulate.imaging import ImagingConditions, hrtem_images

ROWS, COLUMNS, STEP_A = 150, 180, 0.15
CLEAN = {"focal_spread_A": 0.0, "source_spread_mrad": 0.0, "aperture_mrad": 38.0}
WAVELENGTH = wavelength_A(300.0)


def as_wave(values: NDArray[np.complexfloating], step_A: float = STEP_A) -> xr.DataArray:
    coords = {dim: (dim, np.arange(size) * step_A, {"units": "angstrom"}) for dim, size in zip("yx", values.shape[-2:], strict=True)}
    return xr.DataArray(values, coords, ("configuration",) * (values.ndim - 2) + ("y", "x"), attrs={"voltage_kV": 300.0})


@pytest.fixture
def weak() -> tuple[xr.DataArray, NDArray[np.complex128]]:
    """A weak phase object of all wave numbers alike, and its phase's spectrum."""
    spectrum = np.fft.fft2(np.random.default_rng(5).normal(size=(ROWS, COLUMNS)))
    phase = 1e-3 * np.sqrt(ROWS * COLUMNS) * np.fft.ifft2(spectrum / np.abs(spectrum)).real
    return as_wave(1 + 1j * phase), np.fft.fft2(phase)


def frequency() -> NDArray[np.float64]:
    return np.hypot(np.fft.fftfreq(ROWS, STEP_A)[:, None], np.fft.fftfreq(COLUMNS, STEP_A)[None])


def transfer(weak: tuple[xr.DataArray, NDArray[np.complex128]], conditions: ImagingConditions) -> NDArray[np.complex128]:
    """What of the phase is in the image, at every wave number."""
    wave, phase = weak
    image = hrtem_images(wave, [conditions], seed=0)[0].values.astype(float)
    return np.asarray(np.fft.fft2(image) / phase)


def test_a_weak_phase_object_shows_the_contrast_transfer_function(weak: tuple[xr.DataArray, NDArray[np.complex128]]) -> None:
    Cs_A = 1.2e7
    scherzer = -1.2 * math.sqrt(Cs_A * WAVELENGTH)
    k = frequency()
    inside = (k > 0) & (k < 0.9 * CLEAN["aperture_mrad"] * 1e-3 / WAVELENGTH)
    found = transfer(weak, ImagingConditions(defocus_A=scherzer, Cs_A=Cs_A, **CLEAN))
    chi = np.pi * WAVELENGTH * k**2 * scherzer + np.pi / 2 * Cs_A * WAVELENGTH**3 * k**4
    np.testing.assert_allclose(found[inside], 2 * np.sin(chi)[inside], atol=0.02)
    # the wide band of negative phase contrast that Scherzer looked for: atoms are dark
    band = (k > 0.25) & (k < 0.44)
    assert found.real[band].max() < -1


def test_thon_rings_are_where_theory_puts_them(weak: tuple[xr.DataArray, NDArray[np.complex128]]) -> None:
    defocus_A = -700.0
    found = np.abs(transfer(weak, ImagingConditions(defocus_A=defocus_A, **CLEAN)))
    k = frequency()
    for order in (1, 2, 3):
        dark = np.abs(k - math.sqrt(order / (WAVELENGTH * -defocus_A))) < 0.005
        bright = np.abs(k - math.sqrt((order - 0.5) / (WAVELENGTH * -defocus_A))) < 0.005
        assert found[dark].mean() < 0.4
        assert found[bright].mean() > 1.8


def test_overfocus_shows_the_wave_further_down(lopsided_wave: Callable[[float], xr.DataArray]) -> None:
    """The wave behind 30 angstrom more of vacuum is what 30 angstrom of positive defocus shows."""
    sharp = ImagingConditions(defocus_A=0.0, **CLEAN)
    behind = hrtem_images(lopsided_wave(30.0), [sharp], seed=0)
    focused = hrtem_images(lopsided_wave(0.0), [dataclasses.replace(sharp, defocus_A=sign * 30.0) for sign in (1, -1)], seed=0)
    np.testing.assert_allclose(focused[0], behind[0], atol=2e-4)
    assert np.abs(focused[1] - behind[0]).max() > 0.05


@pytest.fixture
def lopsided_wave(make_scene: Callable[..., Scene]) -> Callable[[float], xr.DataArray]:
    def wave(behind_A: float) -> xr.DataArray:
        scene = make_scene([(79, 3.0, 2.0, 1.0), (14, 3.5, 7.0, 3.0), (14, 9.0, 4.0, 5.0)], (10.0, 14.0, 6.0 + behind_A))
        return exit_wave(scene, sampling_A=0.16, slice_thickness_A=2.0)

    return wave


def test_focal_spread_is_a_spread_of_defoci(weak: tuple[xr.DataArray, NDArray[np.complex128]]) -> None:
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    sharp = ImagingConditions(defocus_A=-120.0, Cs_A=1e6, **CLEAN)
    spread_A = 25.0
    many = hrtem_images(weak[0], [dataclasses.replace(sharp, defocus_A=-120.0 + spread_A * node) for node in nodes], seed=0)
    mean = (many.values * (weights / weights.sum())[:, None, None]).sum(0)
    damped = hrtem_images(weak[0], [dataclasses.replace(sharp, focal_spread_A=spread_A)], seed=0)[0]
    contrast = float(damped.std())
    assert np.abs(mean - damped).max() < 0.02 * contrast
    assert contrast < 0.8 * float(many[20].std())


def test_source_spread_damps_by_the_slope_of_the_aberrations(weak: tuple[xr.DataArray, NDArray[np.complex128]]) -> None:
    sharp = ImagingConditions(defocus_A=-300.0, **CLEAN)
    k = frequency()
    spread = 4e-4
    damping = np.exp(-((spread * 2 * np.pi * -300.0 * k) ** 2) / 2)
    inside = (k > 0) & (k < 0.9 * CLEAN["aperture_mrad"] * 1e-3 / WAVELENGTH)
    found = transfer(weak, dataclasses.replace(sharp, source_spread_mrad=1e3 * spread))
    np.testing.assert_allclose(found[inside], (transfer(weak, sharp) * damping)[inside], atol=0.02)


def test_slopes_are_the_derivatives() -> None:
    rng = np.random.default_rng(0)
    up, right, step = rng.normal(size=7), rng.normal(size=7), 1e-5
    along_up, along_right = basis_slope(up, right)
    np.testing.assert_allclose(along_up, (basis(up + step, right) - basis(up - step, right)) / (2 * step), atol=1e-7)
    np.testing.assert_allclose(along_right, (basis(up, right + step) - basis(up, right - step)) / (2 * step), atol=1e-7)


@pytest.mark.parametrize("aberration", ABERRATIONS, ids=lambda aberration: aberration.size)
def test_every_aberration_has_its_power_and_its_folds(aberration: object) -> None:
    size, angle, p, m, divisor = aberration  # type: ignore[misc]
    conditions = ImagingConditions(**{"defocus_A": 0.0, size: 10.0}, **({angle: 20.0} if angle else {}))
    turn, radius = np.deg2rad([20.0, 50.0, 200.0]), 0.3
    path = coefficients(conditions) @ basis(radius * np.sin(turn), radius * np.cos(turn))
    np.testing.assert_allclose(path, 10 / divisor * radius ** (2 * p + m) * np.cos(m * (turn - np.deg2rad(20.0))), atol=1e-12)


@pytest.mark.slow
def test_abtems_lens_makes_the_same_image(lopsided_wave: Callable[[float], xr.DataArray]) -> None:
    abtem = pytest.importorskip("abtem", reason="the extra 'sim' is not installed")
    wave = lopsided_wave(0.0)
    conditions = ImagingConditions(
        defocus_A=-40.0, C12_A=15.0, phi12_deg=25.0, C21_A=400.0, phi21_deg=70.0, C23_A=300.0, phi23_deg=15.0, Cs_A=4e5, C32_A=3e4,
        phi32_deg=60.0, C34_A=2e4, phi34_deg=40.0, **{**CLEAN, "aperture_mrad": 36.0},
    )  # fmt: skip
    sizes = {name: getattr(conditions, f"{name}_A") for name in ("C12", "C21", "C23", "C32", "C34")}
    # abTEM's azimuth starts at the rows' axis
    turns = {name: np.deg2rad(getattr(conditions, f"{name}_deg") + 90) for name in ("phi12", "phi21", "phi23", "phi32", "phi34")}
    with abtem.config.set({"dask.lazy": False, "diagnostics.progress_bar": False, "precision": "float32"}):
        lens = abtem.CTF(energy=300e3, semiangle_cutoff=36.0, soft=True, C10=-40.0, C30=4e5, **sizes, **turns)
        sampling = tuple(float(wave[dim][1]) for dim in "yx")
        theirs = abtem.Waves(np.ascontiguousarray(wave.values), energy=300e3, sampling=sampling).apply_ctf(lens).intensity().array
    ours = hrtem_images(wave, [conditions], seed=0)[0].values
    assert np.linalg.norm(ours - theirs) < 0.02 * np.linalg.norm(theirs - theirs.mean())
    plain = hrtem_images(wave, [dataclasses.replace(conditions, phi12_deg=115.0)], seed=0)[0].values
    assert np.linalg.norm(plain - theirs) > 0.1 * np.linalg.norm(theirs - theirs.mean())


def test_drift_smears_along_its_way(lopsided_wave: Callable[[float], xr.DataArray]) -> None:
    wave = lopsided_wave(0.0)
    still = ImagingConditions(**CLEAN)
    sharp, smeared = hrtem_images(wave, [still, dataclasses.replace(still, drift_down_A=0.8, drift_right_A=-1.3)], seed=0).values
    spectrum = np.fft.fft2(sharp)
    down, right = (np.fft.fftfreq(wave.sizes[dim], float(wave[dim][1])) for dim in "yx")
    way = (np.arange(200) + 0.5) / 200 - 0.5
    shifts = [np.exp(-2j * np.pi * part * (0.8 * down[:, None] - 1.3 * right[None])) for part in way]
    np.testing.assert_allclose(smeared, np.fft.ifft2(spectrum * np.mean(shifts, 0)).real, atol=2e-4)
    assert smeared.mean() == pytest.approx(sharp.mean(), rel=1e-5)


def test_counts_are_poissons() -> None:
    vacuum = as_wave(np.ones((ROWS, COLUMNS), complex))
    for dose in (20.0, 2000.0):
        image = hrtem_images(vacuum, [ImagingConditions(dose_per_A2=dose)], seed=1)[0].values.astype(float)
        expected = dose * STEP_A**2
        assert image.mean() == pytest.approx(1, abs=5 / math.sqrt(expected * image.size))
        assert image.var() * expected == pytest.approx(1, abs=0.06)
        np.testing.assert_allclose(image * expected, np.round(image * expected), atol=1e-3)


def test_the_detector_spreads_signal_and_noise_alike() -> None:
    vacuum = as_wave(np.ones((ROWS, COLUMNS), complex))
    noisy = ImagingConditions(dose_per_A2=500.0)
    plain, spread = hrtem_images(vacuum, [noisy, dataclasses.replace(noisy, mtf_at_nyquist=0.2)], seed=1).values
    again = hrtem_images(vacuum, [noisy, noisy], seed=1)[1].values  # the counts that were spread
    ratio = np.fft.fft2(spread) / np.fft.fft2(again)
    np.testing.assert_allclose(ratio[0, 0], 1, atol=1e-5)
    np.testing.assert_allclose(ratio[ROWS // 2, 0], 0.2, atol=1e-3)
    np.testing.assert_allclose(ratio[0, COLUMNS // 4], 0.2**0.25, atol=1e-3)
    assert not np.array_equal(plain, again)


def test_an_image_depends_on_the_seed_and_its_place_alone(lopsided_wave: Callable[[float], xr.DataArray]) -> None:
    conditions = [ImagingConditions(defocus_A=-20.0 * number, dose_per_A2=300.0, **CLEAN) for number in range(4)]
    wave = lopsided_wave(0.0)
    all_of_them = hrtem_images(wave, conditions, seed=7)
    np.testing.assert_array_equal(all_of_them[:2], hrtem_images(wave, conditions[:2], seed=7))
    assert not np.array_equal(all_of_them, hrtem_images(wave, conditions, seed=8))
    np.testing.assert_array_equal(all_of_them["defocus_A"], [-0.0, -20.0, -40.0, -60.0])
    assert all_of_them.dims == ("image", "y", "x")


def test_configurations_are_averaged_before_counting(lopsided_wave: Callable[[float], xr.DataArray]) -> None:
    wave = lopsided_wave(0.0).values
    both = as_wave(np.stack([wave, wave.conj()]))
    still = [ImagingConditions(**CLEAN)]
    first, second = (hrtem_images(as_wave(one), still, seed=0) for one in (wave, wave.conj()))
    np.testing.assert_allclose(hrtem_images(both, still, seed=0), (first + second) / 2, atol=1e-5)


def test_a_pixel_is_the_mean_of_its_points(lopsided_wave: Callable[[float], xr.DataArray]) -> None:
    wave = lopsided_wave(0.0)
    fine, coarse = (hrtem_images(wave, [ImagingConditions(**CLEAN)], seed=0, binning=binning)[0] for binning in (1, 2))
    np.testing.assert_allclose(coarse, fine.values.reshape(coarse.shape[0], 2, coarse.shape[1], 2).mean((1, 3)), rtol=1e-6)
    np.testing.assert_allclose(coarse["y"][0], fine["y"][:2].mean())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda wave: wave.drop_vars("x"), "no scale along x"),
        (lambda wave: wave.assign_coords(y=("y", np.arange(float(ROWS)), {"units": "pixel"})), "no scale along y"),
        (lambda wave: wave.real, "expected an exit wave"),
        (lambda wave: wave.values, "expected an exit wave"),
        (lambda wave: wave.drop_attrs().assign_coords(wave.coords), "voltage_kV"),
    ],
)
def test_waves_without_what_an_image_needs(change: Callable[[xr.DataArray], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hrtem_images(change(as_wave(np.ones((ROWS, COLUMNS), complex))), [ImagingConditions()], seed=0)  # type: ignore[arg-type]


def test_conditions_that_cannot_be() -> None:
    vacuum = as_wave(np.ones((ROWS, COLUMNS), complex))
    with pytest.raises(ValueError, match=r"sampling_A=0\.0"):
        hrtem_images(vacuum, [ImagingConditions(aperture_mrad=70.0)], seed=0)
    with pytest.raises(ValueError, match="at least one"):
        hrtem_images(vacuum, [], seed=0)
    with pytest.raises(ValueError, match="does not divide"):
        hrtem_images(vacuum, [ImagingConditions()], seed=0, binning=4)
    for wrong in ({"dose_per_A2": -1.0}, {"mtf_at_nyquist": 0.0}, {"aperture_mrad": 0.0}, {"focal_spread_A": -3.0}):
        with pytest.raises(ValueError, match="at least 0"):
            ImagingConditions(**wrong)
