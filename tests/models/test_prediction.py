"""The labelled result: what it says of itself, and that it survives the disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import polwidgets as pw
from polwidgets.models.prediction import make_prediction

SCAN = pw.make_cube(np.ones((3, 5, 4, 6)), scan_step_A=(0.4, 0.3), k_step=0.1)


def probabilities() -> np.ndarray:
    return np.random.default_rng(2).dirichlet(np.ones(8), (3, 5))


def prediction() -> xr.Dataset:
    measured = np.random.default_rng(3).uniform(-400, 800, (3, 5))
    length = np.linspace(10, 20, 15).reshape(3, 5)
    return make_prediction(
        SCAN, probability=probabilities(), direction_deg=measured, displacement_pm=length, displacement_error_pm=0.1 * length,
        attrs={"model": "some", "thickness_A": 203.5, "seed": 7},
    )  # fmt: skip


def test_the_measured_direction_decides_the_class() -> None:
    found = prediction()
    assert ((found.direction_deg >= 0) & (found.direction_deg < 360)).all()
    apart = (found.direction_deg - 45 * found.direction.astype(float) + 180) % 360 - 180
    assert float(abs(apart).max()) <= 22.5 + 1e-4


def test_without_one_the_most_probable_class_is_the_direction() -> None:
    probability = probabilities()
    found = make_prediction(SCAN, probability=probability, attrs={})
    np.testing.assert_array_equal(found.direction, probability.argmax(-1))
    np.testing.assert_array_equal(found.direction_deg, 45.0 * probability.argmax(-1))
    np.testing.assert_allclose(found.confidence, probability.max(-1), rtol=1e-6)
    assert "displacement_pm" not in found


def test_it_says_what_it_holds() -> None:
    found = prediction()
    assert dict(found.sizes) == {"scan_y": 3, "scan_x": 5, "direction_class": 8}
    assert found.direction.dtype == np.int8
    assert found.direction.attrs["flag_values"].dtype == np.int8
    assert found.direction.attrs["flag_values"].tolist() == list(range(8))
    assert found.direction.attrs["flag_meanings"] == "RM RU MU LU LM LD MD RD"
    assert list(found.direction_class.values) == found.direction.attrs["flag_meanings"].split()
    assert found.displacement_pm.attrs["units"] == found.displacement_error_pm.attrs["units"] == "pm"
    assert found.direction_deg.attrs["units"] == "degree"
    assert found.scan_x.attrs["units"] == "angstrom"
    xr.testing.assert_equal(found.scan_y, SCAN.scan_y)
    assert found.attrs == {"model": "some", "thickness_A": 203.5, "seed": 7}


@pytest.mark.parametrize(("trust", "confident"), [(1.0, 1.0), (0.5, 0.5 + 0.5 / 8), (0.0, 1 / 8)])
def test_no_confidence_without_trust(trust: float, confident: float) -> None:
    probability = np.zeros((3, 5, 8))
    probability[..., 3] = 1
    before = probability.copy()
    found = make_prediction(SCAN, probability=probability, trust=trust, attrs={})
    np.testing.assert_allclose(found.confidence, confident, rtol=1e-6)
    np.testing.assert_allclose(found.probability.sum("direction_class"), 1, rtol=1e-6)
    np.testing.assert_array_equal(probability, before)


@pytest.mark.parametrize("kind", ["zarr", "netcdf"])
def test_round_trip(tmp_path: Path, kind: str) -> None:
    written = prediction()
    path = tmp_path / "map"
    if kind == "zarr":
        written.to_zarr(path, zarr_format=2)
        found = xr.load_dataset(path, engine="zarr")
    else:
        pytest.importorskip("h5netcdf", reason="netCDF needs h5netcdf")
        written.to_netcdf(path, engine="h5netcdf")
        found = xr.load_dataset(path, engine="h5netcdf")
    xr.testing.assert_equal(found, written)
    assert found.attrs == written.attrs
    for name, variable in written.variables.items():
        assert found[name].dtype.kind == variable.dtype.kind
        assert {key: list(np.atleast_1d(value)) for key, value in found[name].attrs.items()} == {
            key: list(np.atleast_1d(value)) for key, value in variable.attrs.items()
        }
    assert found.direction.dtype == np.int8
