"""High-resolution images from an exit wave, under any number of imaging conditions at once.

The lens multiplies the wave's spectrum by its transfer function; partial coherence damps it by envelopes (quasi-coherent
imaging; Frank, doi:10.1007/978-3-642-10862-9; Reimer & Kohl, doi:10.1007/978-0-387-40093-8); then drift smears the intensity,
electrons are counted, and the detector spreads each of them.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from polwidgets.cube.schema import LENGTH, require, step_of
from polwidgets.cube.stream import workers
from polwidgets.electron import wave_number, wavelength_A
from polwidgets.registry import parameter
from polwidgets.simulate.aberrations import basis, basis_slope, coefficients
from polwidgets.simulate.exit_wave import kept_wave_number

BATCH_BYTES: Final = 2 * 2**20  # of complex waves at once on a core: what its cache holds


@dataclasses.dataclass(frozen=True)
class ImagingConditions:
    """How a microscope makes an image of an exit wave.

    Aberrations follow Krivanek's notation, as the probe's do: C10 is defocus with positive values overfocused, measured from
    the face of the box where the beam leaves; angles are anticlockwise on screen.
    """

    defocus_A: float = parameter(-60.0, "defocus C10, positive is overfocus", min=-2000, max=2000, step=5, unit="angstrom")
    C12_A: float = parameter(0.0, "twofold astigmatism", min=0, max=200, step=1, unit="angstrom")
    phi12_deg: float = parameter(0.0, "its angle", min=0, max=180, step=1, unit="degree")
    C21_A: float = parameter(0.0, "coma", min=0, max=5000, step=10, unit="angstrom")
    phi21_deg: float = parameter(0.0, "its angle", min=0, max=360, step=1, unit="degree")
    C23_A: float = parameter(0.0, "threefold astigmatism", min=0, max=5000, step=10, unit="angstrom")
    phi23_deg: float = parameter(0.0, "its angle", min=0, max=120, step=1, unit="degree")
    Cs_A: float = parameter(0.0, "spherical aberration C30", min=-1e7, max=1.5e7, step=1e4, unit="angstrom")
    C32_A: float = parameter(0.0, "axial star aberration", min=0, max=2e5, step=1e3, unit="angstrom")
    phi32_deg: float = parameter(0.0, "its angle", min=0, max=180, step=1, unit="degree")
    C34_A: float = parameter(0.0, "fourfold astigmatism", min=0, max=2e5, step=1e3, unit="angstrom")
    phi34_deg: float = parameter(0.0, "its angle", min=0, max=90, step=1, unit="degree")
    aperture_mrad: float = parameter(30.0, "objective aperture, semi-angle", min=1, max=80, step=0.5, unit="mrad")
    focal_spread_A: float = parameter(30.0, "focal spread, standard deviation", min=0, max=200, step=1, unit="angstrom")
    source_spread_mrad: float = parameter(0.1, "spread of illumination angles, standard deviation", min=0, max=2, step=0.01, unit="mrad")
    drift_down_A: float = parameter(0.0, "drift during the exposure, down", min=-10, max=10, step=0.1, unit="angstrom")
    drift_right_A: float = parameter(0.0, "drift during the exposure, right", min=-10, max=10, step=0.1, unit="angstrom")
    dose_per_A2: float = parameter(0.0, "electrons; 0 draws no counts", min=0, max=1e5, step=10, unit="1/angstrom^2")
    mtf_at_nyquist: float = parameter(1.0, "detector transfer at half a cycle a pixel", min=0.01, max=1, step=0.01)

    def __post_init__(self) -> None:
        negative = [name for name in ("focal_spread_A", "source_spread_mrad", "dose_per_A2") if getattr(self, name) < 0]
        if negative or self.aperture_mrad <= 0 or not 0 < self.mtf_at_nyquist <= 1:
            raise ValueError(
                f"{self}: expected spreads and dose of at least 0, an aperture above 0 and a transfer at Nyquist above 0, at most 1"
            )


def hrtem_images(
    wave: xr.DataArray, conditions: Sequence[ImagingConditions], *, seed: int, binning: int = 1, device: str | torch.device = "cpu"
) -> xr.DataArray:
    """Images of one exit wave, one for each of the conditions.

    Parameters
    ----------
    wave : complex DataArray (y, x) or (configuration, y, x)
        As `exit_wave` makes it; intensities of configurations are averaged.
    conditions : sequence of ImagingConditions
    seed : int
        Draws the counts: image `i` depends on (seed, i) alone.
    binning : int
        The wave's grid points on a side of a detector pixel.

    Returns
    -------
    float32 DataArray (image, y, x)
        Intensity, the incident beam's being one: counts over the mean counts of a pixel in vacuum. The conditions are coords
        along ``image``.

    Raises
    ------
    ValueError
        No conditions, a wave without scale, an aperture beyond what the wave's sampling holds, or a grid that is not a
        whole number of detector pixels.
    """
    conditions = list(conditions)
    step_A = _check_wave(wave)
    (voltage_kV,) = require(wave, "voltage_kV")
    if not conditions:
        raise ValueError("no imaging conditions; give at least one ImagingConditions()")
    shape = wave.shape[-2:]
    if binning < 1 or any(size % binning for size in shape):
        raise ValueError(f"binning {binning} does not divide the wave's {shape[0]} x {shape[1]} points; simulate a grid that it divides")
    _check_aperture(conditions, step_A, voltage_kV)
    spectrum = torch.fft.fft2(torch.from_numpy(np.ascontiguousarray(wave.values)).to(device, torch.complex64)).reshape(-1, *shape)
    lens = _lens(shape, step_A, voltage_kV, max(entry.aperture_mrad for entry in conditions), device)
    count = max(1, BATCH_BYTES // (8 * spectrum.numel()))
    pixel_A2 = step_A[0] * step_A[1] * binning**2
    images = np.empty((len(conditions), shape[0] // binning, shape[1] // binning), np.float32)

    def expose(start: int) -> None:
        part = conditions[start : start + count]
        intensity = _drifted(lens.intensities(spectrum, part), part, step_A)
        binned = intensity.reshape(len(part), images.shape[1], binning, images.shape[2], binning).mean((2, 4)).cpu().numpy()
        for index, entry in enumerate(part):
            binned[index] = _counted(binned[index], entry.dose_per_A2 * pixel_A2, np.random.default_rng((seed, start + index)))
        images[start : start + count] = _spread(torch.from_numpy(binned), part).numpy()

    _on_all_cores(expose, range(0, len(conditions), count))
    coords: dict[str, Any] = {dim: (dim, wave[dim].values.reshape(-1, binning).mean(1), {"units": LENGTH}) for dim in ("y", "x")}
    for field in dataclasses.fields(ImagingConditions):
        coords[field.name] = ("image", np.array([getattr(entry, field.name) for entry in conditions], float))
    return xr.DataArray(images, coords, ("image", "y", "x"), "intensity", {"voltage_kV": voltage_kV, "seed": seed})


def _on_all_cores(task: Callable[[int], None], starts: range) -> None:
    """Run a task for every start, each on one core: counting cannot be shared, and cores need not wait for one another."""
    if len(starts) == 1:
        task(starts[0])
        return
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(workers(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            list(pool.map(task, starts))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            torch.set_num_threads(threads)


class _Lens:
    """Transfer functions on one grid, only where an aperture lets anything pass."""

    def __init__(
        self, shape: tuple[int, ...], step_A: tuple[float, float], voltage_kV: float, aperture_mrad: float, device: str | torch.device
    ) -> None:
        down, right = np.fft.fftfreq(shape[0], step_A[0])[:, None], np.fft.fftfreq(shape[1], step_A[1])[None]
        self._edge = 1 / max(shape[0] * step_A[0], shape[1] * step_A[1])  # an aperture's edge is as wide as a pixel
        self._voltage_kV = voltage_kV
        radius = np.hypot(down, right)
        inside = np.flatnonzero(radius < wave_number(aperture_mrad, voltage_kV) + self._edge)
        wavelength = wavelength_A(voltage_kV)
        up, across = (np.broadcast_to(axis, shape).ravel()[inside] * wavelength for axis in (-down, right))
        self._inside = torch.from_numpy(inside).to(device)
        self._k = torch.from_numpy(radius.ravel()[inside]).to(device, torch.float32)
        # all in radians of phase for an angstrom of an aberration coefficient
        self._basis = torch.from_numpy(basis(up, across) * (2 * np.pi / wavelength)).to(device, torch.float32)
        self._slopes = [torch.from_numpy(slope * (2 * np.pi / wavelength)).to(device, torch.float32) for slope in basis_slope(up, across)]
        self._defocus = np.pi * wavelength * self._k.square()

    def intensities(self, spectrum: torch.Tensor, conditions: Sequence[ImagingConditions]) -> torch.Tensor:
        """Intensities (image, rows, columns) of waves whose spectra are (configuration, rows, columns), averaged over them."""
        transfer = self._transfer(conditions)
        passed = torch.zeros(len(conditions), len(spectrum), spectrum[0].numel(), dtype=torch.complex64, device=spectrum.device)
        passed[:, :, self._inside] = transfer[:, None] * spectrum.flatten(1)[:, self._inside]
        wave = torch.fft.ifft2(passed.view(len(conditions), *spectrum.shape))
        intensity: torch.Tensor = (wave.real.square() + wave.imag.square()).mean(1)
        return intensity

    def _transfer(self, conditions: Sequence[ImagingConditions]) -> torch.Tensor:
        """Transfer functions (image, wave number inside)."""

        def column(values: list[float]) -> torch.Tensor:
            return torch.tensor(values, device=self._k.device, dtype=torch.float32)[:, None]

        weights = torch.from_numpy(np.stack([coefficients(entry) for entry in conditions])).to(self._basis)
        phase = weights @ self._basis
        tilt = column([entry.source_spread_mrad * 1e-3 for entry in conditions])
        focus = column([entry.focal_spread_A for entry in conditions])
        damping = (focus * self._defocus).square_()
        for slope in self._slopes:
            damping += (tilt * (weights @ slope)).square_()
        aperture = column([wave_number(entry.aperture_mrad, self._voltage_kV) for entry in conditions])
        passing = ((aperture - self._k) / self._edge + 0.5).clamp_(0, 1)
        passing *= damping.mul_(-0.5).exp_()
        # a quarter of what torch.polar takes, which is not vectorised
        return torch.complex(phase.cos().mul_(passing), phase.sin().mul_(passing).neg_())


_lens: Final = functools.lru_cache(maxsize=4)(_Lens)
"""The basis costs more than an image: whoever moves a slider asks for the same one again."""


def _drifted(intensity: torch.Tensor, conditions: Sequence[ImagingConditions], step_A: tuple[float, float]) -> torch.Tensor:
    """Intensities (image, rows, columns) smeared along each image's drift, half of it before and half after."""
    drift = torch.tensor([(entry.drift_down_A, entry.drift_right_A) for entry in conditions], device=intensity.device)
    moving = drift.any(1).nonzero().flatten()
    if len(moving):
        rows, columns = intensity.shape[-2:]
        down = torch.fft.fftfreq(rows, step_A[0], device=intensity.device)
        right = torch.fft.rfftfreq(columns, step_A[1], device=intensity.device)
        smear = torch.sinc(drift[moving, 0, None, None] * down[:, None] + drift[moving, 1, None, None] * right)
        intensity[moving] = torch.fft.irfft2(torch.fft.rfft2(intensity[moving]).mul_(smear), s=(rows, columns))
    return intensity


def _counted(image: NDArray[np.float32], expected: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """The image as counts over the expected counts of a pixel in vacuum."""
    if not expected:
        return image
    # what filters left below zero is rounding
    return (rng.poisson(image.clip(0) * expected) / expected).astype(np.float32)


def _spread(images: torch.Tensor, conditions: Sequence[ImagingConditions]) -> torch.Tensor:
    """Images (image, rows, columns) with every electron spread by the detector: noise is transferred as the signal is."""
    transfer = torch.tensor([entry.mtf_at_nyquist for entry in conditions], device=images.device)
    blurred = (transfer < 1).nonzero().flatten()
    if len(blurred):
        rows, columns = images.shape[-2:]
        fall = transfer[blurred, None].log()  # the transfer is a Gaussian of the frequency, so a product of both axes'
        down = (fall * (2 * torch.fft.fftfreq(rows, device=images.device)).square()).exp_()
        right = (fall * (2 * torch.fft.rfftfreq(columns, device=images.device)).square()).exp_()
        spectrum = torch.fft.rfft2(images[blurred]).mul_(down[:, :, None]).mul_(right[:, None])
        images[blurred] = torch.fft.irfft2(spectrum, s=(rows, columns))
    return images


def _check_wave(wave: xr.DataArray) -> tuple[float, float]:
    """Steps (down, right) of a wave that has a scale."""
    if not isinstance(wave, xr.DataArray) or wave.dims[-2:] != ("y", "x") or wave.ndim not in (2, 3) or not np.iscomplexobj(wave):
        got = f"dims {wave.dims}, {wave.dtype}" if isinstance(wave, xr.DataArray) else type(wave).__name__
        raise ValueError(f"expected an exit wave, complex (y, x) or (configuration, y, x), got {got}; pw.exit_wave makes one")
    for dim in ("y", "x"):
        units = wave[dim].attrs.get("units") if dim in wave.coords else None
        if units != LENGTH or wave.sizes[dim] < 2:
            raise ValueError(
                f"the wave has no scale along {dim} (units {units!r}); give it a coord in {LENGTH}: "
                f"wave.assign_coords({dim}=({dim!r}, positions, {{'units': {LENGTH!r}}}))"
            )
    return step_of(wave, "y"), step_of(wave, "x")


def _check_aperture(conditions: Sequence[ImagingConditions], step_A: tuple[float, float], voltage_kV: float) -> None:
    """Refuse an aperture beyond the wave numbers that the sampling holds."""
    widest = max(entry.aperture_mrad for entry in conditions)
    needed, held = wave_number(widest, voltage_kV), kept_wave_number(step_A)
    if needed > held:
        raise ValueError(
            f"the aperture of {widest:g} mrad lets {needed:.2f} / angstrom pass, a sampling of {max(step_A):.3g} angstrom holds "
            f"{held:.2f}; simulate the wave with sampling_A={max(step_A) * held / needed:.3f} or less, or close the aperture"
        )
