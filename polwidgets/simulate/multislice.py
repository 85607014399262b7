"""Multislice and PRISM through abTEM: slow, independent, and free of the assumption that the crystal is periodic.

They check the scattering-matrix simulator and stand in for it where every atom counts (frozen phonons, random
occupancy). Both compute on a supercell of whole cells; abTEM (doi:10.12688/openreseurope.13015.2) is the extra ``sim``.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from polwidgets.crystal.base import Crystal
from polwidgets.crystal.export import frozen_phonons, to_ase
from polwidgets.electron import relativistic_gamma, wavelength_A
from polwidgets.registry import parameter
from polwidgets.simulate.base import simulators
from polwidgets.simulate.detector import detector_matrix, on_detector, pixel_grid
from polwidgets.simulate.potential import slice_phases
from polwidgets.simulate.probe import Probe

if TYPE_CHECKING:
    import abtem
    from ase import Atoms

VOLT_ANGSTROM2: Final = 47.877647  # h^2 / (2 pi m0 e): one angstrom of scattering factor, in volt angstrom^3


@dataclasses.dataclass(frozen=True)
class AbtemSimulator(ABC):
    """What abTEM's algorithms share: the supercell and its potential.

    Attributes
    ----------
    cells : int
        Cells on a side of the supercell; its inverse is the step of the k mesh.
    sampling_A : float
        Real-space sampling; abTEM keeps two thirds of the wave numbers that it resolves.
    slice_thickness_A : float
    potential : {"averaged", "atoms"}
        ``averaged``: the slices of `slice_phases`, thermally averaged and absorbing, so that only propagation is
        compared. ``atoms``: abTEM's own potential of frozen phonons with one atom on every shared site.
    absorption : bool
        With ``averaged``: include thermal diffuse absorption.
    configurations : int
        With ``atoms``: frozen-phonon and occupancy configurations that are averaged.
    seed : int
        With ``atoms``: draws them.
    """

    cells: int = parameter(6, "cells on a side of the supercell", min=1, max=20, step=1)
    sampling_A: float = parameter(0.08, "real-space sampling", min=0.02, max=0.2, step=0.01, unit="angstrom")
    slice_thickness_A: float = parameter(2.0, "slice thickness", min=0.2, max=5.0, step=0.1, unit="angstrom")
    potential: Literal["averaged", "atoms"] = parameter("averaged", "thermally averaged slices, or frozen phonons of single atoms")
    absorption: bool = parameter(True, "thermal diffuse absorption of averaged slices")
    configurations: int = parameter(8, "frozen-phonon configurations", min=1, max=100, step=1)
    seed: int = parameter(0, "draws the configurations", min=0, max=2**31, step=1)

    def patterns(
        self,
        crystal: Crystal,
        positions_A: NDArray[np.float64],
        *,
        thickness_A: float,
        voltage_kV: float,
        probe: Probe,
        ky: NDArray[np.float64],
        kx: NDArray[np.float64],
    ) -> NDArray[np.float32]:
        """Diffraction patterns at probe positions; see `polwidgets.simulate.base.Simulator`."""
        import abtem

        with abtem.config.set({"dask.lazy": False, "diagnostics.progress_bar": False, "precision": "float32"}):
            specimen = self.specimen(crystal, thickness_A=thickness_A, voltage_kV=voltage_kV)
            measured = self._scan(specimen, abtem.CustomScan(np.asarray(positions_A, float)), voltage_kV * 1e3, probe)
        half = tuple((n - 1) // 2 for n in measured.shape[-2:])
        middle = [slice(n // 2 - h, n // 2 + h + 1) for n, h in zip(measured.shape[-2:], half, strict=True)]
        mesh = np.ascontiguousarray(measured[:, middle[0], middle[1]])
        step = (1 / (self._window_cells * crystal.cell_A[0]), 1 / (self._window_cells * crystal.cell_A[1]))
        area = (ky[1] - ky[0]) * (kx[1] - kx[0]) / (step[0] * step[1])
        matrix = detector_matrix(pixel_grid(ky, kx), k_step=step, half_width=half, blur=0.0, scale=float(area))
        return on_detector(matrix, torch.from_numpy(mesh)).numpy().reshape(-1, len(ky), len(kx))

    def specimen(self, crystal: Crystal, *, thickness_A: float, voltage_kV: float) -> abtem.PotentialArray | abtem.Potential:
        """The supercell's potential as abTEM wants it."""
        import abtem

        depth = max(1, round(thickness_A / crystal.cell_A[2]))
        grid = tuple(round(edge / self.sampling_A) for edge in crystal.cell_A[:2])
        if self.potential == "atoms":
            frozen = [self._frozen(crystal, depth, seed) for seed in np.random.SeedSequence(self.seed).spawn(self.configurations)]
            gpts = tuple(self.cells * n for n in grid)
            ensemble = abtem.AtomsEnsemble(frozen)
            return abtem.Potential(ensemble, gpts=gpts, slice_thickness=self.slice_thickness_A, parametrization="lobato")
        phases, thickness = slice_phases(
            crystal,
            voltage_kV=voltage_kV,
            grid=grid,  # type: ignore[arg-type]
            slice_thickness_A=self.slice_thickness_A,
            absorption=self.absorption,
        )
        interaction = relativistic_gamma(voltage_kV) * wavelength_A(voltage_kV) / VOLT_ANGSTROM2
        volts = np.tile(phases / interaction, (depth, self.cells, self.cells)).astype(np.complex64)
        extent = tuple(self.cells * edge for edge in crystal.cell_A[:2])
        return abtem.PotentialArray(volts, slice_thickness=thickness, extent=extent)

    def _frozen(self, crystal: Crystal, depth: int, seed: np.random.SeedSequence) -> Atoms:
        occupancy, displacement = seed.generate_state(2)
        return frozen_phonons(to_ase(crystal, repeat=(self.cells, self.cells, depth), seed=int(occupancy)), seed=int(displacement))

    @property
    def _window_cells(self) -> float:
        """Cells on a side of the window in which a probe is computed."""
        return self.cells

    @abstractmethod
    def _scan(self, specimen: Any, scan: abtem.CustomScan, energy_eV: float, probe: Probe) -> NDArray[np.float32]:
        """Patterns (position, row, column) on the supercell's mesh, zero wave number at ``n // 2``."""


@simulators.register("multislice")
@dataclasses.dataclass(frozen=True)
class Multislice(AbtemSimulator):
    """Every probe position propagated by itself."""

    def _scan(self, specimen: Any, scan: abtem.CustomScan, energy_eV: float, probe: Probe) -> NDArray[np.float32]:
        import abtem

        wave = abtem.Probe(
            semiangle_cutoff=probe.semiangle_mrad,
            energy=energy_eV,
            tilt=(-probe.tilt_y_mrad, probe.tilt_x_mrad),
            **_aberrations(probe),
        )
        return _measured(wave.multislice(specimen, scan=scan, detectors=abtem.PixelatedDetector(max_angle=None)))


@simulators.register("prism")
@dataclasses.dataclass(frozen=True)
class Prism(AbtemSimulator):
    """Every plane wave of the aperture propagated through the supercell once, for all probe positions.

    Ophus, doi:10.1186/s40679-017-0046-1.

    Attributes
    ----------
    interpolation : int
        PRISM's interpolation factor; 1 is exact.
    """

    interpolation: int = parameter(1, "PRISM interpolation factor", min=1, max=8, step=1)

    @property
    def _window_cells(self) -> float:
        return self.cells / self.interpolation

    def _scan(self, specimen: Any, scan: abtem.CustomScan, energy_eV: float, probe: Probe) -> NDArray[np.float32]:
        import abtem

        if probe.tilt_y_mrad or probe.tilt_x_mrad:
            raise ValueError("abTEM's PRISM has no mistilt; use the simulator 'multislice' or 'scattering_matrix'")
        matrix = abtem.SMatrix(
            potential=specimen, semiangle_cutoff=probe.semiangle_mrad, energy=energy_eV, interpolation=self.interpolation
        )
        contrast = abtem.CTF(energy=energy_eV, semiangle_cutoff=probe.semiangle_mrad, **_aberrations(probe))
        return _measured(matrix.build().reduce(scan=scan, ctf=contrast, detectors=abtem.PixelatedDetector(max_angle=None)))


def _aberrations(probe: Probe) -> dict[str, float]:
    """Krivanek's coefficients for abTEM, whose azimuth starts at the rows' axis: 90 degrees after ours."""
    angles = {"phi12": probe.phi12_deg, "phi21": probe.phi21_deg, "phi23": probe.phi23_deg}
    return {
        "C10": probe.defocus_A,
        "C12": probe.C12_A,
        "C21": probe.C21_A,
        "C23": probe.C23_A,
        "C30": probe.Cs_A,
        **{name: float(np.deg2rad(angle + 90)) for name, angle in angles.items()},
    }


def _measured(measurement: Any) -> NDArray[np.float32]:
    """Patterns (position, row, column), averaged over configurations."""
    array = np.asarray(measurement.array, np.float32)
    return np.asarray(array.reshape(-1, *array.shape[-3:]).mean(0))
