"""Nanobeam diffraction patterns: disks with rocking-curve contrast at strained positions, and the truth beside them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtr
from torch.nn.functional import grid_sample

from polwidgets.cube.schema import WAVENUMBER
from polwidgets.deformation import deformation
from polwidgets.electron import wave_number
from polwidgets.registry import parameter
from polwidgets.simulate.bloch import MARGIN, RockingCurves

Array = NDArray[np.float64]
Aperture: TypeAlias = Callable[[torch.Tensor, float], torch.Tensor]
"""Transmission at points (..., 2), (down, right) in units of the semi-angle, its edges softened over a width in them."""

FINE: Final = 4  # sub-pixels on a side of a pixel
FAINTEST: Final = 1e-6  # disks below this share of the incident intensity are not drawn
BATCH_BYTES: Final = 2**26


@dataclasses.dataclass(frozen=True)
class Nanobeam:
    """Specimen and instrument of one pattern, given the crystal's rocking curves.

    Strains and rotation are those of the crystal, x to the right and y up on screen. Strain moves the disks and leaves
    their inside as it is.
    """

    thickness_A: float = parameter(200.0, "thickness; the nearest of the rocking curves is taken", min=0, max=2000, unit="angstrom")
    e_xx: float = parameter(0.0, "strain to the right", min=-0.2, max=0.2, step=0.001)
    e_yy: float = parameter(0.0, "strain upward", min=-0.2, max=0.2, step=0.001)
    e_xy: float = parameter(0.0, "shear strain", min=-0.2, max=0.2, step=0.001)
    rotation_deg: float = parameter(0.0, "rotation of the lattice, anticlockwise", min=-180, max=180, step=0.1, unit="degree")
    center_y: float = parameter(0.0, "where the undiffracted beam lies, down", min=-5, max=5, unit="1/angstrom")
    center_x: float = parameter(0.0, "where the undiffracted beam lies, right", min=-5, max=5, unit="1/angstrom")
    ellipticity: float = parameter(0.0, "long over short axis of the projection, minus one", min=0, max=0.2, step=0.001)
    ellipticity_angle_deg: float = parameter(0.0, "its long axis, anticlockwise from the right", min=0, max=180, step=1, unit="degree")
    blur_px: float = parameter(0.4, "standard deviation of the detector's point spread", min=0, max=5, step=0.1, unit="pixel")
    background: float = parameter(0.0, "share of inelastically scattered electrons around the beam", min=0, max=0.9, step=0.01)
    background_width: float = parameter(0.3, "half width of their distribution", min=0.01, max=5, step=0.01, unit="1/angstrom")
    dose: float = parameter(0.0, "electrons a pattern; zero draws no counts", min=0, max=1e9)


def round_aperture(points: torch.Tensor, width: float) -> torch.Tensor:
    """An open, round aperture."""
    radius = torch.linalg.vector_norm(points, dim=-1)
    inside: torch.Tensor = ((1 - radius) / width + 0.5).clamp(0, 1)
    return inside


def nanobeam_patterns(
    curves: RockingCurves,
    conditions: Sequence[Nanobeam],
    *,
    ky: Array,
    kx: Array,
    seed: int,
    aperture: Aperture = round_aperture,
    spot_px: float = 1.0,
) -> xr.Dataset:
    """Patterns of one crystal, orientation and tilt under many conditions.

    Where disks overlap, their intensities add: the interference of a coherent probe is left out.

    Parameters
    ----------
    curves : RockingCurves
    conditions : sequence of Nanobeam
        One a pattern.
    ky, kx : arrays
        Detector coords, evenly spaced, 1/angstrom.
    seed : int
        Draws the counts.
    aperture : callable
        The probe's shape.
    spot_px : float
        Standard deviation of the spots in ``structure_factor``, pixels.

    Returns
    -------
    Dataset
        ``intensity`` and ``structure_factor`` (sample, ky, kx): pattern, and the map of Bragg positions weighted by the
        modulus of the structure factor (Munshi et al., doi:10.1038/s41524-022-00939-9); ``disk_ky``, ``disk_kx``,
        ``disk_intensity`` (sample, disk): true positions and shares of the incident intensity, NaN outside the detector.
    """
    if not len(conditions):
        raise ValueError("no conditions were given; give a Nanobeam for every pattern that is wanted")
    steps = np.array([ky[1] - ky[0], kx[1] - kx[0]])
    shape = (len(ky), len(kx))
    origin = np.array([ky[0], kx[0]])
    thickness = np.array([int(np.abs(curves.thicknesses_A - each.thickness_A).argmin()) for each in conditions])
    distortion = np.array([_distortion(each) for each in conditions])
    strain = np.linalg.inv([deformation(each.e_xx, each.e_yy, each.e_xy, each.rotation_deg) for each in conditions]).swapaxes(1, 2)
    center = np.array([[each.center_y, each.center_x] for each in conditions])
    places = center[:, None] + np.einsum("sij,sjk,rk->sri", distortion, strain, curves.g)
    pixels = (places - origin) / steps
    mean = _mean_over_aperture(curves, aperture)[thickness]
    blur = np.array([each.blur_px for each in conditions])
    drawn = _draw(curves, thickness, pixels, np.linalg.inv(distortion) * steps, blur, shape, mean > FAINTEST, aperture)
    patterns = _count(_background(drawn, conditions, center, ky, kx), [each.dose for each in conditions], seed)
    inside = ((pixels > -0.5) & (pixels < np.array(shape) - 0.5)).all(-1)
    seen = inside & (mean > FAINTEST)
    # reciprocal-space extent along the beam: lattice vectors of higher zones fade from the map
    weight = curves.structure_factor * np.exp(-0.5 * (curves.g_beam * 20.0) ** 2)
    samples = {name: ("sample", [float(getattr(each, name)) for each in conditions]) for name in Nanobeam.__dataclass_fields__}
    return xr.Dataset(
        {
            "intensity": (("sample", "ky", "kx"), patterns.numpy()),
            "structure_factor": (("sample", "ky", "kx"), _spots(pixels, np.where(inside, weight, 0.0), shape, spot_px)),
            "disk_ky": (("sample", "disk"), np.where(seen, places[..., 0], np.nan)),
            "disk_kx": (("sample", "disk"), np.where(seen, places[..., 1], np.nan)),
            "disk_intensity": (("sample", "disk"), np.where(seen, mean, np.nan)),
        },
        coords={
            "ky": ("ky", np.asarray(ky, float), {"units": WAVENUMBER}),
            "kx": ("kx", np.asarray(kx, float), {"units": WAVENUMBER}),
            **samples,
            "tilt_y_mrad": ("sample", [curves.tilt_mrad[0]] * len(conditions)),
            "tilt_x_mrad": ("sample", [curves.tilt_mrad[1]] * len(conditions)),
        },
        attrs={"voltage_kV": curves.voltage_kV, "semiangle_mrad": curves.semiangle / wave_number(1.0, curves.voltage_kV), "seed": seed},
    )


def vacuum_probe(
    *,
    voltage_kV: float,
    semiangle_mrad: float,
    ky: Array,
    kx: Array,
    seed: int,
    condition: Nanobeam | None = None,
    aperture: Aperture = round_aperture,
) -> xr.DataArray:
    """The probe without a specimen, (ky, kx), under the same instrument."""
    semiangle = wave_number(semiangle_mrad, voltage_kV)
    zero = np.zeros(1)
    empty = RockingCurves(
        torch.ones(1, 1, 4, 4), zero, np.zeros((1, 2)), zero, zero, np.linspace(-MARGIN, MARGIN, 4) * semiangle, semiangle,
        (0.0, 0.0), voltage_kV,
    )  # fmt: skip
    return nanobeam_patterns(empty, [condition or Nanobeam()], ky=ky, kx=kx, seed=seed, aperture=aperture)["intensity"][0]


def _mean_over_aperture(curves: RockingCurves, aperture: Aperture) -> Array:
    """Share of the incident intensity in every disk, (thickness, reflection)."""
    mesh = torch.from_numpy(curves.k_mesh / curves.semiangle).to(curves.intensities)
    weight = aperture(torch.stack(torch.meshgrid(mesh, mesh, indexing="ij"), -1), float(mesh[1] - mesh[0]))
    return np.asarray(((curves.intensities * weight).sum((-1, -2)) / weight.sum()).cpu().numpy())


def _distortion(condition: Nanobeam) -> Array:
    """The projection's linear distortion, of unit determinant."""
    stretch = np.sqrt(1 + condition.ellipticity)
    return deformation(stretch - 1, 1 / stretch - 1, 0.0, axis_deg=condition.ellipticity_angle_deg)


def _draw(
    curves: RockingCurves, thickness: NDArray[np.int64], pixels: Array, local: Array, blur: Array, shape: tuple[int, int],
    bright: NDArray[np.bool_], aperture: Aperture,
) -> torch.Tensor:  # fmt: skip
    """Patterns (sample, rows, columns), on a canvas that is wider than the detector by a whole disk on every side."""
    smallest = np.linalg.svd(local, compute_uv=False).min()
    reach = int(np.ceil(curves.semiangle / smallest + 1 + 3 * blur.max()))
    canvas = (shape[0] + 4 * reach, shape[1] + 4 * reach)
    device = curves.intensities.device
    near = bright & ((pixels > -reach) & (pixels < np.array(shape) + reach - 1)).all(-1)
    sample, reflection = np.nonzero(near)
    fine = (np.arange(FINE * (2 * reach + 1)) + 0.5) / FINE - 0.5 - reach
    spread = torch.from_numpy(_point_spread(fine, reach, blur)).to(device, torch.float32)
    points_along = torch.from_numpy(fine).to(device, torch.float32)
    image = torch.zeros(len(thickness), canvas[0] * canvas[1], device=device)
    nearest = np.floor(pixels[sample, reflection] + 0.5).astype(int)
    offset = torch.from_numpy(nearest - pixels[sample, reflection]).to(device, torch.float32)
    matrix = torch.from_numpy(local / curves.semiangle).to(device, torch.float32)
    window = torch.arange(2 * reach + 1, device=device)
    window = window[:, None] * canvas[1] + window
    width = float(np.sqrt(abs(np.linalg.det(local[0])))) / curves.semiangle / FINE
    open_share = _open_share(aperture, curves.semiangle, local[0], device)
    for part in np.array_split(np.arange(len(sample)), max(1, len(sample) * len(fine) ** 2 * 16 // BATCH_BYTES)):
        down, right = points_along + offset[part, :1], points_along + offset[part, 1:]
        square = (len(part), len(fine), len(fine))
        points = torch.stack([down[:, :, None].expand(square), right[:, None, :].expand(square)], -1)
        points = torch.einsum("nij,nabj->nabi", matrix[sample[part]], points)
        source = curves.intensities[thickness[sample[part]], reflection[part]][:, None]
        inside = grid_sample(source, points.flip(-1) / MARGIN, mode="bicubic", padding_mode="border", align_corners=True)[:, 0]
        lit = inside.clamp(min=0) * aperture(points, width)
        disk = spread[sample[part]] @ lit @ spread[sample[part]].mT * open_share
        corner = nearest[part] + reach
        place = torch.from_numpy(corner[:, 0] * canvas[1] + corner[:, 1]).to(device)[:, None, None] + window
        flat = place + torch.from_numpy(sample[part]).to(device)[:, None, None] * image.shape[1]
        image.view(-1).index_add_(0, flat.reshape(-1), disk.reshape(-1))
    edge = 2 * reach
    return image.reshape(-1, *canvas)[:, edge : edge + shape[0], edge : edge + shape[1]].cpu()


def _point_spread(fine: Array, reach: int, blur: Array) -> Array:
    """Matrices (sample, pixel, sub-pixel): a Gaussian point spread, integrated over pixels."""
    border = np.arange(-reach, reach + 2) - 0.5
    reached = ndtr((border[:, None] - fine) / np.maximum(blur, 1e-6)[:, None, None])
    return np.asarray(np.diff(reached, axis=1) / FINE)


def _open_share(aperture: Aperture, semiangle: float, local: Array, device: torch.device) -> float:
    """Share of the incident intensity that falls on a fully illuminated pixel."""
    fine = (torch.arange(440, device=device) + 0.5) / 200 - 1.1
    points = torch.stack(torch.meshgrid(fine, fine, indexing="ij"), -1)
    area = float(aperture(points, 0.005).mean()) * 4.84 * semiangle**2
    return abs(float(np.linalg.det(local))) / area


def _background(image: torch.Tensor, conditions: Sequence[Nanobeam], center: Array, ky: Array, kx: Array) -> torch.Tensor:
    share = torch.tensor([each.background for each in conditions])[:, None, None]
    if not share.any():
        return image
    width = np.array([each.background_width for each in conditions])[:, None, None]
    square = (ky[:, None] - center[:, 0, None, None]) ** 2 + (kx - center[:, 1, None, None]) ** 2
    diffuse = (1 + square / width**2) ** -1.5
    diffuse = torch.from_numpy(diffuse / diffuse.sum((1, 2), keepdims=True)).float()
    return (1 - share) * image + share * image.sum((1, 2), keepdim=True) * diffuse


def _count(image: torch.Tensor, doses: Sequence[float], seed: int) -> torch.Tensor:
    dose = torch.tensor(doses, dtype=image.dtype)[:, None, None]
    generator = torch.Generator().manual_seed(seed)
    counts: torch.Tensor = torch.where(dose > 0, torch.poisson(image * dose, generator=generator), image)
    return counts


def _spots(pixels: Array, weight: Array, shape: tuple[int, int], sigma: float) -> NDArray[np.float32]:
    """Gaussians of unit height times weight, (sample, rows, columns)."""
    along = [np.exp(-0.5 * ((np.arange(n) - pixels[..., axis, None]) / sigma) ** 2) for axis, n in enumerate(shape)]
    return np.asarray(np.einsum("sr,sry,srx->syx", weight, *along, optimize=True), np.float32)
