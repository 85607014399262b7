"""Bloch waves against an independent program: abTEM's multislice of the same crystal, plane wave by plane wave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from polwidgets.electron import wave_number
from polwidgets.simulate.bloch import crystal_frame, rocking_curves

abtem = pytest.importorskip("abtem", reason="the extra 'sim' is not installed")

VOLTAGE_KV = 300.0
DEBYE_WALLER_A2 = 1.0
MESH = 2  # cells on a side of the supercell: directions of incidence are multiples of its reciprocal vectors
CELLS = (6, 20, 45)  # thicknesses
SAMPLING_A = 0.05


def multislice(atoms: Any, steps: tuple[int, int]) -> list[np.ndarray]:
    """Intensities (x, y) on the supercell's reciprocal mesh at every thickness, for a plane wave so many steps off the axis."""
    wide = atoms.repeat((MESH, MESH, 1))
    extent = tuple(wide.cell.lengths()[:2])
    still = abtem.Potential(wide, sampling=SAMPLING_A, slice_thickness=0.4, parametrization="lobato", projection="finite")
    built = still.build().compute(progress_bar=False)
    k = [np.fft.fftfreq(n, d=side / n) for n, side in zip(built.gpts, extent, strict=True)]
    damping = np.exp(-DEBYE_WALLER_A2 * (k[0][:, None] ** 2 + k[1] ** 2) / 4)
    moving = np.fft.ifft2(np.fft.fft2(built.array) * damping).real.astype(np.float32)
    potential = abtem.PotentialArray(moving, slice_thickness=built.slice_thickness, extent=extent)
    x, y = np.meshgrid(*(np.arange(n) / n for n in built.gpts), indexing="ij")
    wave = np.exp(2j * np.pi * (steps[0] * x + steps[1] * y)).astype(np.complex64)
    waves = abtem.Waves(wave, energy=1e3 * VOLTAGE_KV, extent=extent)
    found = []
    for cell in range(1, CELLS[-1] + 1):
        waves = waves.multislice(potential)
        if waves.is_lazy:
            waves = waves.compute(progress_bar=False)
        if cell in CELLS:
            found.append(np.abs(np.fft.fft2(waves.array) / x.size) ** 2)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("name", "steps"), [("MgO", (0, 0)), ("MgO", (1, -1)), ("GaAs", (1, 0))])
def test_every_beam_has_the_intensity_of_multislice(name: str, steps: tuple[int, int]) -> None:
    from ase.build import bulk

    atoms = bulk(name, "rocksalt" if name == "MgO" else "zincblende", a=4.21 if name == "MgO" else 5.653, cubic=True)
    atoms.set_array("debye_waller_A2", np.full(len(atoms), DEBYE_WALLER_A2))
    edge = atoms.cell.lengths()[0]
    frame = crystal_frame(atoms, (0, 0, 1))
    incident = np.array(steps) / (MESH * edge)
    down, right = frame[:2, :2] @ incident
    unit = wave_number(1.0, VOLTAGE_KV)
    curves = rocking_curves(
        atoms, thicknesses_A=[edge * cells for cells in CELLS], voltage_kV=VOLTAGE_KV, semiangle_mrad=0.001,
        tilt_mrad=(-float(down) / unit, float(right) / unit), mesh=4, k_limit=4.0, most_beams=450, absorption=False,
    )  # fmt: skip
    outgoing = np.round((incident + curves.g @ frame[:2, :2]) * MESH * edge).astype(int)
    for cells, mine, theirs in zip(CELLS, curves.intensities.mean((-1, -2)).numpy(), multislice(atoms, steps), strict=True):
        other = np.array([theirs[tuple(place)] for place in outgoing])
        zone = (np.abs(curves.g_beam) < 1e-6) & (other > 1e-3)
        assert zone.sum() >= 5
        difference = np.linalg.norm(mine[zone] - other[zone]) / np.linalg.norm(other[zone])
        assert difference < 0.05, f"{difference:.1%} at {cells} cells"
