from __future__ import annotations

import gc

import numpy as np
import pytest
from bokeh.document import Document
from bokeh.events import DoubleTap, SelectionGeometry, Tap
from bokeh.models.annotations import PolyAnnotation
from panel.models.markup import HTML

import polwidgets as pw
from polwidgets.widgets.colors import direction_colors
from polwidgets.widgets.map_style import class_colors, wheel_legend


class Sheet:
    """A display of linked maps, as Bokeh's models."""

    def __init__(self, maps):
        self.document = Document()
        self.root = maps.__panel__().get_root(self.document)
        self.document.add_root(self.root)
        self.figures = {plot.title.text: plot for plot, *_ in self.root.children[1].children}

    def data(self, title, layer=0):
        return self.figures[title].renderers[layer].data_source.data

    def image(self, title):
        """What a figure shows, row 0 where the axis has its smallest y."""
        return self.data(title)["image"][0]

    def probabilities(self):
        return self.data("Probabilities")["probability"]

    def readout(self):
        (text,) = (one.text for one in self.root.select({"type": HTML}) if one.html_attributes.get("role") == "status")
        return text

    def tap(self, title, x, y, kind=Tap):
        figure = self.figures[title]
        figure._trigger_event(kind(figure, x=x, y=y))

    def cross(self, title):
        """The cross-hair above a map."""
        (cross,) = (one for one in self.figures[title].center if isinstance(one, PolyAnnotation))
        return cross

    def select(self, title, **geometry):
        figure = self.figures[title]
        figure._trigger_event(SelectionGeometry(figure, geometry=geometry, final=True))


@pytest.fixture
def maps(prediction, scan):
    return pw.LinkedMaps(prediction, cube=scan)


@pytest.fixture
def sheet(maps):
    return Sheet(maps)


def test_maps_show_what_the_prediction_says(sheet, prediction):
    assert list(sheet.figures) == [
        "Polarization direction",
        "Confidence",
        "Virtual image",
        "Displacement (pm)",
        "Pattern",
        "Probabilities",
    ]
    pixels = sheet.image("Polarization direction").view(np.uint8).reshape(20, 28, 4)
    truth = direction_colors(prediction["direction_deg"].values, prediction["confidence"].values)
    np.testing.assert_array_equal(pixels[..., :3], np.rint(255 * truth))
    assert (pixels[..., 3] == 255).all()
    np.testing.assert_allclose(sheet.image("Confidence"), prediction["confidence"].values, rtol=1e-6)


def test_every_pixel_lies_around_its_position(sheet):
    """20 x 28 positions half an angstrom apart: 1.4 by 1 nm, and row 0 on top."""
    figure = sheet.figures["Confidence"]
    glyph = figure.renderers[0].glyph
    assert (glyph.x, glyph.y, glyph.dw, glyph.dh) == pytest.approx((-0.025, -0.025, 1.4, 1.0))
    assert (figure.x_range.start, figure.x_range.end) == pytest.approx((-0.025, 1.375))
    assert (figure.y_range.start, figure.y_range.end) == pytest.approx((0.975, -0.025))
    assert figure.frame_width / figure.frame_height == pytest.approx(1.4, abs=0.01)
    assert all(sheet.figures[title].x_range is figure.x_range for title in ("Polarization direction", "Virtual image"))


def test_a_tap_moves_the_probe(maps, sheet, scan, prediction):
    sheet.tap("Virtual image", 0.26, 0.84)
    assert maps.state.probe == (17, 5)
    np.testing.assert_allclose(sheet.image("Pattern"), np.sqrt(scan.values[17, 5]), rtol=1e-6)
    np.testing.assert_allclose(sheet.probabilities(), prediction["probability"].values[17, 5])
    lines = sheet.readout().splitlines()
    assert lines[:4] == ["position (17, 5)", "y 0.85, x 0.25 nm", "LM, 180°", "confidence 0.90"]
    for title in ("Polarization direction", "Confidence"):
        cross = sheet.cross(title)
        xs, ys = np.round(cross.xs, 9), np.round(cross.ys, 9)
        # the upright of the cross stands at x from edge to edge, its bar lies at y
        np.testing.assert_allclose([ys[xs == 0.25].min(), ys[xs == 0.25].max()], [-0.025, 0.975])
        np.testing.assert_allclose([xs[ys == 0.85].min(), xs[ys == 0.85].max()], [-0.025, 1.375])
    sheet.tap("Virtual image", 1.5, 0.84)  # beside the map
    assert maps.state.probe == (17, 5)
    sheet.tap("Confidence", 0.36, 0.04, DoubleTap)  # soon after the first, somewhere else
    assert maps.state.probe == (1, 7)


def test_a_tap_changes_what_follows_it_and_nothing_else(maps, sheet):
    maps.state.probe = (2, 2)
    corners = len(sheet.cross("Confidence").xs)
    changed = _changes(sheet, lambda: sheet.tap("Confidence", 0.26, 0.84))
    behind = [sheet.figures[title].renderers[0].data_source for title in ("Pattern", "Probabilities")]
    assert {model.id for model, name in changed if name == "data"} == {source.id for source in behind}
    cross = sheet.cross("Confidence")
    assert {name for model, name in changed if model is cross} == {"xs", "ys"}
    assert len(cross.xs) == len(cross.ys) == corners
    # each once, and beside them the readout and the range of the pattern's colours
    assert len(changed) == len(set(changed)) <= 7
    assert not _changes(sheet, lambda: sheet.tap("Confidence", 0.26, 0.84))


def test_the_state_moves_the_maps(prediction, scan):
    state = pw.ViewState(probe=(1, 2))
    sheet = Sheet(pw.LinkedMaps(prediction, cube=scan, state=state))
    state.probe = (99, 3)
    assert sheet.readout().startswith("position (19, 3)")
    before = sheet.image("Virtual image")
    changed = _changes(sheet, lambda: setattr(state, "detector_inner", 3.0))
    assert {model.id for model, name in changed if name == "data"} == {sheet.figures["Virtual image"].renderers[0].data_source.id}
    assert not np.allclose(sheet.image("Virtual image"), before)
    state.pattern_scale = "linear"
    np.testing.assert_allclose(sheet.image("Pattern"), scan.values[19, 3], rtol=1e-6)


def test_two_displays_of_the_same_maps_both_follow(maps):
    first, second = Sheet(maps), Sheet(maps)
    first.tap("Confidence", 0.26, 0.84)
    assert first.readout() == second.readout()
    assert "position (17, 5)" in second.readout()


def test_a_display_that_is_gone_is_forgotten(maps):
    view = maps.__panel__()
    gc.collect()
    assert len(maps._sheets) == 1
    del view
    gc.collect()
    assert not len(maps._sheets)


def test_arrows_point_up_on_screen_where_they_should(prediction):
    up = prediction.assign(direction_deg=prediction["direction_deg"] * 0 + 90.0)
    ends = Sheet(pw.LinkedMaps(up, arrows=4)).data("Polarization direction", layer=1)
    shafts = slice(0, len(ends["x0"]) // 3)
    np.testing.assert_allclose(ends["x0"][shafts], ends["x1"][shafts])
    assert (ends["y0"][shafts] < ends["y1"][shafts]).all()  # from tip to tail; y grows downward


def test_without_a_cube_there_is_no_pattern(prediction):
    sheet = Sheet(pw.LinkedMaps(prediction.drop_vars("displacement_pm"), arrows=0))
    assert list(sheet.figures) == ["Polarization direction", "Confidence", "Probabilities"]
    assert len(sheet.figures["Polarization direction"].renderers) == 2  # the map, and the region's edge


def test_thickness_is_shown_where_it_varies(prediction):
    varying = prediction.assign(thickness_A=prediction["confidence"] * 100)
    assert "Thickness (Å)" in Sheet(pw.LinkedMaps(varying)).figures
    assert "Thickness (Å)" not in Sheet(pw.LinkedMaps(prediction.assign(thickness_A=prediction["confidence"] * 0 + 200))).figures


def test_what_is_no_map_is_refused(prediction):
    with pytest.raises(ValueError, match=r"no probability; expected a Dataset as pw.map_polarization makes it"):
        pw.LinkedMaps(prediction.drop_vars("probability"))


def test_a_map_of_another_scan_is_said_in_the_widget(prediction, scan):
    truth = prediction["direction_deg"].isel(scan_y=slice(13))
    for maps, said in (
        (pw.LinkedMaps(prediction, cube=scan.isel(scan_x=slice(27))), "covers (20, 28) scan positions, the cube (20, 27)"),
        (pw.LinkedMaps(prediction, cube=scan, truth=truth), "the truth (13, 28)"),
    ):
        assert said in maps.__panel__().value
        maps.state.probe = (1, 1)


def test_a_line_scan_has_maps_too(prediction, scan):
    sheet = Sheet(pw.LinkedMaps(prediction.isel(scan_y=[3]), cube=scan.isel(scan_y=[3])))
    glyph = sheet.figures["Confidence"].renderers[0].glyph
    assert (glyph.x, glyph.y, glyph.dw, glyph.dh) == pytest.approx((-0.025, 0.125, 1.4, 0.05))
    sheet.tap("Confidence", 0.31, 0.14)
    assert sheet.readout().startswith("position (0, 6)")


def test_a_selection_becomes_a_region_with_its_means(maps, sheet, prediction, scan):
    # in nm: rows 2 to 5, columns 3 to 8
    sheet.select("Confidence", type="rect", x0=0.13, y0=0.27, x1=0.42, y1=0.08)
    rows, columns = zip(*maps.state.region, strict=True)
    assert (min(rows), max(rows), min(columns), max(columns)) == pytest.approx((1.6, 5.4, 2.6, 8.4))
    assert maps.state.pattern_of == "region"
    chosen = np.s_[2:6, 3:9]
    np.testing.assert_allclose(sheet.image("Pattern"), np.sqrt(scan.values[chosen].mean((0, 1))), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(sheet.probabilities(), prediction["probability"].values[chosen].mean((0, 1)))
    assert "region of 24 positions" in sheet.readout()
    edge = sheet.data("Virtual image", layer=-1)
    assert (min(edge["xs"]), max(edge["xs"]), min(edge["ys"]), max(edge["ys"])) == pytest.approx((0.13, 0.42, 0.08, 0.27))
    assert (edge["xs"][0], edge["ys"][0]) == (edge["xs"][-1], edge["ys"][-1])
    sheet.tap("Confidence", 0.26, 0.84)
    np.testing.assert_allclose(sheet.probabilities(), prediction["probability"].values[17, 5])
    assert "region of 24 positions" in sheet.readout()


def test_a_region_without_positions_is_told(maps, sheet, prediction):
    sheet.select("Confidence", type="poly", x=[0.26, 0.28, 0.28], y=[0.26, 0.26, 0.28])
    assert "holds no position" in sheet.readout()
    row, column = maps.state.probe
    np.testing.assert_allclose(sheet.probabilities(), prediction["probability"].values[row, column])


def test_truth_adds_what_is_right_and_what_is_taken_for_what(prediction, scan):
    truth = prediction["direction_deg"].copy(data=np.where(np.arange(28) < 20, 45.0, 90.0) * np.ones((20, 1)))
    maps = pw.LinkedMaps(prediction, cube=scan, truth=truth)
    sheet = Sheet(maps)
    assert {"Truth", "Within 22.5° of the truth", "Confusion, positions"} <= set(sheet.figures)
    right = prediction["direction_deg"].values == truth.values
    np.testing.assert_array_equal(sheet.image("Within 22.5° of the truth"), right)

    def confusion():
        data = sheet.data("Confusion, positions")
        cells = zip(data["true"], data["predicted"], data["count"], strict=True)
        return {(true, predicted): count for true, predicted, count in cells if count}

    predicted = prediction["direction_deg"].values
    expected = {
        (true, answer): str(int(((truth.values == of) & (predicted == at)).sum()))
        for true, of in (("RU", 45.0), ("MU", 90.0))
        for answer, at in (("RU", 45.0), ("LM", 180.0))
    }
    assert confusion() == expected
    # row 15 is left of the wall's end: two positions, both taken for LM
    maps.state.region = ((14.5, -0.5), (14.5, 1.5), (15.5, 1.5), (15.5, -0.5))
    assert confusion() == {("RU", "LM"): "2"}


def test_the_legend_names_directions_where_they_are(prediction):
    """Up on the page is smaller y; the page's own ink is read on dark and on light."""
    text = wheel_legend("cmocean:phase").text
    places = {name: _place(text, name) for name in ("RM", "MU", "LM", "MD", "RU")}
    assert places["RM"][0] > 0 > places["LM"][0]
    assert places["MU"][1] < 0 < places["MD"][1]
    assert places["RU"][0] > 0 > places["RU"][1]
    assert "fill: currentColor" in text
    assert "fill=" not in text
    assert [label.split()[1] for label in class_colors("cmocean:phase")] == list(prediction["direction"].attrs["flag_meanings"].split())


def _place(text, name):
    element = text[: text.index(f">{name}<")].rpartition("<text")[2]
    return tuple(float(element.split(f'{axis}="')[1].split('"')[0]) for axis in "xy")


def _changes(sheet, act):
    """(model, property) of everything that an act changes in a document."""
    seen = []
    sheet.document.on_change(lambda event: seen.append((event.model, event.attr)))
    act()
    return seen
