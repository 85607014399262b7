from __future__ import annotations

import numpy as np
import pytest

from polwidgets.directions import ANGLES_DEG
from polwidgets.widgets.colors import UNSURE, direction_colors, wheel


def lightness(color):
    """CIE L* of sRGB, from the standard's formulas."""
    linear = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)


def test_hue_goes_around_without_a_seam():
    colors = direction_colors(np.linspace(0, 360, 721))
    np.testing.assert_allclose(colors[0], colors[-1], atol=0.02)
    assert np.abs(np.diff(colors, axis=0)).max() < 0.05
    np.testing.assert_allclose(direction_colors(-90.0), direction_colors(270.0))


def test_the_eight_directions_differ_and_have_one_lightness():
    colors = direction_colors(ANGLES_DEG)
    distance = np.linalg.norm(colors[:, None] - colors[None], axis=-1) + np.eye(8)
    assert distance.min() > 0.15
    assert np.ptp(lightness(colors)) < 12


def test_confidence_is_lightness():
    confidence = np.linspace(0, 1, 6)
    light = lightness(direction_colors(np.full(6, 45.0), confidence))
    assert (np.diff(light) < -3).all()
    np.testing.assert_allclose(direction_colors(45.0, 0.0), UNSURE, atol=1e-6)
    # evenly: no step is twice another
    assert np.diff(light).min() > 2 * np.diff(light).max()


def test_what_is_unknown_is_unsure():
    for direction, confidence in ((np.nan, 1.0), (45.0, np.nan)):
        np.testing.assert_allclose(direction_colors(direction, confidence), UNSURE, atol=1e-6)


def test_only_cyclic_maps_will_do():
    with pytest.raises(ValueError, match="'magma' is sequential; use 'cmocean:phase'"):
        direction_colors(0.0, colormap="magma")


def test_the_wheel_shows_directions_where_they_point():
    picture = wheel(101)
    for angle in ANGLES_DEG:
        row = round(50 - 48 * np.sin(np.deg2rad(angle)))
        column = round(50 + 48 * np.cos(np.deg2rad(angle)))
        confidence = (np.hypot(row - 50, column - 50) / 50 - 0.3) / 0.7
        np.testing.assert_allclose(picture[row, column, :3] / 255, direction_colors(angle, confidence), atol=0.03)
    assert picture[50, 50, 3] == 0
    assert picture[0, 0, 3] == 0
    assert picture[50, 90, 3] == 255
