"""Bright-field images of nanoparticles on a film, not resolving the lattice, with exact masks.

Particles are bodies of known projected thickness: they absorb (mass thickness, more or less of it for grains that diffract)
and shift the phase; the amorphous film shifts it at random. The exit wave goes through the lens's transfer function, so that
Fresnel fringes and the film's grain come from one defocus. Then illumination, detector and 8-bit grey levels.
"""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import fft, ndimage

from polwidgets.progress import Progress, reporter
from polwidgets.registry import parameter
from polwidgets.simulate.particle_layouts import Placed, draw_layout
from polwidgets.simulate.particle_shapes import SHAPES, draw_thickness
from polwidgets.simulate.picture_marks import draw_scale_bar

MARGIN: Final = 24  # pixels simulated around the image: what lies outside throws fringes into it, and the transform is periodic
CLASSES: Final = ("background", "outlined", "unresolved")
OVERLAP: Final = 0.3  # of its outline covered by others: a particle is no longer told from them
VISIBLE: Final = 1.3  # times the fluctuations by which a particle must be darker, for its outline to be seen
PATCH: Final = 0.25  # radii; an outline is followed by eye over patches one radius long and so wide


@dataclasses.dataclass(frozen=True)
class BrightField:
    """Distributions that images are drawn from; pairs are limits, of a logarithmic draw where all are positive and far apart."""

    radius_px: tuple[float, float] = parameter((8.0, 60.0), "typical radius of an image's particles", min=2, max=150, unit="pixel")
    spread: tuple[float, float] = parameter((0.02, 0.35), "relative spread of radii within an image", min=0, max=1)
    cover: tuple[float, float] = parameter((0.04, 0.6), "part of the image that is covered", min=0, max=1)
    contrast: tuple[float, float] = parameter((0.12, 0.85), "part of the beam that the thickest particle takes away", min=0, max=0.99)
    grain: tuple[float, float] = parameter((0.0, 1.0), "spread of the film's texture over the particles' contrast", min=0, max=3)
    fringe_px: tuple[float, float] = parameter(
        (0.6, 5.0), "width of a Fresnel fringe, sqrt(wavelength defocus)", min=0.2, max=20, unit="pixel"
    )
    noise: tuple[float, float] = parameter((0.02, 0.6), "spread of the counts over the particles' contrast", min=0, max=3)
    blur_px: tuple[float, float] = parameter((0.3, 1.3), "standard deviation of the detector's blur", min=0, max=5, unit="pixel")
    unresolved: float = parameter(
        0.6, "probability that an image has faint particles, or ones out of focus or covering one another", min=0, max=1
    )
    unevenness: float = parameter(0.25, "largest relative change of illumination and film across the image", min=0, max=1)
    marks: float = parameter(0.25, "probability of a scale bar or dirt", min=0, max=1)


def bright_field_images(
    count: int,
    *,
    shape: tuple[int, int] = (256, 256),
    recipe: BrightField | None = None,
    seed: int,
    progress: bool | Progress = False,
) -> xr.Dataset:
    """Labelled images on (sample, y, x).

    Parameters
    ----------
    count : int
        Number of images; the first ones do not depend on it.
    shape : (rows, columns)
    recipe : BrightField, optional
        The distributions; by default wide ones.
    seed : int

    Returns
    -------
    Dataset on (sample, y, x)
        ``image`` (uint8 grey levels), ``mask`` (uint8 class: 0 background, 1 a particle whose outline is seen, 2 one out of
        focus, covered by others, or too faint for the film's texture and the noise), and what was drawn on (sample,):
        ``radius_px``, ``contrast``, ``fringe_px``.
    """
    if count < 1 or min(shape) < 16:
        raise ValueError(f"asked for {count} images of {shape} pixels; expected at least one of 16 x 16")
    recipe, report = recipe or BrightField(), reporter(progress)
    image, mask = (np.empty((count, *shape), np.uint8) for _ in range(2))
    drawn: list[dict[str, float]] = []
    for index in range(count):
        image[index], mask[index], facts = draw_image(recipe, shape, rng=np.random.default_rng((seed, index)))
        drawn.append(facts)
        report("images", (index + 1) / count)
    dims = ("sample", "y", "x")
    return xr.Dataset(
        {
            "image": (dims, image, {"units": "1", "long_name": "grey level"}),
            "mask": (dims, mask, {"flag_values": np.arange(3, dtype=np.uint8), "flag_meanings": " ".join(CLASSES)}),
            **{name: ("sample", np.array([facts[name] for facts in drawn], np.float32)) for name in drawn[0]},
        },
        attrs={"seed": seed, "recipe": "bright_field", **{name: str(value) for name, value in dataclasses.asdict(recipe).items()}},
    )


def draw_image(
    recipe: BrightField, shape: tuple[int, int], *, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], dict[str, float]]:
    """One image, its mask, and what was drawn for it."""
    radius = _draw(recipe.radius_px, rng)
    # an image too small for its particles would show none whole
    radius = min(radius, 0.3 * min(shape))
    padded = (shape[0] + 2 * MARGIN, shape[1] + 2 * MARGIN)
    crowded = rng.random() < recipe.unresolved
    placed = draw_layout(padded, radius, rng.uniform(*recipe.spread), _draw(recipe.cover, rng), crowded=crowded, rng=rng)
    contrast, noise = _draw(recipe.contrast, rng), _draw(recipe.noise, rng)
    # a particle no larger than the film's grain cannot be told from it
    lens = _draw_lens(padded, min(_draw(recipe.fringe_px, rng), radius / 3), rng)
    film = lens.film_phase(contrast * rng.uniform(*recipe.grain))
    hardly = VISIBLE * lens.fluctuation(film, contrast * noise, radius)
    absorption, phase, mask = _particles(placed, padded, radius, contrast, hardly, rng)
    intensity = lens.image(absorption, phase + film * rng.normal(size=padded)) * _uneven(padded, recipe.unevenness, rng)
    inner = (slice(MARGIN, MARGIN + shape[0]), slice(MARGIN, MARGIN + shape[1]))
    grey = _detect(intensity[inner], contrast * noise, _draw(recipe.blur_px, rng), rng)
    mask = mask[inner].copy()
    if rng.random() < recipe.marks:
        draw_scale_bar(grey, mask, rng=rng)
    return grey, mask, {"radius_px": radius, "contrast": contrast, "fringe_px": lens.fringe_px}


def _particles(
    placed: list[Placed], shape: tuple[int, int], radius: float, contrast: float, hardly: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]:
    """Absorption exponent and phase (radian) of all particles, and the mask of classes.

    One that takes away less of the beam than `hardly` has no outline that can be seen.
    """
    kinds = rng.choice(SHAPES, p=(0.6, 0.1, 0.3), size=1 if rng.random() < 0.7 else len(SHAPES))
    exponent = -np.log(1 - contrast) / (2 * radius)
    phase_ratio = np.exp(rng.uniform(np.log(0.2), np.log(5.0)))
    spotted, fringed = rng.uniform(0, 0.5), rng.uniform(0, 0.4) * (rng.random() < 0.4)
    absorption, thickness = np.zeros(shape), np.zeros(shape)
    outlines: list[tuple[tuple[slice, slice], NDArray[np.bool_], bool]] = []
    for particle in placed:
        window, y, x = _window(particle, shape)
        if y.size == 0:
            continue
        own = draw_thickness(rng.choice(kinds), particle.radius, y, x, rng=rng)
        outline = own > 0
        # a grain near a Bragg condition loses more; bends and twins make it do so unevenly
        grain = np.exp(rng.normal(0, 0.3) * (rng.random() < 0.7)) * _inner_contrast(y, x, particle.radius, spotted, fringed, rng)
        weight = own * exponent * grain
        if particle.blur > 0:
            weight = ndimage.gaussian_filter(weight, particle.blur, mode="constant")
            own = ndimage.gaussian_filter(own, particle.blur, mode="constant")
        weight *= particle.strength
        absorption[window] += weight
        thickness[window] += particle.strength * own
        drop = float((1 - np.exp(-weight[outline])).mean()) if outline.any() else 0.0
        outlines.append((window, outline, particle.blur > 0 or drop < hardly))
    return absorption, np.clip(phase_ratio * exponent * thickness, None, 8), _classes(outlines, shape)


def _classes(outlines: list[tuple[tuple[slice, slice], NDArray[np.bool_], bool]], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """0, 1 or 2 for every pixel; a particle much covered by others counts as unresolved, as one out of focus does."""
    layers = np.zeros(shape, np.uint8)
    for window, outline, _ in outlines:
        layers[window] += outline
    classes = np.zeros(shape, np.uint8)
    hidden = [faint or ((layers[window] > 1) & outline).sum() > OVERLAP * outline.sum() for window, outline, faint in outlines]
    # those seen are written last: where one lies over a faint one, it is seen
    for wanted in (True, False):
        for (window, outline, _), is_hidden in zip(outlines, hidden, strict=True):
            if is_hidden == wanted:
                classes[window][outline] = 2 if wanted else 1
    return classes


def _inner_contrast(
    y: NDArray[np.float64], x: NDArray[np.float64], radius: float, spotted: float, fringed: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Relative change of absorption inside a particle: bend contours and twin bands, and lattice or moire fringes."""
    wave = rng.normal(0, 1.2 / radius, 2)
    inner = 1 + spotted * np.cos(wave[0] * y + wave[1] * x + rng.uniform(0, 2 * np.pi))
    if fringed and rng.random() < 0.6:
        angle, period = rng.uniform(0, np.pi), rng.uniform(2.2, 7.0)
        inner = inner + fringed * np.cos(2 * np.pi / period * (np.cos(angle) * y + np.sin(angle) * x))
    return np.asarray(np.clip(inner, 0.05, None))


@dataclasses.dataclass(frozen=True)
class _Lens:
    """A transfer function of defocus alone, chi = pi wavelength defocus k^2 = pi (fringe k)^2, with its envelope."""

    fringe_px: float
    k2: NDArray[np.float64]
    envelope: NDArray[np.float64]
    sign: int

    @property
    def weak(self) -> NDArray[np.float64]:
        """What passes of a weak phase into the intensity."""
        return np.asarray(2 * np.sin(np.pi * self.fringe_px**2 * self.k2) * self.envelope)

    def film_phase(self, grain: float) -> float:
        """Spread of the film's phase, radian, whose weak-phase image has the spread `grain`."""
        return min(grain / float(np.sqrt(np.mean(self.weak**2))), 1.5)

    def fluctuation(self, film: float, noise: float, radius: float) -> float:
        """Spread of film and counts over the patches along which an outline of this radius is followed."""
        area = PATCH * radius**2
        # a Gaussian of the same effective area, 4 pi sigma^2
        smooth = np.exp(-np.pi / 2 * area * self.k2)
        texture = film**2 * float(np.mean((self.weak * smooth) ** 2))
        return float(np.sqrt(texture + noise**2 / (1 + area)))

    def image(self, absorption: NDArray[np.float64], phase: NDArray[np.float64]) -> NDArray[np.float64]:
        """Intensity of the wave behind particles and film, 1 where there is neither."""
        transfer = self.envelope * np.exp(1j * self.sign * np.pi * self.fringe_px**2 * self.k2)
        wave = np.exp(-absorption / 2 + 1j * phase)
        # single precision: twice as fast, and far finer than counts
        seen = fft.ifft2(fft.fft2(wave.astype(np.complex64)) * transfer.astype(np.complex64))
        return np.asarray(np.abs(seen) ** 2, np.float64)


def _draw_lens(shape: tuple[int, int], fringe_px: float, rng: np.random.Generator) -> _Lens:
    """Envelopes of the kind that focal spread and source size have; underfocus mostly, a bright fringe outside."""
    k2 = np.fft.fftfreq(shape[0])[:, None] ** 2 + np.fft.fftfreq(shape[1])[None, :] ** 2
    reduced = k2 * fringe_px**2
    envelope = np.exp(-reduced * rng.uniform(0.2, 1.2) - (reduced * rng.uniform(0.2, 1.5)) ** 2)
    return _Lens(fringe_px, k2, envelope, 1 if rng.random() < 0.65 else -1)


def _uneven(shape: tuple[int, int], unevenness: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Beam and film thickness across the image: a slope, a bow, a few smooth clouds, sometimes the film's edge."""
    y, x = np.meshgrid(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), indexing="ij")
    slope, bow = rng.normal(0, unevenness / 2, 2), rng.normal(0, unevenness / 3, 3)
    field = np.exp(slope[0] * y + slope[1] * x + bow[0] * y**2 + bow[1] * x * y + bow[2] * x**2)
    if rng.random() < 0.4:
        cloud = ndimage.zoom(rng.normal(size=(5, 5)), (shape[0] / 5, shape[1] / 5), order=3, mode="nearest", grid_mode=True)
        field = field * np.exp(rng.uniform(0, unevenness / 2.5) * cloud[: shape[0], : shape[1]])
    if unevenness and rng.random() < 0.06:  # a hole in the film, brighter than it
        angle, offset = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1.0)
        edge = np.cos(angle) * y + np.sin(angle) * x + 0.1 * np.sin(3 * x + rng.uniform(0, 6)) - offset
        field = field * (1 + rng.uniform(0.05, 0.4) / (1 + np.exp(-edge * rng.uniform(30, 200))))
    return np.asarray(field)


def _detect(intensity: NDArray[np.float64], noise: float, blur: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Counts of a detector that blurs, stretched to 8 bits with a gamma."""
    # part of the blur comes after the counts: a camera's own, and pictures scaled down or compressed
    before, after = blur * np.sqrt(np.array([1, 0]) if rng.random() < 0.4 else rng.dirichlet((1, 1)))
    mean = np.clip(ndimage.gaussian_filter(intensity, before), 1e-3, None)
    kept = 1 / np.sqrt(1 + 4 * np.pi * after**2)  # of white noise, after the blur
    counts = (kept / max(noise, 1e-3)) ** 2
    grey = rng.poisson(np.clip(mean * counts, None, 1e8)) / counts
    if after > 0.1:
        grey = ndimage.gaussian_filter(grey, after)
    low, high = np.percentile(grey, (rng.uniform(0, 1), rng.uniform(99, 100)))
    headroom = rng.uniform(0, 0.5, 2) * (rng.random() < 0.4)
    span = max(high - low, 1e-9)
    stretched = np.clip((grey - low + headroom[0] * span) / (span * (1 + headroom.sum())), 0, 1)
    return np.asarray(np.round(255 * stretched ** np.exp(rng.normal(0, 0.2))), np.uint8)


def _window(particle: Placed, shape: tuple[int, int]) -> tuple[tuple[slice, slice], NDArray[np.float64], NDArray[np.float64]]:
    """Where a particle may leave a trace, and coordinates there from its middle."""
    reach = 2.2 * particle.radius + 3 * particle.blur + 2
    limits = [(max(int(c - reach), 0), min(int(c + reach) + 1, n)) for c, n in zip((particle.y, particle.x), shape, strict=True)]
    (top, bottom), (left, right) = limits
    y, x = np.meshgrid(np.arange(top, bottom) - particle.y, np.arange(left, right) - particle.x, indexing="ij")
    return (slice(top, max(bottom, top)), slice(left, max(right, left))), y, x


def _draw(limits: tuple[float, float], rng: np.random.Generator) -> float:
    """From a pair of limits; logarithmically where they span a factor of three or more."""
    low, high = limits
    if low > 0 and high >= 3 * low:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))
    return float(rng.uniform(low, high))
