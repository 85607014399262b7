from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from polwidgets.analysis.benchmark import store
from polwidgets.analysis.benchmark.scans import LabelledScan, PeriodicScan
from polwidgets.analysis.benchmark.store import content_key, load_scan, load_specimen, save_scan, save_specimen
from polwidgets.cube.schema import make_cube
from polwidgets.match.specimen import SpecimenFit


def test_a_specimen_comes_back(specimen: SpecimenFit, tmp_path: Path) -> None:
    save_specimen(tmp_path / "fit.npz", specimen)
    back = load_specimen(tmp_path / "fit.npz")
    for field in dataclasses.fields(SpecimenFit):
        given, got = getattr(specimen, field.name), getattr(back, field.name)
        if field.name == "unit_cell":
            np.testing.assert_array_equal(got.coefficients, given.coefficients)
        elif field.name == "good_pixels":
            np.testing.assert_array_equal(got, given)
        elif field.name == "patterns":
            assert got.equals(given)
        else:
            assert got == given, field.name


def test_a_scan_comes_back(tmp_path: Path) -> None:
    counts = np.arange(2 * 3 * 4 * 5, dtype=np.uint16).reshape(2, 3, 4, 5)
    cube = make_cube(counts, scan_step_A=(0.3, 0.4), k_step=(0.05, 0.06), voltage_kV=200.0, scan_rotation_deg=5.0, provenance="[]")
    scan = LabelledScan(cube, np.array([[0.0, 45, 90], [90, 45, 0]]), 0.14)
    save_scan(tmp_path / "scan.npz", scan)
    back = load_scan(tmp_path / "scan.npz")
    xr.testing.assert_allclose(back.cube, cube)
    assert back.cube.attrs == cube.attrs
    assert back.cube.dtype == np.uint16
    np.testing.assert_array_equal(back.direction_deg, scan.direction_deg)
    assert back.displacement_A == 0.14
    assert back.cell_px == pytest.approx(3.97 / 0.4)


def test_keys_follow_content_and_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    scan = PeriodicScan("1S", "a title", "study", 135.0, 200.0, 6)
    key = content_key(scan.content())
    assert key == content_key(dataclasses.replace(scan, title="another").content())
    changed = [dataclasses.replace(scan, **{name: value}) for name, value in (("thickness_A", 201.0), ("seed", 1), ("positions", 64))]  # type: ignore[arg-type]
    assert len({key, *(content_key(each.content()) for each in changed)}) == 4
    assert content_key({"a": 1, "b": 2}) == content_key({"b": 2, "a": 1})
    monkeypatch.setitem(store.VERSIONS, "torch", "0.0")
    assert content_key(scan.content()) != key
