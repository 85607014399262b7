"""Exit waves against abTEM, images a second, and labelled images a minute, in one run.

    python tests/benchmarks/hrtem_against_abtem.py [--threads 2] [--images 40]

Exit wave: a gold particle on amorphous carbon, 256 x 256 points, slices of 2 angstrom, atoms at rest. Agreement is the
relative L2 of the wave behind the same slices, after half a slice more of propagation, because abTEM scatters at a slice's
face and polwidgets in its middle. Speed counts potential and propagation, each program with its own potential, the best of
three. Images: 512 x 512, every condition with its own aberrations, envelopes, counts and detector; with drift counted apart.
Wall times depend on what else the machine does, so the process' own seconds are printed beside them.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import abtem
import numpy as np
import torch
from numpy.typing import NDArray

import polwidgets as pw
from polwidgets.electron import relativistic_gamma, wavelength_A
from polwidgets.scenes.scene import Scene
from polwidgets.simulate.multislice import VOLT_ANGSTROM2
from polwidgets.simulate.scene_potential import ScenePotential

POINTS = 256
BOX_A = 51.2
VOLTAGE_KV = 300.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=int, default=40, help="of the labelled set; 0 leaves it out")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    abtem.config.set({"dask.lazy": False, "diagnostics.progress_bar": False, "precision": "float32", "fftw.threads": options.threads})
    exit_waves()
    images()
    if options.images:
        labelled(options.images)


def exit_waves() -> None:
    scene = pw.prefabs.build("nanoparticle_on_substrate", diameter_A=32.0, box_A=BOX_A).build(seed=1)
    scene = dataclasses.replace(scene, debye_waller_A2=np.zeros(len(scene)))
    slices = round(scene.box_A[2] / 2)
    thickness_A = scene.box_A[2] / slices
    step_A = BOX_A / POINTS

    def ours() -> NDArray[np.complex64]:
        wave: NDArray[np.complex64] = pw.exit_wave(scene, voltage_kV=VOLTAGE_KV, sampling_A=step_A).values
        return wave

    def theirs(potential: object) -> NDArray[np.complex64]:
        return np.asarray(abtem.PlaneWave(energy=VOLTAGE_KV * 1e3).multislice(potential).array)

    def own_potential() -> object:
        return abtem.Potential(scene.to_ase(), gpts=(POINTS, POINTS), slice_thickness=thickness_A, parametrization="lobato")

    k2 = np.fft.fftfreq(POINTS, step_A)[:, None] ** 2 + np.fft.fftfreq(POINTS, step_A)[None] ** 2
    ahead = np.fft.ifft2(np.fft.fft2(ours()) * np.exp(-1j * np.pi * wavelength_A(VOLTAGE_KV) * thickness_A / 2 * k2))
    print(f"exit wave of {len(scene)} atoms, {POINTS} x {POINTS}, {slices} slices:")
    print(f"  relative L2 behind the same slices {relative_l2(ahead, theirs(our_slices(scene, slices))):.2%}")
    print(f"  relative L2 to abTEM with its own, less exact placing of atoms {relative_l2(ahead, theirs(own_potential())):.2%}")
    mine, other = best(ours), best(lambda: theirs(own_potential()))
    print(f"  polwidgets {mine[0]:.3f} s ({mine[1]:.3f} s of processor), abTEM {other[0]:.3f} s ({other[1]:.3f})")
    print(f"  {other[0] / mine[0]:.1f} times faster ({other[1] / mine[1]:.1f} by the processor's time)", flush=True)


def our_slices(scene: Scene, slices: int) -> object:
    """Our potential as abTEM takes it."""
    potential = ScenePotential(scene.numbers, scene.positions_A, scene.box_A, grid=(POINTS, POINTS), slices=slices, voltage_kV=VOLTAGE_KV)
    volts = np.zeros((slices, POINTS, POINTS), np.float32)
    interaction = relativistic_gamma(VOLTAGE_KV) * wavelength_A(VOLTAGE_KV) / VOLT_ANGSTROM2
    for index in range(slices):
        phase = potential.phase(index)
        if phase is not None:
            volts[index] = phase.numpy() / interaction
    return abtem.PotentialArray(volts, slice_thickness=scene.box_A[2] / slices, extent=scene.box_A[:2])


def images() -> None:
    scene = pw.prefabs.build("nanoparticle_on_substrate", diameter_A=40.0, box_A=76.8).build(seed=2)
    wave = pw.exit_wave(scene, voltage_kV=VOLTAGE_KV, sampling_A=76.8 / 512)
    rng = np.random.default_rng(0)
    drawn = [
        pw.ImagingConditions(
            defocus_A=rng.uniform(-300, 100), C12_A=rng.uniform(0, 20), phi12_deg=rng.uniform(0, 180), C21_A=rng.uniform(0, 500),
            Cs_A=rng.uniform(-1e5, 1e5), dose_per_A2=rng.uniform(200, 2000), mtf_at_nyquist=rng.uniform(0.2, 0.9),
        )
        for _ in range(48)
    ]  # fmt: skip
    kinds = {
        "without noise": [dataclasses.replace(entry, dose_per_A2=0.0, mtf_at_nyquist=1.0) for entry in drawn],
        "with counts and detector": drawn,
        "with counts, detector and drift": [dataclasses.replace(entry, drift_down_A=0.5, drift_right_A=-0.3) for entry in drawn],
    }
    print("imaging conditions from an exit wave, 512 x 512:")
    for name, conditions in kinds.items():
        wall, processor = best(lambda conditions=conditions: pw.hrtem_images(wave, conditions, seed=0))  # type: ignore[misc]
        count = len(conditions)
        print(f"  {name}: {count / wall:.0f} a second, {1e3 * processor / count:.1f} ms of processor each", flush=True)


def labelled(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        wall, processor = timed(lambda: pw.make_dataset("au_on_carbon", Path(folder) / "data.zarr", n=count))
    print(f"labelled images of 256 x 256 by the recipe au_on_carbon: {count} in {wall:.1f} s, {processor / count:.3f} s of processor each")
    print(f"  a thousand in {wall / count * 1000 / 60:.1f} minutes; on two free cores {processor / count * 1000 / 120:.1f}")


def best(call: Callable[[], object], repeats: int = 3) -> tuple[float, float]:
    """Least wall and processor seconds of a few calls."""
    call()
    runs = [timed(call) for _ in range(repeats)]
    return min(wall for wall, _ in runs), min(processor for _, processor in runs)


def timed(call: Callable[[], object]) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


def relative_l2(found: NDArray[np.complex64], truth: NDArray[np.complex64]) -> float:
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


if __name__ == "__main__":
    main()
