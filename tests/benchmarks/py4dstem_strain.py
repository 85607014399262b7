"""Strain by py4DSTEM, for its own interpreter (`strain_against_py4dstem.py` runs it): py4dstem_strain.py GIVEN.npz RESULT.npz."""

from __future__ import annotations

import sys
import time

import numpy as np
import py4DSTEM
from py4DSTEM.process.strain import latticevectors

SETTINGS = {f"power {power:g} sigma {sigma:g}": (power, sigma) for power in (1.0, 0.75, 0.5) for sigma in (0.0, 2.0)}
REACH = 6  # indices of disks


def strain(peaks: py4DSTEM.BraggVectors, basis: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """e_xx (right) and e_yy (up) of every position by the weighted lattice fit, NaN where it gave none."""
    # the strongest disk is the origin, better than a plane through measured centres
    origin = np.zeros((2, *reference.shape))
    for place in np.ndindex(reference.shape):
        points = peaks.raw[place]
        if len(points.qx):
            strongest = np.argmax(points.I)
            origin[(slice(None), *place)] = points.qx[strongest], points.qy[strongest]
    peaks.calibration.set_origin(tuple(origin))
    peaks.setcal(center=True, ellipse=False, pixel=False, rotate=False)
    along = np.arange(-REACH, REACH + 1)
    indices = np.stack(np.meshgrid(along, along, indexing="ij"), -1).reshape(-1, 2)
    names = [("qx", float), ("qy", float), ("g1_ind", int), ("g2_ind", int)]
    rows = [(*place, *index) for place, index in zip(indices @ basis, indices, strict=True)]
    lattice = py4DSTEM.PointList(np.array(rows, dtype=names))
    spacing = 0.3 * np.linalg.norm(basis, axis=1).min()
    indexed = latticevectors.add_indices_to_braggvectors(peaks, lattice, maxPeakSpacing=spacing)
    fitted = latticevectors.fit_lattice_vectors_all_DPs(indexed, minNumPeaks=4)
    fine = fitted.get_slice("mask").data == 1
    first, second = latticevectors.get_reference_g1g2(fitted, reference & fine)
    found = latticevectors.get_strain_from_reference_g1g2(fitted, first, second)
    # its x runs down the rows
    return np.where(fine[..., None], np.stack([found.get_slice(name).data for name in ("e_yy", "e_xx")], -1), np.nan)


def main() -> None:
    """Run every setting."""
    given = np.load(sys.argv[1])
    radius = float(given["radius"])
    cube = py4DSTEM.DataCube(data=given["cube"].astype(np.float32))
    probe = py4DSTEM.Probe(given["probe"].astype(np.float32))
    _, row, column = py4DSTEM.process.calibration.get_probe_size(probe.probe)
    probe.get_kernel(mode="sigmoid", origin=(row, column), radii=(radius, 2 * radius))
    results = {}
    for name, (power, sigma) in SETTINGS.items():
        start, busy = time.perf_counter(), time.process_time()
        peaks = cube.find_Bragg_disks(
            template=probe.kernel, corrPower=power, sigma_cc=sigma, edgeBoundary=int(radius), minPeakSpacing=1.8 * radius,
            minRelativeIntensity=0.001, maxNumPeaks=70, subpixel="multicorr", upsample_factor=16,
        )  # fmt: skip
        found = strain(peaks, given["basis"], given["reference"])
        times = time.perf_counter() - start, time.process_time() - busy
        results[f"{name}|strain"], results[f"{name}|seconds"] = found, np.array(times)
    np.savez(sys.argv[2], **results)


main()
