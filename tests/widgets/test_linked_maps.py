from __future__ import annotations

import holoviews as hv
import numpy as np
import pytest

import polwidgets as pw
from polwidgets.widgets.colors import direction_colors


@pytest.fixture
def maps(prediction, scan):
    return pw.LinkedMaps(prediction, cube=scan)


def figures(maps):
    """Title -> HoloViews object."""
    views = [pane.object for pane in maps.__panel__()[1]]
    return {hv.Store.lookup_options("bokeh", element(view), "plot").kwargs.get("title"): view for view in views}


def element(view):
    """The lowest layer as it is now."""
    layer = view[()] if isinstance(view, hv.DynamicMap) else view
    return layer.values()[0] if isinstance(layer, hv.Overlay) else layer


def test_maps_show_what_the_prediction_says(maps, prediction):
    shown = figures(maps)
    assert list(shown) == [
        "Polarization direction",
        "Confidence",
        "Virtual image",
        "Displacement (pm)",
        "Pattern",
        "Probabilities",
    ]
    picture = element(shown["Polarization direction"])
    truth = direction_colors(prediction["direction_deg"].values, prediction["confidence"].values)
    for channel, name in enumerate("RGB"):
        # HoloViews hands arrays out with y growing, and y grows downward
        np.testing.assert_allclose(picture.dimension_values(name, flat=False), truth[..., channel])
    assert picture.bounds.lbrt() == pytest.approx((-0.025, -0.025, 1.375, 0.975))
    np.testing.assert_allclose(element(shown["Confidence"]).dimension_values(2, flat=False), prediction["confidence"].values)


def test_a_tap_moves_the_probe(maps, scan, prediction):
    maps._tapped(x=0.26, y=0.84)
    assert maps.state.probe == (17, 5)
    shown = figures(maps)
    np.testing.assert_allclose(element(shown["Pattern"]).dimension_values(2, flat=False), np.sqrt(scan.values[17, 5]), rtol=1e-6)
    np.testing.assert_allclose(element(shown["Probabilities"]).dimension_values(1), prediction["probability"].values[17, 5])


def test_the_state_moves_the_maps(prediction, scan):
    state = pw.ViewState(probe=(1, 2))
    maps = pw.LinkedMaps(prediction, cube=scan, state=state)
    state.probe = (99, 3)
    assert (maps._probe.row, maps._probe.column) == (19, 3)
    before = element(figures(maps)["Virtual image"]).dimension_values(2).copy()
    state.detector_inner = 3.0
    assert not np.allclose(element(figures(maps)["Virtual image"]).dimension_values(2), before)
    state.pattern_scale = "linear"
    np.testing.assert_allclose(element(figures(maps)["Pattern"]).dimension_values(2, flat=False), scan.values[19, 3], rtol=1e-6)


def test_arrows_point_up_on_screen_where_they_should(prediction):
    layers = figures(pw.LinkedMaps(prediction.assign(direction_deg=prediction["direction_deg"] * 0 + 90.0), arrows=4))
    arrows = layers["Polarization direction"][()].values()[1]
    x0, y0, x1, y1 = (arrows.dimension_values(index) for index in range(4))
    shafts = slice(0, len(x0) // 3)
    np.testing.assert_allclose(x0[shafts], x1[shafts])
    assert (y0[shafts] < y1[shafts]).all()  # from tip to tail; y grows downward


def test_without_a_cube_there_is_no_pattern(prediction):
    assert list(figures(pw.LinkedMaps(prediction.drop_vars("displacement_pm"), arrows=0))) == [
        "Polarization direction",
        "Confidence",
        "Probabilities",
    ]


def test_thickness_is_shown_where_it_varies(prediction):
    varying = prediction.assign(thickness_A=prediction["confidence"] * 100)
    assert "Thickness (Å)" in figures(pw.LinkedMaps(varying))
    assert "Thickness (Å)" not in figures(pw.LinkedMaps(prediction.assign(thickness_A=prediction["confidence"] * 0 + 200)))


def test_what_does_not_fit_is_refused(prediction, scan):
    with pytest.raises(ValueError, match=r"no probability; expected a Dataset as pw.map_polarization makes it"):
        pw.LinkedMaps(prediction.drop_vars("probability"))
    with pytest.raises(ValueError, match=r"covers \(20, 28\) scan positions, the cube \(20, 27\)"):
        pw.LinkedMaps(prediction, cube=scan.isel(scan_x=slice(27)))


def test_a_line_scan_has_maps_too(prediction, scan):
    shown = figures(pw.LinkedMaps(prediction.isel(scan_y=[3]), cube=scan.isel(scan_y=[3])))
    assert element(shown["Confidence"]).bounds.lbrt() == pytest.approx((-0.025, 0.125, 1.375, 0.175))


def test_a_selection_becomes_a_region_with_its_means(maps, prediction, scan):
    # in nm: rows 2 to 5, columns 3 to 8
    maps._boxed((0.13, 0.08, 0.42, 0.27))
    rows, columns = zip(*maps.state.region, strict=True)
    assert (min(rows), max(rows), min(columns), max(columns)) == pytest.approx((1.6, 5.4, 2.6, 8.4))
    assert maps.state.pattern_of == "region"
    shown = figures(maps)
    chosen = np.s_[2:6, 3:9]
    np.testing.assert_allclose(
        element(shown["Pattern"]).dimension_values(2, flat=False), np.sqrt(scan.values[chosen].mean((0, 1))), rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(element(shown["Probabilities"]).dimension_values(1), prediction["probability"].values[chosen].mean((0, 1)))
    assert "region of 24 positions" in maps._readout(**maps._probe.contents, **maps._region.contents).data
    maps._tapped(x=0.26, y=0.84)
    np.testing.assert_allclose(element(shown["Probabilities"]).dimension_values(1), prediction["probability"].values[17, 5])


def test_a_region_without_positions_is_told(maps):
    maps._lassoed(np.array([(0.26, 0.26), (0.28, 0.26), (0.28, 0.28)]))
    assert "holds no position" in maps._readout(**maps._probe.contents, **maps._region.contents).data
    assert element(figures(maps)["Pattern"]) is not None


def test_truth_adds_what_is_right_and_what_is_taken_for_what(prediction, scan):
    truth = prediction["direction_deg"].copy(data=np.where(np.arange(28) < 20, 45.0, 90.0) * np.ones((20, 1)))
    maps = pw.LinkedMaps(prediction, cube=scan, truth=truth)
    shown = figures(maps)
    assert {"Truth", "Within 22.5° of the truth", "Confusion, positions"} <= set(shown)
    right = prediction["direction_deg"].values == truth.values
    np.testing.assert_allclose(element(shown["Within 22.5° of the truth"]).dimension_values(2, flat=False), right.astype(float))
    with pytest.raises(ValueError, match=r"the truth \(20, 27\)"):
        pw.LinkedMaps(prediction, truth=truth.isel(scan_x=slice(27)))
