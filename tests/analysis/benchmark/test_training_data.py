from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from polwidgets.analysis.benchmark.plan import Training
from polwidgets.analysis.benchmark.training_data import at_half, augmentation, training_patterns
from polwidgets.cube.schema import make_cube
from polwidgets.match.conditions import Conditions
from polwidgets.match.specimen import SpecimenFit
from polwidgets.perturb.dose import Dose
from polwidgets.progress import silent
from polwidgets.training.matched import matched_patterns


@pytest.fixture
def seen(specimen: SpecimenFit) -> SpecimenFit:
    conditions = Conditions(thickness_A=79.4, tilt_y_mrad=1.0, source_A=0.3, blur=0.02, center_y=0.02, center_x=-0.05, rotation_deg=3.0)
    return dataclasses.replace(specimen, conditions=conditions, background=(0.0, 0.0, 0.0, 0.0), good_pixels=None)


@pytest.mark.slow
def test_half_the_detector_sees_two_by_two_pixels_as_one(seen: SpecimenFit) -> None:
    cube = make_cube(
        np.zeros((2, 2, 46, 50), np.uint16), scan_step_A=0.4, k_step=0.07, center_px=(21.0, 27.0), voltage_kV=200.0, semiangle_mrad=24.0
    )
    coarse, detector = at_half(seen, cube)
    full = matched_patterns(seen, cube, positions=2, seed=5, progress=silent)
    half = matched_patterns(coarse, detector, positions=2, seed=5, progress=silent)
    assert half["ky"].size == full["ky"].size // 2
    rows, columns = half.sizes["ky"], half.sizes["kx"]
    for dim in ("ky", "kx"):
        paired = full[dim].values[: 2 * half[dim].size].reshape(-1, 2).mean(1)
        np.testing.assert_allclose(half[dim], paired, atol=1e-12)
    binned = full["intensity"].values[:, : 2 * rows, : 2 * columns].reshape(-1, rows, 2, columns, 2).sum((2, 4))
    difference = np.linalg.norm(half["intensity"] - binned) / np.linalg.norm(binned)
    assert difference < 0.03
    # the pixel's own width belongs to the blur
    sharp = dataclasses.replace(coarse, conditions=dataclasses.replace(coarse.conditions, blur=seen.conditions.blur))
    sharper = matched_patterns(sharp, detector, positions=2, seed=5, progress=silent)
    assert np.linalg.norm(sharper["intensity"] - binned) / np.linalg.norm(binned) > 2 * difference


def test_matched_patterns_need_a_scan() -> None:
    with pytest.raises(ValueError, match="matched scan"):
        training_patterns(Training("pca_knn", recipe="matched"), progress=silent)


def test_counting_noise_has_the_scans_dose(seen: SpecimenFit) -> None:
    training = Training("pca_knn", recipe="matched", augmentation="counting")
    (dose,) = augmentation(training, specimen=seen)
    assert isinstance(dose, Dose)
    assert dose.electrons == pytest.approx(15 * 2.0 / 1.2)
    with pytest.raises(ValueError, match="specimen"):
        augmentation(training)
