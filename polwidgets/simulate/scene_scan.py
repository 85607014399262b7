"""A 4D-STEM scan of any scene: walls, defects and particles become cubes like every other."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import torch
import xarray as xr

from polwidgets.crystal.export import frozen_phonons
from polwidgets.cube.schema import make_cube
from polwidgets.electron import wave_number
from polwidgets.progress import Progress, reporter
from polwidgets.scenes.scene import Scene
from polwidgets.simulate.probe import Probe
from polwidgets.simulate.supercell import supercell_patterns


def simulate_scene_scan(
    scene: Scene,
    *,
    scan_shape: tuple[int, int] = (32, 32),
    scan_step_A: float | tuple[float, float] | None = None,
    origin_A: tuple[float, float] = (0.0, 0.0),
    detector_shape: tuple[int, int] = (64, 64),
    k_step: float | None = None,
    voltage_kV: float = 200.0,
    semiangle_mrad: float = 24.0,
    probe: Probe | None = None,
    phonons: int = 1,
    dose: float | None = None,
    seed: int = 0,
    sampling_A: float = 0.11,
    slice_thickness_A: float = 2.0,
    device: str | torch.device = "cpu",
    progress: bool | Progress = False,
) -> xr.DataArray:
    """Simulate a 4D-STEM scan over a scene, which repeats across the beam.

    Parameters
    ----------
    scene : Scene
        Its box must be wider than the probe at its exit, and hold all of the scene's vacuum.
    scan_shape : (int, int)
        Probe positions (scan_y, scan_x).
    scan_step_A : float or (down, right), optional
        By default the scan covers the box once.
    origin_A : (down, right)
        First probe position.
    detector_shape : (int, int)
    k_step : float, optional
        Detector pixel, 1/angstrom; by default the detector reaches to twice the semi-angle.
    probe : Probe, optional
        Mistilt, defocus, aberrations; its semi-angle is replaced by `semiangle_mrad`.
    phonons : int
        Frozen-phonon configurations that are averaged; 0 for atoms at rest.
    dose : float, optional
        Incident electrons a pattern: counts are drawn and stored as uint16. Without it, fractions of the incident intensity.
    seed : int
        Draws phonons and counts.
    sampling_A, slice_thickness_A : float
        Of the multislice calculation.
    progress : bool or callable

    Returns
    -------
    DataArray (scan_y, scan_x, ky, kx)
        A cube; the attr ``provenance`` says how it was made.

    Raises
    ------
    ValueError
        Fewer than 2 x 2 positions or pixels, a step or a dose that is not positive, or a negative number of configurations.
    """
    step = np.broadcast_to(scan_step_A, 2) if scan_step_A is not None else np.array(scene.box_A[:2]) / scan_shape
    if min(*scan_shape, *detector_shape) < 2 or step.min() <= 0 or phonons < 0 or (dose is not None and dose <= 0):
        raise ValueError(
            f"a scan and a detector need at least 2 x 2 points, steps and a dose above zero and phonons of at least 0; got "
            f"scan_shape={scan_shape}, detector_shape={detector_shape}, scan_step_A={scan_step_A}, dose={dose}, phonons={phonons}"
        )
    pixel = k_step or 4 * wave_number(semiangle_mrad, voltage_kV) / max(detector_shape)
    ky, kx = (pixel * np.arange(-(size // 2), size - size // 2, dtype=np.float64) for size in detector_shape)
    optics = dataclasses.replace(probe or Probe(), semiangle_mrad=semiangle_mrad)
    places = [start + length * np.arange(size) for start, length, size in zip(origin_A, step, scan_shape, strict=True)]
    atoms = scene.to_ase()
    seeds = np.random.SeedSequence(seed).generate_state(max(1, phonons)).tolist()
    patterns = supercell_patterns(
        [frozen_phonons(atoms, seed=one) for one in seeds] if phonons else [atoms],
        np.stack(np.meshgrid(*places, indexing="ij"), -1).reshape(-1, 2),
        voltage_kV=voltage_kV,
        probe=optics,
        ky=ky,
        kx=kx,
        sampling_A=sampling_A,
        slice_thickness_A=slice_thickness_A,
        device=device,
        progress=reporter(progress),
    ).reshape(*scan_shape, *detector_shape)
    intensity = patterns if dose is None else np.random.default_rng(seed).poisson(dose * patterns.clip(0)).clip(max=65535).astype(np.uint16)
    made = {"phonons": phonons, "dose": dose, "seed": seed, "origin_A": list(origin_A)}
    return make_cube(
        intensity,
        scan_step_A=(float(step[0]), float(step[1])),
        k_step=pixel,
        voltage_kV=voltage_kV,
        semiangle_mrad=semiangle_mrad,
        scan_rotation_deg=0.0,
        thickness_A=float(scene.box_A[2]),
        tilt_y_mrad=optics.tilt_y_mrad,
        tilt_x_mrad=optics.tilt_x_mrad,
        provenance=json.dumps([{"scene": json.loads(scene.provenance or "null")}, {"simulate_scene_scan": made}]),
    )
