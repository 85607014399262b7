from __future__ import annotations

import numpy as np
import pytest

from polwidgets.analysis.benchmark.plan import Training
from polwidgets.analysis.benchmark.training_data import augmentation, binned, training_patterns
from polwidgets.match.specimen import SpecimenFit
from polwidgets.perturb.dose import Dose
from polwidgets.progress import silent
from polwidgets.training.labelled import labelled_patterns


def test_binned_patterns_keep_every_count_where_it_was() -> None:
    rng = np.random.default_rng(0)
    good = np.ones((5, 7), bool)
    good[1, 4] = False
    fine = labelled_patterns(
        rng.random((3, 5, 7), np.float32), ky=0.1 * np.arange(5) - 0.2, kx=0.1 * np.arange(7), direction_deg=np.array([0.0, 45, 90]),
        thickness_A=np.array([1.0, 2, 3]), specimen=np.arange(3), phase=rng.random((3, 2)), good_pixels=good,
        attrs={"center_y": 0.02, "rotation_deg": 3.0},
    )  # fmt: skip
    coarse = binned(fine)
    assert coarse["intensity"].shape == (3, 2, 3)
    assert coarse["intensity"].values[1, 1, 2] == pytest.approx(fine["intensity"].values[1, 2:4, 4:6].sum())
    np.testing.assert_allclose(coarse["kx"], [0.05, 0.25, 0.45])
    np.testing.assert_allclose(coarse["ky"], [-0.15, 0.05])
    np.testing.assert_array_equal(coarse["good_pixels"], [[True, True, False], [True, True, True]])
    for name in ("direction_deg", "thickness_A", "specimen", "cell_y", "cell_x"):
        np.testing.assert_array_equal(coarse[name], fine[name])
    assert coarse.attrs == fine.attrs


def test_matched_patterns_need_a_scan() -> None:
    with pytest.raises(ValueError, match="matched scan"):
        training_patterns(Training("pca_knn", recipe="matched"), progress=silent)


def test_counting_noise_begins_at_the_scans_dose(specimen: SpecimenFit) -> None:
    training = Training("pca_knn", recipe="matched", augmentation="scan_dose")
    (dose,) = augmentation(training, specimen=specimen)
    assert isinstance(dose, Dose)
    assert dose.electrons * dose.least == pytest.approx(15 * 2.0 / 1.2)
    assert dose.least < 0.1
    with pytest.raises(ValueError, match="specimen"):
        augmentation(training)
