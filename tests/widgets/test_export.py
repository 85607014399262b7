from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET

import numpy as np
import xarray as xr
from PIL import Image
from zarr.storage import ZipStore

from polwidgets.widgets.export import as_csv, as_png, as_svg, as_zarr


def test_the_table_has_a_line_a_position(prediction):
    rows = list(csv.DictReader(io.StringIO(as_csv(prediction).decode())))
    assert len(rows) == 20 * 28
    row = rows[17 * 28 + 5]
    assert (row["row"], row["column"]) == ("17", "5")
    here = prediction.isel(scan_y=17, scan_x=5)
    assert float(row["scan_x_angstrom"]) == float(here["scan_x"])
    assert float(row["direction_deg"]) == float(here["direction_deg"])
    probabilities = [float(value) for name, value in row.items() if name.startswith("probability_")]
    np.testing.assert_allclose(probabilities, here["probability"].values, rtol=1e-5)


def test_the_archive_is_the_map(prediction, tmp_path):
    (tmp_path / "map.zarr.zip").write_bytes(as_zarr(prediction))
    with ZipStore(tmp_path / "map.zarr.zip", mode="r") as store:
        xr.testing.assert_identical(xr.open_zarr(store).load(), prediction)


def test_pictures_are_pictures(prediction):
    assert Image.open(io.BytesIO(as_png(prediction))).size[0] > 500
    drawing = ET.fromstring(as_svg(prediction))
    lines = drawing.findall(".//{*}line")
    assert len(lines) == 10 * 14
    text = " ".join(element.text or "" for element in drawing.findall(".//{*}text"))
    assert "RU" in text
    assert "LM" in text
    # 45 degrees is up and right on screen, in the first domain
    first = {name: float(lines[0].get(name)) for name in ("x1", "y1", "x2", "y2")}
    assert first["x2"] > first["x1"]
    assert first["y2"] < first["y1"]
