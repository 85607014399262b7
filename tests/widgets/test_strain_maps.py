from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET

import nanobeam_scan
import numpy as np
import pytest
import xarray as xr
from PIL import Image
from zarr.storage import ZipStore

import polwidgets as pw
from polwidgets.analysis.strain_axis import along_axis
from polwidgets.deformation import deformation, strain_and_rotation
from polwidgets.widgets.strain_export import strain_png, strain_svg
from polwidgets.widgets.strain_maps import StrainMapsPane
from polwidgets.widgets.strain_maps_model import StrainMapsModel


@pytest.fixture(scope="module")
def cube():
    return nanobeam_scan.make_scan()[0]


@pytest.fixture(scope="module")
def strain(cube):
    return nanobeam_scan.make_strain(cube)


@pytest.fixture
def model(strain, cube):
    return StrainMapsModel(strain, cube=cube, state=pw.ViewState(probe=(1, 2)))


def ask(model, kind, **body):
    number = ask.count = getattr(ask, "count", 0) + 1
    model.request = {"id": f"test:{number}", "kind": kind, **body}
    assert model.reply["id"] == f"test:{number}"
    return model.reply


@pytest.mark.parametrize("axis", [30.0, -77.0, 90.0])
def test_along_another_axis_is_the_same_deformation(strain, axis):
    turned = along_axis(strain, axis)
    assert turned.attrs["axis_deg"] == axis
    assert strain.attrs["axis_deg"] == 0
    gradient = deformation(strain["e_xx"], strain["e_yy"], strain["e_xy"])[:, :3]
    expected = strain_and_rotation(gradient, axis_deg=axis)
    for part, name in enumerate(("e_xx", "e_yy", "e_xy")):
        np.testing.assert_allclose(turned[name].values[:, :3], expected[..., part], atol=1e-12)
    xr.testing.assert_identical(turned["rotation_deg"], strain["rotation_deg"])


def test_errors_turn_with_the_axis_as_random_strains_do(strain):
    rng = np.random.default_rng(2)
    spread = {"e_xx": 1e-3, "e_yy": 3e-3, "e_xy": 2e-3}
    drawn = strain.isel(scan_y=[0], scan_x=[0]).copy()
    drawn = drawn.assign({f"{name}_error": drawn[f"{name}_error"] * 0 + size for name, size in spread.items()})
    trials = {name: rng.normal(0, size, 40_000) for name, size in spread.items()}
    many = xr.Dataset({name: (("scan_y", "scan_x"), values[None]) for name, values in trials.items()}, attrs={"axis_deg": 0.0})
    many = many.assign({f"{name}_error": abs(many[name]) for name in spread})
    for name in spread:
        np.testing.assert_allclose(along_axis(drawn, 25.0)[f"{name}_error"].item(), along_axis(many, 25.0)[name].std().item(), rtol=0.02)


def test_the_scene_is_json_with_the_cell_in_the_scan_frame(model):
    scene = json.loads(json.dumps(model.scene))
    np.testing.assert_allclose(np.array(scene["cell"]) @ nanobeam_scan.BASIS.T, np.eye(2), atol=1e-9)
    assert scene["reasons"][4] == "another lattice than the reference"
    json.dumps(model.view)


def test_a_turned_scan_turns_the_cell(strain, cube):
    plain = StrainMapsModel(strain, cube=cube).scene
    turned = StrainMapsModel(strain, cube=cube.assign_attrs(scan_rotation_deg=20.0)).scene
    assert turned["axes"]["cell a"] == pytest.approx((plain["axes"]["cell a"] - 20 + 90) % 180 - 90, abs=0.02)


def test_maps_and_patterns_come_as_they_are(model, strain, cube):
    reply = ask(model, "maps")
    for name in ("e_xx", "rotation_deg_error", "reason", "center_kx"):
        np.testing.assert_array_equal(np.frombuffer(reply[name], "<f4").reshape(nanobeam_scan.SHAPE), strain[name].values.astype("<f4"))
    pattern = np.frombuffer(ask(model, "pattern", probe=[2, 0])["data"], "<f4")
    np.testing.assert_array_equal(pattern.reshape(nanobeam_scan.DETECTOR), cube.values[2, 0])


def test_state_and_view_move_each_other(model):
    model.view = {**model.view, "probe": [0, 3]}
    assert model.state.probe == (0, 3)
    model.state.probe = (2, 1)
    assert model.view["probe"] == [2, 1]


def test_exports_are_along_the_chosen_axis(model, strain, tmp_path):
    reply = ask(model, "export", format="map, CSV", axis_deg=90.0)
    rows = list(csv.DictReader(io.StringIO(reply["data"].decode())))
    assert len(rows) == 12
    row = rows[2 * 4 + 1]
    assert (row["row"], row["column"], row["reason"]) == ("2", "1", "good")
    assert float(row["e_xx"]) == pytest.approx(float(strain["e_yy"][2, 1]), rel=1e-5)
    assert float(row["scan_x_angstrom"]) == 15.0
    assert rows[-1]["reason"] == "another lattice than the reference"
    assert rows[-1]["e_xx"] == "nan"
    (tmp_path / "strain.zarr.zip").write_bytes(ask(model, "export", format="map, zarr", axis_deg=0.0)["data"])
    with ZipStore(tmp_path / "strain.zarr.zip", mode="r") as store:
        xr.testing.assert_allclose(xr.open_zarr(store).load(), strain)


def test_pictures_show_the_maps(strain):
    picture = np.asarray(Image.open(io.BytesIO(strain_png(strain))))
    # a position of the first map: e_xx is largest, thus dark red, above the missing one, which is grey
    zoom = 320 // 4
    left, top = 24 + 3 * zoom + zoom // 2, 24 + 20 + zoom // 2
    red, _, blue = picture[top + zoom, left]
    assert red > blue
    assert tuple(picture[top + 2 * zoom, left]) == (110, 110, 110)
    root = ET.fromstring(strain_svg(strain))
    words = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "rotation (°)" in words
    assert "1 nm" in words or "2 nm" in words


def test_what_does_not_fit_is_refused(strain, cube):
    with pytest.raises(ValueError, match="strain_map"):
        pw.StrainMaps(strain.drop_vars("e_xy"))
    with pytest.raises(ValueError, match="covers"):
        pw.StrainMaps(strain, cube.isel(scan_x=slice(2)))
    model = StrainMapsModel(strain)
    assert model.scene["pattern"] is None
    assert "cube" in ask(model, "pattern", probe=[0, 0])["error"]


def test_the_widget_shows_under_panel(strain):
    widget = pw.StrainMaps(strain)
    assert isinstance(widget.__panel__(), StrainMapsPane)
    assert widget.state.probe == (1, 2)
