"""What the scene builder computes, whichever host shows it: scene, exit wave, potential and images."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import NamedTuple

import numpy as np
import xarray as xr

from polwidgets.cube.schema import LENGTH
from polwidgets.electron import REST_ENERGY_keV, wavelength_A
from polwidgets.progress import Progress
from polwidgets.registry import parameter
from polwidgets.scenes.base import Prefab, prefabs
from polwidgets.scenes.scene import Scene
from polwidgets.simulate.exit_wave import exit_wave
from polwidgets.simulate.imaging import ImagingConditions, hrtem_images
from polwidgets.simulate.scattering_factors import symbol_of
from polwidgets.simulate.scene_potential import ScenePotential


@dataclasses.dataclass(frozen=True)
class WaveSettings:
    """How the exit wave is computed, and how many pixels an image of it has."""

    voltage_kV: float = parameter(300.0, "accelerating voltage", min=30, max=300, step=10, unit="kV")
    pixels: int = parameter(256, "of the image, along the box's longer edge", choices=(128, 256, 512))
    sampling_A: float = parameter(0.2, "largest distance of the wave's grid points", min=0.05, max=0.5, step=0.01, unit="angstrom")
    slice_thickness_A: float = parameter(2.0, "wanted thickness of a slice", min=0.5, max=10, step=0.5, unit="angstrom")
    phonons: int = parameter(0, "frozen-phonon configurations; 0 for thermally averaged atoms", min=0, max=16, step=1)


class Wish(NamedTuple):
    """All that a scene and its exit wave depend on."""

    prefab: Prefab
    seed: int
    settings: WaveSettings


class Built(NamedTuple):
    """A scene with its exit wave.

    Attributes
    ----------
    wish : Wish
    scene : Scene
    wave : complex DataArray (y, x) or (configuration, y, x)
    potential : DataArray (y, x)
        Projected, in V nm, on the image's pixels.
    binning : int
        The wave's grid points on a side of a pixel.
    """

    wish: Wish
    scene: Scene
    wave: xr.DataArray
    potential: xr.DataArray
    binning: int


def build(wish: Wish, progress: Progress, *, before: Built | None = None) -> Built:
    """Build the scene and let the wave pass; what `before` has of it already is taken from there."""
    progress("build the scene", 0.0)
    if before is not None and before.wish[:2] == wish[:2]:
        if before.wish == wish:
            return before
        scene = before.scene
    else:
        provenance = json.dumps({**json.loads(prefabs.to_json(wish.prefab)), "seed": wish.seed})
        scene = dataclasses.replace(wish.prefab.build(seed=wish.seed), provenance=provenance)
    settings = wish.settings
    pixel_A = max(scene.box_A[:2]) / settings.pixels
    wanted = 2 ** max(0, math.ceil(math.log2(pixel_A / settings.sampling_A) - 1e-9))
    wave = exit_wave(
        scene,
        voltage_kV=settings.voltage_kV,
        sampling_A=pixel_A / wanted,
        slice_thickness_A=settings.slice_thickness_A,
        phonons=settings.phonons,
        seed=wish.seed,
        progress=progress,
    )
    # the shorter edge may have a number of points that this does not divide
    binning = math.gcd(wanted, *wave.shape[-2:])
    return Built(wish, scene, wave, projected_potential(scene, wave, binning), binning)


def projected_potential(scene: Scene, wave: xr.DataArray, binning: int) -> xr.DataArray:
    """The scene's electrostatic potential along the beam, V nm, (y, x), thermally averaged, on pixels of the binned wave."""
    voltage_kV = float(wave.attrs["voltage_kV"])
    rows, columns = wave.shape[-2:]
    whole = ScenePotential(
        scene.numbers,
        scene.positions_A,
        scene.box_A,
        grid=(rows, columns),
        slices=1,
        voltage_kV=voltage_kV,
        debye_waller_A2=scene.debye_waller_A2,
    )
    phase = whole.phase(0)
    values = np.zeros((rows, columns), np.float32) if phase is None else phase.numpy()
    binned = values.reshape(rows // binning, binning, columns // binning, binning).mean((1, 3))
    coords = {dim: (dim, wave[dim].values.reshape(-1, binning).mean(1), {"units": LENGTH}) for dim in ("y", "x")}
    volt_nm = binned / interaction_rad_per_VA(voltage_kV) / 10
    return xr.DataArray(volt_nm, coords, ("y", "x"), "projected_potential", {"units": "V nm"})


def interaction_rad_per_VA(voltage_kV: float) -> float:
    """Phase that a projected potential gives a fast electron (Kirkland, doi:10.1007/978-3-030-33260-0)."""
    relativistic = (REST_ENERGY_keV + voltage_kV) / (2 * REST_ENERGY_keV + voltage_kV)
    return 2 * math.pi / (wavelength_A(voltage_kV) * voltage_kV * 1e3) * relativistic


def image_of(built: Built, conditions: ImagingConditions) -> xr.DataArray:
    """The image (y, x) under these conditions; its counts are drawn with the scene's seed."""
    return hrtem_images(built.wave, [conditions], seed=built.wish.seed, binning=built.binning)[0]


def scene_facts(built: Built) -> str:
    """Atoms by object and element, and sizes, in words."""
    scene, wave = built.scene, built.wave
    objects = ", ".join(
        f"{name} {count:,}"
        for name, count in zip(scene.names, np.bincount(scene.objects, minlength=len(scene.names)), strict=True)
        if count
    )
    numbers, counts = np.unique(scene.numbers, return_counts=True)
    elements = ", ".join(f"{symbol_of(int(number))} {count:,}" for number, count in zip(numbers, counts, strict=True))
    box = " x ".join(f"{edge / 10:.2f}" for edge in scene.box_A)
    rows, columns = wave.shape[-2:]
    return "\n".join(
        [
            f"{len(scene):,} atoms: {objects} ({elements})",
            f"box {box} nm (down x right x beam)",
            f"wave {rows} x {columns}, {scene.box_A[1] / columns:.3f} Å",
        ]
    )


def image_facts(image: xr.DataArray, conditions: ImagingConditions) -> str:
    """Size and contrast of an image, in words."""
    pixel_A = float(image["x"].values[1] - image["x"].values[0])
    mean = float(image.mean())
    lines = [
        f"{image.sizes['y']} x {image.sizes['x']} pixels of {pixel_A:.3f} Å",
        f"contrast {float(image.std()) / mean:.3f} (spread over mean)",
    ]
    if conditions.dose_per_A2:
        lines.append(f"{conditions.dose_per_A2 * pixel_A**2:.3g} electrons a pixel")
    return " · ".join(lines)
