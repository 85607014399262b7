from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from polwidgets.cube.schema import DIMS, make_cube, require, require_calibrated, step_of, validate


@pytest.mark.parametrize("lazy", [False, True])
def test_labels(lazy) -> None:
    values = np.zeros((2, 3, 5, 6))
    cube = make_cube(da.from_array(values) if lazy else values, scan_step_A=(0.3, 0.4), k_step=0.1, center_px=(1.5, 2.0), voltage_kV=80.0)
    assert cube.name == "intensity"
    assert cube.dims == DIMS
    np.testing.assert_allclose(cube["scan_x"], [0, 0.4, 0.8])
    np.testing.assert_allclose(cube["ky"], [-0.15, -0.05, 0.05, 0.15, 0.25])
    assert [cube[dim].attrs["units"] for dim in DIMS] == ["angstrom", "angstrom", "1/angstrom", "1/angstrom"]
    assert require(cube, "voltage_kV") == (80.0,)
    require_calibrated(validate(cube))
    assert bool(cube.chunks) == lazy


def test_without_calibration_everything_is_in_pixels() -> None:
    cube = make_cube(np.zeros((2, 3, 5, 6)))
    np.testing.assert_array_equal(cube["ky"], [-2, -1, 0, 1, 2])
    np.testing.assert_array_equal(cube["kx"], [-3, -2, -1, 0, 1, 2])
    assert step_of(cube[:1], "scan_y") == 1
    with pytest.raises(ValueError, match=r"scan_y, scan_x, ky, kx are in pixels, .* use pw\.calibrate"):
        require_calibrated(cube)
    with pytest.raises(ValueError, match=r"does not say its voltage_kV; use cube\.assign_attrs\(voltage_kV=\.\.\.\)"):
        require(cube, "voltage_kV")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda cube: cube.values, "expected a cube"),
        (lambda cube: cube.transpose("ky", "kx", "scan_y", "scan_x"), "use cube.transpose"),
        (lambda cube: cube.rename(ky="qy"), "use pw.make_cube"),
        (lambda cube: cube[:0], "the cube is empty"),
        (lambda cube: cube.drop_vars("kx"), "coord 'kx' is missing"),
        (lambda cube: cube.assign_coords(kx=("kx", cube["kx"].values, {"units": "mrad"})), "units 'mrad', expected one of"),
        (lambda cube: cube.assign_coords(kx=("kx", cube["kx"].values ** 3, {"units": "pixel"})), "not evenly spaced"),
    ],
)
def test_what_is_no_cube_is_named(spoil, message) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        validate(spoil(make_cube(np.zeros((2, 3, 5, 6)))))


def test_four_dimensions_are_needed() -> None:
    with pytest.raises(ValueError, match=r"four dimensions .* got shape \(6, 5, 6\); reshape it, or give scan_shape"):
        make_cube(np.zeros((6, 5, 6)))


def test_attrs_survive_netcdf_and_zarr(tmp_path) -> None:
    cube = make_cube(np.ones((2, 3, 4, 5)), voltage_kV=200.0, provenance="[]")
    cube.to_dataset().to_zarr(tmp_path / "a.zarr", consolidated=False)
    xr.testing.assert_identical(xr.open_zarr(tmp_path / "a.zarr", consolidated=False)["intensity"].compute(), cube)
