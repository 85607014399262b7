"""Scattering matrices of a crystal and of its displaced variants, made when first asked for and kept.

The specimen's conditions are free: thickness is interpolated between saved ones, mistilt and aperture are applied to the
columns, rotation, centre and blur belong to the detector. So one library serves a whole fit.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray

from polwidgets.crystal.base import Crystal, Site, displaced
from polwidgets.electron import wave_number
from polwidgets.match.conditions import Conditions
from polwidgets.simulate.detector import detector_matrix, detector_points, on_detector
from polwidgets.simulate.patterns import frequencies, pattern_series, patterns_at, position_averaged, source_damping
from polwidgets.simulate.probe import Probe
from polwidgets.simulate.smatrix import ScatteringMatrix, scattering_matrix

LARGEST_TILT_mrad = 8.0
RECENT = 12
SOURCE_POINTS = 9  # along an axis of a finite source, where one position is computed


class Variant(NamedTuple):
    """A polar displacement: how far, in angstrom, and where to, in degrees from the crystal's right axis."""

    displacement_A: float
    direction_deg: float


PARAELECTRIC = Variant(0.0, 0.0)


class Library:
    """Patterns of a crystal's variants under any conditions.

    Parameters
    ----------
    crystal : Crystal
        A polar crystal has fields ``displacement_A`` and ``direction_deg``.
    thicknesses_A : array
        Evenly spaced thicknesses to save; patterns between them are interpolated.
    k_outgoing : float
        Half-width of the detector in 1/angstrom.
    mesh : int
        See `scattering_matrix`.
    k_limit : float
        Band limit in 1/angstrom: 2.7 is quick, 3.4 to 4 is needed where the probe stands on a heavy column.
    """

    def __init__(
        self,
        crystal: Crystal,
        *,
        voltage_kV: float,
        semiangle_mrad: float,
        thicknesses_A: NDArray[np.float64],
        k_outgoing: float,
        mesh: int,
        k_limit: float,
    ) -> None:
        self.crystal = crystal
        self.voltage_kV = voltage_kV
        self.semiangle_mrad = semiangle_mrad
        self.cell_A = crystal.cell_A[:2]
        depth = crystal.cell_A[2]
        self.thicknesses_A = np.unique(np.maximum(np.round(np.asarray(thicknesses_A) / depth), 1)) * depth
        self._k_incoming = wave_number(semiangle_mrad + LARGEST_TILT_mrad, voltage_kV)
        self._half_width = k_outgoing
        self._k_outgoing = k_outgoing + wave_number(LARGEST_TILT_mrad, voltage_kV) / 2
        self._mesh = mesh
        self._k_limit = k_limit
        self._matrices: dict[Variant, ScatteringMatrix] = {}
        self._recent: dict[tuple[Variant, Probe, float, int], torch.Tensor] = {}

    def expected(self, variant: Variant, conditions: Conditions, k: NDArray[np.float64], *, order: int) -> NDArray[np.float64]:
        """Series of the pattern that a detector sees, in fractions of the incident intensity per (1/angstrom)^2.

        Parameters
        ----------
        k : array (pixel, 2)
            Detector coords (down, right), 1/angstrom.
        order : int
            Highest frequency of the series; 0 gives the position-averaged pattern.

        Returns
        -------
        array (term, pixel)
        """
        base, quarters = self._equivalent(variant)
        matrix = self.matrix(base)
        mesh_series = self._on_mesh(base, _turn_probe(self.probe(conditions), -quarters), conditions.thickness_A, order)
        seen = self._seen(matrix, conditions, k, turn_series(mesh_series, order, quarters))
        seen *= source_damping(order, conditions.source_A, self.cell_A)[:, None]
        return shift_series(seen, order, (conditions.origin_y, conditions.origin_x))

    def expected_at(
        self, variant: Variant, conditions: Conditions, k: NDArray[np.float64], *, phase: tuple[float, float], defocus_A: float = 0.0
    ) -> NDArray[np.float64]:
        """The pattern at one probe position, exact in its spatial frequencies: one position is quicker than its series.

        Parameters
        ----------
        k : array (pixel, 2)
            Detector coords (down, right), 1/angstrom.
        phase : (float, float)
            Probe position in the unit cell, in cells (down, right).
        defocus_A : float
            Positive is overfocus.

        Returns
        -------
        array (pixel,)
            As those of `expected`.
        """
        base, quarters = self._equivalent(variant)
        matrix = self.matrix(base)
        probe = dataclasses.replace(_turn_probe(self.probe(conditions), -quarters), defocus_A=defocus_A)
        down, right = phase[0] + conditions.origin_y, phase[1] + conditions.origin_x
        for _ in range(quarters % 4):
            down, right = right, -down
        offsets, weights = hermegauss(SOURCE_POINTS)
        source = np.stack(np.meshgrid(offsets, offsets, indexing="ij"), -1).reshape(-1, 2) * conditions.source_A
        share = torch.from_numpy(np.outer(weights, weights).ravel() / weights.sum() ** 2).float()
        positions = np.array([down, right]) * self.cell_A + source
        pictures = [
            weight * torch.tensordot(share, patterns_at(matrix, positions, probe=probe, thickness_index=index), 1)
            for index, weight in _interpolation(self.thicknesses_A, conditions.thickness_A)
        ]
        picture = torch.rot90(torch.stack(pictures).sum(0), quarters, (0, 1))
        return np.asarray(self._seen(matrix, conditions, k, picture[None])[0])

    def crystal_of(self, variant: Variant) -> Crystal:
        """The crystal with a variant's displacement."""
        return displaced(self.crystal, displacement_A=variant.displacement_A, direction_deg=variant.direction_deg)

    def around(self, thickness_A: float) -> Library:
        """A library of the few thicknesses about one: for many variants of a specimen that is known already."""
        nearest = int(np.abs(self.thicknesses_A - thickness_A).argmin())
        return Library(
            self.crystal,
            voltage_kV=self.voltage_kV,
            semiangle_mrad=self.semiangle_mrad,
            thicknesses_A=self.thicknesses_A[max(0, nearest - 2) : nearest + 3],
            k_outgoing=self._half_width,
            mesh=self._mesh,
            k_limit=self._k_limit,
        )

    def thickness_series(self, conditions: Conditions, k: NDArray[np.float64]) -> NDArray[np.float64]:
        """Position-averaged patterns of the undisplaced crystal at all saved thicknesses, (thickness, pixel)."""
        matrix, probe = self.matrix(PARAELECTRIC), self.probe(conditions)
        meshes = [position_averaged(matrix, probe=probe, thickness_index=index) for index in range(len(self.thicknesses_A))]
        return self._seen(matrix, conditions, k, torch.stack(meshes))

    def holds(self, variant: Variant) -> bool:
        """Whether patterns of a variant cost no new scattering matrix."""
        return self._equivalent(variant)[0] in self._matrices

    def prepare(self, variant: Variant, progress: Callable[[float], None]) -> None:
        """Make the scattering matrix that patterns of a variant need; raise from `progress` to cancel."""
        self.matrix(self._equivalent(variant)[0], progress)

    def matrix(self, variant: Variant, progress: Callable[[float], None] | None = None) -> ScatteringMatrix:
        """Scattering matrix of a variant."""
        if variant not in self._matrices:
            self._matrices[variant] = scattering_matrix(
                self.crystal_of(variant),
                voltage_kV=self.voltage_kV,
                thicknesses_A=self.thicknesses_A,
                k_incoming=self._k_incoming,
                k_outgoing=self._k_outgoing,
                mesh=self._mesh,
                k_limit=self._k_limit,
                progress=progress,
            )
        return self._matrices[variant]

    def _seen(
        self, matrix: ScatteringMatrix, conditions: Conditions, k: NDArray[np.float64], pictures: torch.Tensor
    ) -> NDArray[np.float64]:
        """Pictures on the k mesh (n, rows, columns) as the detector sees them, (n, pixel)."""
        points = detector_points(
            k, rotation_deg=conditions.rotation_deg, center=(conditions.center_y, conditions.center_x), scale=conditions.k_scale
        )
        onto_pixels = detector_matrix(
            points + self.probe(conditions).tilt_wave(self.voltage_kV),
            k_step=matrix.k_step,
            half_width=matrix.half_width,
            blur=conditions.blur,
            scale=float(conditions.k_scale**2 / np.prod(matrix.k_step)),
        )
        return on_detector(onto_pixels, pictures).numpy().astype(float)

    def _on_mesh(self, variant: Variant, probe: Probe, thickness_A: float, order: int) -> torch.Tensor:
        """Series on the k mesh; the last few are kept, since most conditions of a fit change the detector's part alone."""
        key = (variant, probe, thickness_A, order)
        series = self._recent.get(key)
        if series is None:
            parts = _interpolation(self.thicknesses_A, thickness_A)
            matrix = self.matrix(variant)
            saved = [weight * pattern_series(matrix, probe=probe, order=order, thickness_index=index) for index, weight in parts]
            self._recent[key] = series = torch.stack(saved).sum(0)
            # a fit in another thread may use the library at the same time
            for old in list(self._recent)[:-RECENT]:
                self._recent.pop(old, None)
        return series

    def probe(self, conditions: Conditions) -> Probe:
        """The probe in the crystal's frame."""
        up, right = conditions.crystal_tilt_mrad
        return Probe(semiangle_mrad=self.semiangle_mrad, tilt_y_mrad=up, tilt_x_mrad=right)

    def _equivalent(self, variant: Variant) -> tuple[Variant, int]:
        """A variant to compute and the quarter turns, anticlockwise, that make it the one asked for."""
        if variant.displacement_A == 0:
            return PARAELECTRIC, 0
        if not self.fourfold:
            return variant, 0
        quarters, rest = divmod(variant.direction_deg % 360, 90.0)
        return Variant(variant.displacement_A, rest), int(quarters)

    @functools.cached_property
    def fourfold(self) -> bool:
        """Whether turning the displacement by a quarter turns the whole crystal."""
        first, second = (self.crystal_of(Variant(0.1, angle)).sites for angle in (20.0, 110.0))
        turned = [site._replace(down=-site.right % 1.0, right=site.down) for site in first]

        def key(site: Site) -> tuple[object, ...]:
            # half a thousandth keeps 0 and 1 together and no rounding border at special positions
            return (site.element, *(round((value + 0.0005) % 1.0, 3) for value in (site.down, site.right, site.beam)), site.occupancy)

        return bool(np.isclose(*self.cell_A)) and sorted(map(key, turned)) == sorted(map(key, second))


def shift_series(series: NDArray[np.float64], order: int, phase: tuple[float, float]) -> NDArray[np.float64]:
    """The series whose value at a phase is that of the given one at the phase plus `phase`."""
    angle = 2 * np.pi * frequencies(order)[1:] @ np.asarray(phase)
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    moved = series.copy()
    moved[1::2] = series[1::2] * cosine + series[2::2] * sine
    moved[2::2] = series[2::2] * cosine - series[1::2] * sine
    return moved


def turn_series(series: torch.Tensor, order: int, quarters: int) -> torch.Tensor:
    """The series (term, rows, columns) of a crystal turned anticlockwise by quarter turns about its cell's origin."""
    if quarters % 4 == 0:
        return series
    lattice = frequencies(order)
    place = {tuple(frequency): index for index, frequency in enumerate(lattice.tolist())}
    pictures = torch.rot90(series, quarters, (1, 2))
    turned = pictures.clone()
    for index, frequency in enumerate(lattice[1:].tolist(), start=1):
        down, right = frequency
        for _ in range(quarters % 4):
            down, right = -right, down
        sign = 1 if (down, right) in place else -1
        target = place[(sign * down, sign * right)]
        turned[2 * target - 1] = pictures[2 * index - 1]
        turned[2 * target] = sign * pictures[2 * index]
    return turned


def _turn_probe(probe: Probe, quarters: int) -> Probe:
    up, right = probe.tilt_y_mrad, probe.tilt_x_mrad
    for _ in range(quarters % 4):
        up, right = right, -up
    return dataclasses.replace(probe, tilt_y_mrad=up, tilt_x_mrad=right)


def _interpolation(saved: NDArray[np.float64], wanted: float) -> list[tuple[int, float]]:
    """Indices and weights of the parabola through the three saved thicknesses nearest to the wanted one."""
    wanted = float(np.clip(wanted, saved[0], saved[-1]))
    first = int(np.clip(np.searchsorted(saved, wanted) - 1, 0, max(len(saved) - 3, 0)))
    if first > 0 and wanted - saved[first] < (saved[first + 1] - saved[first]) / 2:
        first -= 1
    near = range(first, min(first + 3, len(saved)))
    weights = [(i, float(np.prod([(wanted - saved[j]) / (saved[i] - saved[j]) for j in near if j != i]))) for i in near]
    return [(index, weight) for index, weight in weights if abs(weight) > 1e-9]
