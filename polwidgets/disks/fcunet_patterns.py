"""Nanobeam patterns of many crystals for the disk network to learn from: clean, on its own grid, every disk known.

Counts, background and faults are drawn anew for every batch (see `polwidgets.disks.fcunet_augment`).
"""

from __future__ import annotations

import dataclasses
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import torch
from numpy.typing import NDArray

from polwidgets.crystal.assortment import Sort, assortment, draw_crystals
from polwidgets.disks.fcunet_grid import GRID_PX
from polwidgets.electron import wave_number
from polwidgets.progress import Progress, silent
from polwidgets.simulate.bloch import RockingCurves, rocking_curves
from polwidgets.simulate.nanobeam import Nanobeam, nanobeam_patterns, vacuum_probe
from polwidgets.training.tensor_file import load_tensors, save_tensors

if TYPE_CHECKING:
    from ase import Atoms

Array = NDArray[np.float64]

RADIUS_PX: Final = (2.4, 4.2)  # of disks on it
SMALL_PX: Final = 1.7  # a fifth of the crystals is drawn with disks from here on
VOLTAGES_KV: Final = (80.0, 120.0, 200.0, 300.0)
ZONE_AXES: Final = ((0, 0, 1), (1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 1, 2), (1, 2, 0))
THICKNESS_A: Final = (20.0, 500.0)
THICKNESSES_KEPT_BACK_A: Final = ((140.0, 160.0), (300.0, 330.0))
SEMIANGLES_KEPT_BACK_MRAD: Final = (1.9, 2.1)
SORTS_KEPT_BACK: Final = ("diamond Si", "diamond Ge", "fcc Au", "rocksalt Mg O", "perovskite Sr Ti O")
MOST_DISKS: Final = 128
SHARD: Final = 20  # crystals a file


def kept_back(sort: Sort) -> bool:
    """Whether a crystal is never trained on: a tenth of the assortment, told by its name, and a few that everybody measures."""
    return sort.name in SORTS_KEPT_BACK or zlib.crc32(sort.name.encode()) % 10 == 0


@dataclasses.dataclass(frozen=True)
class CleanPatterns:
    """Patterns without noise, and their disks.

    Attributes
    ----------
    amplitude : float16 tensor (pattern, row, column)
        Square root of the share of the beam that falls on a pixel.
    probe : float16 tensor (specimen, row, column)
        The same of the vacuum probe, centred on pixel ``n // 2``.
    specimen : int tensor (pattern,)
        Which probe and radius belong to a pattern: crystal, orientation, tilt and instrument.
    radius_px : float tensor (specimen,)
    crystal : int tensor (pattern,)
        Number of the crystal in the draw.
    thickness_A : float tensor (pattern,)
    places : float tensor (pattern, disk, 2)
        Middle (row, column) of every disk, the brightest first; NaN where there is none.
    intensity : float tensor (pattern, disk)
        Share of the beam in it.
    structure : float tensor (pattern, disk)
        Modulus of its structure factor over the strongest reflection's, the undiffracted beam's own left out; at most 1.
    """

    amplitude: torch.Tensor
    probe: torch.Tensor
    specimen: torch.Tensor
    radius_px: torch.Tensor
    crystal: torch.Tensor
    thickness_A: torch.Tensor
    places: torch.Tensor
    intensity: torch.Tensor
    structure: torch.Tensor

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """One after the other."""
        shift = np.cumsum([0, *(len(part.probe) for part in parts)])
        moved = [dataclasses.replace(part, specimen=part.specimen + int(first)) for part, first in zip(parts, shift, strict=False)]
        return cls(**{field.name: torch.cat([getattr(part, field.name) for part in moved]) for field in dataclasses.fields(cls)})


def clean_patterns(
    crystals: int,
    *,
    orientations: int = 2,
    thicknesses: int = 12,
    seed: int,
    held_out: bool = False,
    folder: str | Path | None = None,
    progress: Progress = silent,
) -> CleanPatterns:
    """Simulate patterns of drawn crystals.

    Parameters
    ----------
    crystals : int
        Distinct ones, structure types evenly.
    orientations : int
        Zone axis, tilt, rotation, voltage, semi-angle, sampling and ellipticity that are drawn for each.
    thicknesses : int
        Patterns of each orientation: thickness, strain, rotation and centre.
    seed : int
        Draws everything.
    held_out : bool
        Draw what is kept back from training instead: crystals, thicknesses and semi-angles.
    folder : path, optional
        Where simulated parts are kept, so that a broken run goes on; parts that are there are read.

    Returns
    -------
    CleanPatterns
    """
    available = sum(kept_back(sort) == held_out for sort in assortment())
    if not 1 <= crystals <= available:
        raise ValueError(f"{crystals} crystals were asked for, expected 1 to {available}")
    # the first crystals are the same however many are drawn
    enough = min(len(assortment()), 40 + crystals * (14 if held_out else 5) // (1 if held_out else 4))
    drawn = [each for each in draw_crystals(enough, seed=seed) if kept_back(each[0]) == held_out][:crystals]
    if len(drawn) < crystals:  # unlucky: the rest is drawn too
        drawn = [each for each in draw_crystals(len(assortment()), seed=seed) if kept_back(each[0]) == held_out][:crystals]
    parts = []
    for first in range(0, crystals, SHARD):
        numbers = range(first, min(first + SHARD, crystals))
        about = {"seed": seed, "orientations": orientations, "thicknesses": thicknesses, "held_out": held_out, "numbers": list(numbers)}
        path = None if folder is None else Path(folder) / f"patterns-{'held-out-' * held_out}{seed}-{first:05d}.safetensors"
        part = None if path is None or not path.is_file() else _read(path, about)
        if part is None:
            specimens = []
            for number in numbers:
                specimens += _of_crystal(*drawn[number], number, orientations, thicknesses, seed, held_out)
                progress("simulate crystals", (number + 1) / crystals)
            part = CleanPatterns.joined(specimens)
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                save_tensors(path, {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}, about)
        parts.append(part)
    progress("simulate crystals", 1.0)
    return CleanPatterns.joined(parts)


def _read(path: Path, about: dict[str, Any]) -> CleanPatterns:
    tensors, found = load_tensors(path)
    if found != about:
        raise ValueError(f"{path} holds patterns of another draw ({found}), expected {about}; give another folder or delete it")
    return CleanPatterns(**tensors)


def _of_crystal(
    sort: Sort, atoms: Atoms, number: int, orientations: int, thicknesses: int, seed: int, held_out: bool
) -> list[CleanPatterns]:
    """Patterns of one crystal in several orientations; the draw depends on nothing but the seed and the number."""
    rng = np.random.default_rng([seed, number, zlib.crc32(sort.name.encode())])
    return [_of_specimen(atoms, number, thicknesses, rng, held_out) for _ in range(orientations)]


def _of_specimen(atoms: Atoms, number: int, thicknesses: int, rng: np.random.Generator, held_out: bool) -> CleanPatterns:
    zone_axis = ZONE_AXES[rng.integers(len(ZONE_AXES))]
    voltage = float(rng.choice(VOLTAGES_KV))
    spread = 25.0 if rng.random() < 0.15 else 5.0
    tilt = tuple(float(value) for value in rng.normal(0, spread / 2, 2))
    spacing = _spacing(atoms, zone_axis, voltage)
    semiangle, radius = _semiangle(spacing, voltage, rng, held_out)
    k_step = wave_number(semiangle, voltage) / radius
    reach = GRID_PX / 2 * k_step
    curves = rocking_curves(
        atoms, thicknesses_A=np.sort(_thicknesses(thicknesses, rng, held_out)), voltage_kV=voltage, semiangle_mrad=semiangle,
        zone_axis=zone_axis, rotation_deg=float(rng.uniform(0, 360)), tilt_mrad=(tilt[0], tilt[1]), mesh=9,
        k_limit=float(np.clip(1.45 * reach, 1.2, 2.6)), most_beams=90,
    )  # fmt: skip
    ellipticity = float(rng.uniform(0, 0.15) if rng.random() < 0.1 else abs(rng.normal(0, 0.015)))
    instrument = Nanobeam(ellipticity=ellipticity, ellipticity_angle_deg=float(rng.uniform(0, 180)), blur_px=float(rng.uniform(0.2, 0.9)))
    conditions = [
        dataclasses.replace(
            instrument, thickness_A=float(thickness), e_xx=float(rng.uniform(-0.03, 0.03)), e_yy=float(rng.uniform(-0.03, 0.03)),
            e_xy=float(rng.uniform(-0.01, 0.01)), rotation_deg=float(rng.uniform(-2, 2)),
            center_y=float(rng.uniform(-3, 3)) * k_step, center_x=float(rng.uniform(-3, 3)) * k_step,
        )
        for thickness in curves.thicknesses_A
    ]  # fmt: skip
    k: Array = (np.arange(GRID_PX) - GRID_PX // 2).astype(float) * k_step
    made = nanobeam_patterns(curves, conditions, ky=k, kx=k, seed=0)
    probe = vacuum_probe(voltage_kV=voltage, semiangle_mrad=semiangle, ky=k, kx=k, seed=0, condition=instrument)
    places = np.stack([made["disk_ky"].values, made["disk_kx"].values], -1) / k_step + GRID_PX // 2
    intensity = np.nan_to_num(made["disk_intensity"].values)
    order = np.argsort(-intensity, axis=1, kind="stable")[:, :MOST_DISKS]
    filled = np.pad(np.take_along_axis(intensity, order, 1), ((0, 0), (0, MOST_DISKS - order.shape[1])))
    placed = np.full((len(order), MOST_DISKS, 2), np.nan)
    placed[:, : order.shape[1]] = np.take_along_axis(places, order[..., None], 1)
    structure = np.zeros_like(filled)
    structure[:, : order.shape[1]] = _structure(curves)[order]
    return CleanPatterns(
        torch.from_numpy(np.sqrt(made["intensity"].values)).half(),
        torch.from_numpy(np.sqrt(probe.values)[None]).half(),
        torch.zeros(len(conditions), dtype=torch.long),
        torch.tensor([radius]),
        torch.full((len(conditions),), number),
        torch.from_numpy(curves.thicknesses_A).float(),
        torch.from_numpy(np.where(filled[..., None] > 0, placed, np.nan)).float(),
        torch.from_numpy(filled).float(),
        torch.from_numpy(structure).float(),
    )


def _spacing(atoms: Atoms, zone_axis: tuple[int, int, int], voltage_kV: float) -> float:
    """Shortest reciprocal vector, 1/angstrom, of which disks are seen."""
    found = rocking_curves(
        atoms, thicknesses_A=[100.0], voltage_kV=voltage_kV, semiangle_mrad=0.5, zone_axis=zone_axis, mesh=4, k_limit=1.2, most_beams=50,
        absorption=False,
    )  # fmt: skip
    length = np.linalg.norm(found.g, axis=1)
    strength = found.structure_factor * (np.abs(found.g_beam) < 0.01) * (length > 0.02)
    return float(length[strength > 0.05 * strength.max()].min()) if strength.any() else 0.5


def _semiangle(spacing: float, voltage_kV: float, rng: np.random.Generator, held_out: bool) -> tuple[float, float]:
    """Semi-angle, mrad, and the disks' radius on the grid, pixels: from touching disks to lone ones."""
    low, high = SEMIANGLES_KEPT_BACK_MRAD
    per_mrad = wave_number(1.0, voltage_kV)
    for _ in range(1000):
        radius = float(rng.uniform(SMALL_PX, RADIUS_PX[0]) if rng.random() < 0.2 else rng.uniform(*RADIUS_PX))
        semiangle = (
            low + (high - low) * float(rng.random()) if held_out else spacing / 2 / per_mrad / float(np.exp(rng.uniform(-0.05, 1.7)))
        )
        reach = GRID_PX / 2 * semiangle * per_mrad / radius
        apart = spacing / (2 * semiangle * per_mrad)
        if held_out != (low <= semiangle <= high) or not 0.3 <= semiangle <= 8:
            continue
        if 0.4 < reach < 2.5 and reach > 1.5 * spacing and apart > 0.95:
            return semiangle, radius
    # a cell so large that its disks overlap at the semi-angle that is kept back, or so small that none is reached
    return (0.5 * (low + high) if held_out else float(np.clip(0.4 * spacing / per_mrad, 0.3, 1.8))), 3.0


def _thicknesses(count: int, rng: np.random.Generator, held_out: bool) -> Array:
    """Held out, any thickness counts as well: bands that are kept back are every second one."""
    bands = np.array(THICKNESSES_KEPT_BACK_A)
    drawn = rng.uniform(*THICKNESS_A, 50 * count)
    inside = ((drawn[:, None] >= bands[:, 0]) & (drawn[:, None] <= bands[:, 1])).any(1)
    if not held_out:
        return np.asarray(drawn[~inside][:count])
    return np.asarray(np.concatenate([drawn[inside][: count // 2], drawn[~inside][: count - count // 2]]))


def _structure(curves: RockingCurves) -> Array:
    """Relative structure factors of the reflections, faded where they lie off the zone axis' own plane."""
    weight = curves.structure_factor * np.exp(-0.5 * (curves.g_beam * 20.0) ** 2)
    beam = (np.abs(curves.g) < 1e-9).all(1) & (np.abs(curves.g_beam) < 1e-9)
    strongest = max(float(weight[~beam].max(initial=0.0)), 1e-12)
    return np.asarray(np.clip(weight / strongest, 0, 1))
