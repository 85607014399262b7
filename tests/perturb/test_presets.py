from __future__ import annotations

import pytest

import polwidgets as pw
from polwidgets.perturb.presets import PRESETS


def test_only_the_scans_own_preset_needs_a_scan() -> None:
    assert {"none", "study", "detector", "low_dose", "experiment", "experiment_scan"} <= set(PRESETS)
    assert [name for name, parts in PRESETS.items() if any(part.acts_on == "scan" for part in parts)] == ["experiment_scan"]


def test_the_study_blurs_by_two_to_five_pixels() -> None:
    blur = pw.preset("study")[0]
    assert (blur.least * blur.sigma_px, blur.sigma_px, blur.probability) == (2.0, 5.0, 0.5)


def test_an_unknown_name_says_what_exists() -> None:
    with pytest.raises(KeyError, match=r"did you mean 'low_dose'.*none, study, detector"):
        pw.preset("low_doze")
