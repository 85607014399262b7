"""Many drawn pseudo-experiments, so that no method is tuned to a few files: (K,Na)NbO3 of 11 to 56 nm, 300 to 3000 electrons.

    python tests/benchmarks/pseudo_experiment.py [--count 6] [--first 0] [--context unit_cell]

Every seed draws a specimen (thickness, mistilt, displacement, one domain or two with a wall between), a microscope (source,
blur, centre, background, detector pixel, 3 % gain, dose) and a scan (step, turned by up to 35 degrees, linear and
quadratic drift), simulates it with scattering factors that the fit does not use (Kirkland's; the fit uses Lobato's), and
maps it, told voltage, semi-angle, scan step, detector pixel and scan rotation only. What the columns mean is written in
polwidgets/analysis/scores.py; the truth stands in brackets. A row that ends in an exclamation mark has fewer than 98 % right,
a thickness off by more than 0.8 nm or a displacement off by more than 1 pm.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
import warnings
from typing import Final, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from table import Table

import polwidgets as pw
from polwidgets.analysis.scores import score
from polwidgets.simulate.detector import detector_matrix, detector_points, on_detector, pixel_grid
from polwidgets.simulate.patterns import basis, pattern_series, source_damping
from polwidgets.simulate.probe import Probe
from polwidgets.simulate.smatrix import scattering_matrix

CELL_A: Final = 3.97
VOLTAGE_kV: Final = 200.0
SEMIANGLE_mrad: Final = 24.0
PIXELS: Final = 63
ORDER: Final = 8  # all the frequencies that a smallest source leaves
GAIN: Final = 0.03
HALO: Final = 0.35  # of what was scattered beyond the detector comes back as a diffuse halo, so wide (1/angstrom):
HALO_WIDTH: Final = 0.9
FLAT: Final = 0.03  # of the beam
COLUMNS: Final = (
    "seed", "dose", "turned", "domains", "right", "all  ", "sure fifths", "thickness, nm", "displacement, pm", "spread",
    "coverage", "tilt off, mrad", "score", "match, s", "map, s", "",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What was drawn; lengths in angstrom, wave numbers in 1/angstrom, drift in shares of the scan's edge."""

    thickness_A: float
    displacement_A: float
    directions_deg: tuple[float, ...]
    tilt_mrad: tuple[float, float]
    source_A: float
    blur: float
    dose: float
    step_A: float
    k_step: float
    center_px: NDArray[np.float64]
    scan_rotation_deg: float
    linear_drift: NDArray[np.float64]
    quadratic_drift: NDArray[np.float64]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        first = 45.0 * rng.integers(8)
        directions = (first, (first + rng.choice([90.0, 180.0, 270.0])) % 360) if rng.random() < 0.4 else (first,)
        return cls(
            thickness_A=rng.uniform(110, 560),
            displacement_A=rng.uniform(0.12, 0.19),
            directions_deg=directions,
            tilt_mrad=tuple(rng.normal(0, 1.2, 2)),
            source_A=rng.uniform(0.2, 0.45),
            blur=rng.uniform(0.015, 0.06),
            dose=np.exp(rng.uniform(np.log(300), np.log(3000))),
            step_A=rng.uniform(0.25, 0.36),
            k_step=rng.choice([1.0, 1.0, 0.93]) / (4 * CELL_A),
            center_px=rng.normal(0, 2, 2),
            scan_rotation_deg=float(rng.choice([0, 0, 5, -8, 14, 25, -35])),
            linear_drift=rng.normal(0, 0.02, (2, 2)) * (rng.random() < 0.6),
            quadratic_drift=rng.normal(0, 0.004, (3, 2)) * (rng.random() < 0.4),
        )

    @property
    def scan_shape(self) -> tuple[int, int]:
        return 48, 48 if len(self.directions_deg) == 1 else 84

    def make(self, rng: np.random.Generator) -> tuple[xr.DataArray, NDArray[np.float64]]:
        """The cube, and the true directions (scan_y, scan_x) in the scan frame."""
        position = self._positions() + rng.uniform(0, CELL_A, 2)
        # the wall runs along whole cells
        column = np.floor(position[..., 1] / CELL_A)
        domain = (column >= np.median(column)).astype(int) if len(self.directions_deg) == 2 else np.zeros(self.scan_shape, int)
        terms = basis(position / CELL_A, ORDER).astype(np.float32)
        rate = np.empty((*self.scan_shape, PIXELS**2), np.float32)
        for number, direction_deg in enumerate(self.directions_deg):
            rate[domain == number] = terms[domain == number] @ self._series(direction_deg)
        rate = rate.clip(0) * rng.normal(1, GAIN, PIXELS**2)
        counts = rng.poisson(self.dose * rate).reshape(*self.scan_shape, PIXELS, PIXELS)
        cube = pw.make_cube(
            counts.astype(np.uint16), scan_step_A=self.step_A, k_step=self.k_step, voltage_kV=VOLTAGE_kV,
            semiangle_mrad=SEMIANGLE_mrad, scan_rotation_deg=self.scan_rotation_deg,
        )  # fmt: skip
        return cube, (np.array(self.directions_deg)[domain] - self.scan_rotation_deg) % 360

    def _positions(self) -> NDArray[np.float64]:
        """Where the probe stood on the crystal, (scan_y, scan_x, 2), down and right."""
        edge = self.scan_shape[0] * self.step_A
        y, x = np.meshgrid(*(self.step_A * np.arange(size) for size in self.scan_shape), indexing="ij")
        angle = np.deg2rad(self.scan_rotation_deg)
        straight = np.stack([np.cos(angle) * y - np.sin(angle) * x, np.sin(angle) * y + np.cos(angle) * x], -1)
        down, right = y / edge, x / edge
        linear, quadratic = np.stack([down, right], -1), np.stack([down**2, down * right, right**2], -1)
        return np.asarray(straight + edge * (linear @ self.linear_drift + quadratic @ self.quadratic_drift))

    def _series(self, direction_deg: float) -> NDArray[np.float32]:
        """Patterns on the detector as a series in the probe's phase, (term, pixel), shares of the beam."""
        smatrix = scattering_matrix(
            pw.crystals.build("knn", displacement_A=self.displacement_A, direction_deg=direction_deg),
            voltage_kV=VOLTAGE_kV, thicknesses_A=[self.thickness_A], k_incoming=1.25, k_outgoing=2.3, mesh=4, k_limit=2.7,
            parametrization="kirkland",
        )  # fmt: skip
        probe = Probe(semiangle_mrad=SEMIANGLE_mrad, tilt_y_mrad=self.tilt_mrad[0], tilt_x_mrad=self.tilt_mrad[1])
        axis = (np.arange(PIXELS) - PIXELS // 2) * self.k_step
        points = detector_points(pixel_grid(axis, axis), center=tuple(self.center_px * self.k_step))
        scale = self.k_step**2 / float(np.prod(smatrix.k_step))
        matrix = detector_matrix(
            points + probe.tilt_wave(VOLTAGE_kV), k_step=smatrix.k_step, half_width=smatrix.half_width, blur=self.blur, scale=scale
        )
        series = on_detector(matrix, pattern_series(smatrix, probe=probe, order=ORDER)).numpy()
        series *= source_damping(ORDER, self.source_A, (CELL_A, CELL_A))[:, None].astype(np.float32)
        halo = np.exp(-0.5 * (points**2).sum(1) / HALO_WIDTH**2)
        series[0] += HALO * (1 - series[0].sum()) * halo / halo.sum() + FLAT / len(halo)
        return series


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=6)
    parser.add_argument("--first", type=int, default=0, metavar="SEED")
    parser.add_argument("--context", choices=("unit_cell", "pattern"), default="unit_cell")
    options = parser.parse_args()
    # poor matches are seen in the table
    warnings.simplefilter("ignore", UserWarning)
    table = Table(*COLUMNS)
    for seed in range(options.first, options.first + options.count):
        table.row(str(seed), *measure(seed, options.context))


def measure(seed: int, context: str) -> list[str]:
    """Make, match and map one pseudo-experiment."""
    rng = np.random.default_rng(seed)
    truth = Experiment.draw(rng)
    cube, direction_deg = truth.make(rng)
    known = [f"{truth.dose:.0f}", f"{truth.scan_rotation_deg:.0f}", " ".join(f"{angle:.0f}" for angle in truth.directions_deg)]
    start = time.perf_counter()
    try:
        specimen = pw.match(cube)
        matched = time.perf_counter()
        prediction = pw.map_polarization(cube, specimen=specimen, context=context)
    except ValueError as error:
        return [*known, *[""] * (len(COLUMNS) - 2 - len(known)), f"! {error}"]
    done = time.perf_counter()
    amplitude, thickness_A = 100 * truth.displacement_A, CELL_A * round(truth.thickness_A / CELL_A)
    scores = score(prediction, direction_deg, displacement_pm=amplitude, cell_px=CELL_A / truth.step_A)
    tilt_off = np.hypot(specimen.tilt_y_mrad - truth.tilt_mrad[0], specimen.tilt_x_mrad - truth.tilt_mrad[1])
    missed = scores.right < 0.98 or abs(specimen.thickness_A - thickness_A) > 8 or abs(scores.displacement_pm - amplitude) > 1
    return [
        *known,
        f"{scores.right:.3f}",
        f"{scores.right_everywhere:.3f}",
        f"{scores.right_when_sure:.3f}",
        f"{specimen.thickness_A / 10:.2f} ({thickness_A / 10:.2f})",
        f"{scores.displacement_pm:.2f} ({amplitude:.2f})",
        f"{scores.spread_pm:.2f}",
        f"{scores.coverage:.2f}",
        f"{tilt_off:.2f}",
        f"{specimen.score:.3f}",
        f"{matched - start:.0f}",
        f"{done - matched:.0f}",
        "!" if missed else "",
    ]


if __name__ == "__main__":
    main()
