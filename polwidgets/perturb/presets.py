"""Perturbations that belong together, by name."""

from __future__ import annotations

import difflib
from typing import Final

from polwidgets.perturb.amorphous_layer import AmorphousLayer
from polwidgets.perturb.background import Background
from polwidgets.perturb.bad_pixels import BadPixels
from polwidgets.perturb.base import Perturbation
from polwidgets.perturb.brightness_contrast import BrightnessContrast
from polwidgets.perturb.center_shift import CenterShift
from polwidgets.perturb.descan import Descan
from polwidgets.perturb.detector_blur import DetectorBlur
from polwidgets.perturb.dose import Dose
from polwidgets.perturb.drift import Drift
from polwidgets.perturb.ellipticity import Ellipticity
from polwidgets.perturb.fixed_pattern import FixedPattern
from polwidgets.perturb.flyback import Flyback
from polwidgets.perturb.gaussian_blur import GaussianBlur
from polwidgets.perturb.gaussian_noise import GaussianNoise
from polwidgets.perturb.rotation import Rotation
from polwidgets.perturb.saturation import Saturation
from polwidgets.perturb.source_size import SourceSize

_DETECTOR: Final = (
    DetectorBlur(sigma=0.06, least=0.0),
    FixedPattern(pixels=0.05, least=0.0, once=False),
    BadPixels(dead=0.004, hot=0.002, least=0.0, once=False, probability=0.3),
    Saturation(level=1.0, least=0.6, probability=0.1),
)

PRESETS: Final[dict[str, tuple[Perturbation, ...]]] = {
    "none": (),
    # doi:10.48550/arXiv.2603.15582; the noise's range is the default of the library that the study used (albumentations 2)
    "study": (
        GaussianBlur(sigma_px=5.0, least=0.4, probability=0.5),
        BrightnessContrast(brightness=0.15, contrast=0.15, least=-1.0, probability=0.3),
        GaussianNoise(sigma=0.44, least=0.2 / 0.44, probability=0.2),
    ),
    "detector": _DETECTOR,
    "low_dose": (Dose(electrons=3000.0, least=0.1),),
    "experiment": (
        AmorphousLayer(fraction=0.3, least=0.0, probability=0.3),
        Rotation(angle_deg=2.0, least=-1.0, probability=0.5),
        Ellipticity(ellipticity=0.03, angle_deg=90.0, least=-1.0, probability=0.3),
        CenterShift(down_px=1.0, right_px=1.0, least=-1.0, probability=0.8),
        Background(flat=0.1, halo=0.3, least=0.0, probability=0.8),
        _DETECTOR[0],
        Dose(electrons=3000.0, least=0.1),
        *_DETECTOR[1:],
    ),
    # a whole scan: every strength is what it says, and the scan has one detector
    "experiment_scan": (
        SourceSize(sigma_px=1.0),
        Drift(down_px=1.0, right_px=-1.5, wander_px=0.3),
        Flyback(right_px=1.0),
        AmorphousLayer(fraction=0.1),
        Ellipticity(ellipticity=0.01),
        Descan(down_along_y_px=0.7, right_along_x_px=-0.5),
        Background(flat=0.05, halo=0.15),
        DetectorBlur(sigma=0.03),
        FixedPattern(pixels=0.03),
        Dose(electrons=1000.0),
        BadPixels(),
    ),
}


def preset(name: str) -> tuple[Perturbation, ...]:
    """The perturbations of a preset, in the order in which they are applied; an unknown name says what exists."""
    if name not in PRESETS:
        close = difflib.get_close_matches(name, PRESETS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise KeyError(f"unknown preset {name!r}{hint} There are: {', '.join(PRESETS)}.")
    return PRESETS[name]
