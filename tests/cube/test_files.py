from __future__ import annotations

import zipfile
from pathlib import Path

import dask.array as da
import h5py
import numpy as np
import pytest
import xarray as xr

import polwidgets as pw
from polwidgets.cube.files import center_of, relabel
from polwidgets.cube.readers.base import readers
from polwidgets.cube.schema import make_cube, step_of

LABELS = {"scan_step_A": (0.4, 0.5), "k_step": (0.05, 0.06), "center_px": (3.25, 4.5), "voltage_kV": 200.0, "provenance": "[]"}
SHAPES = [(3, 5, 8, 11), (1, 1, 9, 8), (17, 4, 7, 12), (13, 11, 20, 3)]


# ------------------------------------------------------------------------------------------------ native


@pytest.mark.parametrize("suffix", [".zarr", ".zarr.zip"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("lazy", [False, True])
def test_saved_and_opened(asymmetric_cube, tmp_path, suffix, shape, lazy) -> None:
    cube = asymmetric_cube(shape, lazy=lazy, **LABELS)
    path = pw.save_cube(cube, tmp_path / f"scan{suffix}")
    opened = pw.open_cube(path)
    assert isinstance(opened.data, da.Array)
    xr.testing.assert_identical(opened.compute(), cube.compute())
    assert opened.dtype == cube.dtype
    assert sorted(tmp_path.iterdir()) == [path]  # nothing is left beside it


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32, np.float64])
def test_dtypes_survive(asymmetric_cube, tmp_path, dtype) -> None:
    cube = asymmetric_cube(dtype=dtype)
    xr.testing.assert_identical(pw.open_cube(pw.save_cube(cube, tmp_path / "a.zarr")).compute(), cube)


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
def test_xarray_s_own_zarr(asymmetric_cube, tmp_path) -> None:
    cube = asymmetric_cube(**LABELS)
    cube.to_dataset().to_zarr(tmp_path / "plain.zarr")
    xr.testing.assert_identical(pw.open_cube(tmp_path / "plain.zarr").compute(), cube)


def test_a_scan_that_does_not_start_at_zero(asymmetric_cube, tmp_path) -> None:
    part = asymmetric_cube((6, 7, 8, 9), **LABELS)[2:5, 3:]
    xr.testing.assert_identical(pw.open_cube(pw.save_cube(part, tmp_path / "a.zarr")).compute(), part)


def test_hints_win_over_the_file(asymmetric_cube, tmp_path) -> None:
    path = pw.save_cube(asymmetric_cube(**LABELS), tmp_path / "a.zarr")
    cube = pw.open_cube(path, k_step=0.02, voltage_kV=300, scan_rotation_deg=7.0)
    assert step_of(cube, "ky") == pytest.approx(0.02)
    assert center_of(cube) == pytest.approx((3.25, 4.5))
    assert step_of(cube, "scan_x") == pytest.approx(0.5)
    assert (cube.attrs["voltage_kV"], cube.attrs["scan_rotation_deg"]) == (300, 7.0)
    with pytest.raises(ValueError, match=r"a scan of \(3, 5\), got scan_shape=\(5, 3\)"):
        pw.open_cube(path, scan_shape=(5, 3))


def test_nothing_is_overwritten_unasked(asymmetric_cube, tmp_path) -> None:
    first, second = asymmetric_cube(), asymmetric_cube((2, 3, 4, 5))
    for name in ("a.zarr", "a.zarr.zip"):
        path = pw.save_cube(first, tmp_path / name)
        with pytest.raises(FileExistsError, match="pass overwrite=True"):
            pw.save_cube(second, path)
        xr.testing.assert_identical(pw.open_cube(path).compute(), first)
        pw.save_cube(second, path, overwrite=True)
        xr.testing.assert_identical(pw.open_cube(path).compute(), second)
    with pytest.raises(ValueError, match=r"saved as \.zarr or \.zarr\.zip, got 'a\.h5'"):
        pw.save_cube(first, tmp_path / "a.h5")


def test_a_broken_write_leaves_nothing(tmp_path) -> None:
    def broken(_: np.ndarray) -> np.ndarray:
        raise RuntimeError("the disk is gone")

    patterns = da.map_blocks(broken, da.ones((2, 2, 3, 3), chunks=1), dtype=float, meta=np.empty((0,) * 4))
    with pytest.raises(RuntimeError, match="the disk is gone"):
        pw.save_cube(make_cube(patterns), tmp_path / "a.zarr")
    assert not list(tmp_path.iterdir())


def test_a_prediction_is_not_a_cube(tmp_path) -> None:
    prediction = xr.Dataset({"direction": (("scan_y", "scan_x"), np.zeros((2, 3), np.int8))})
    prediction.to_zarr(tmp_path / "map.zarr", consolidated=False)
    with pytest.raises(ValueError, match=r"holds a prediction: its variables are direction.*xarray\.open_zarr"):
        pw.open_cube(tmp_path / "map.zarr")


def test_opening_reads_nothing(asymmetric_cube, tmp_path) -> None:
    path = pw.save_cube(asymmetric_cube((4, 4, 64, 64)), tmp_path / "a.zarr")
    cube = pw.open_cube(path)
    for chunk in (path / "intensity" / "c").rglob("*"):
        if chunk.is_file():
            chunk.unlink()
    assert cube.shape == (4, 4, 64, 64)
    assert not cube[0, 0].values.any()  # what is missing reads as zero: nothing had been kept


def test_a_damaged_zarr(asymmetric_cube, tmp_path) -> None:
    path = pw.save_cube(asymmetric_cube(), tmp_path / "a.zarr")
    (path / "zarr.json").write_text("{")
    with pytest.raises(ValueError, match="not a readable zarr group"):
        pw.open_cube(path)
    (tmp_path / "b.zarr.zip").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(ValueError, match="not a readable zarr group"):
        pw.open_cube(tmp_path / "b.zarr.zip")


@pytest.mark.parametrize("shifted", [False, True])
def test_abtem_s_zarr_keeps_what_is_seen(tmp_path, shifted) -> None:
    abtem = pytest.importorskip("abtem")
    from abtem.core.axes import ScanAxis

    rng = np.random.default_rng(1)
    array = rng.random((4, 5, 7, 10)).astype(np.float32)  # x, y, kx, ky
    axes = [ScanAxis(label="x", sampling=0.3, units="Å"), ScanAxis(label="y", sampling=0.2, units="Å")]
    measured = abtem.measurements.DiffractionPatterns(
        array, sampling=(0.05, 0.04), fftshift=shifted, ensemble_axes_metadata=axes, metadata={"energy": 300e3}
    )
    measured.to_zarr(str(tmp_path / "abtem.zarr"))
    cube = pw.open_cube(tmp_path / "abtem.zarr")
    assert cube.shape == (5, 4, 10, 7)
    assert [step_of(cube, dim) for dim in cube.dims] == pytest.approx([0.2, 0.3, 0.04, 0.05])
    assert cube.attrs["voltage_kV"] == 300
    # abTEM draws y upward: its last y is our first row; a ky of plus is above the centre
    np.testing.assert_array_equal(cube[0, 1], (array[1, -1] if shifted else np.fft.fftshift(array[1, -1])).T[::-1])
    kx, ky = (np.asarray(axis.coordinates(size)) for axis, size in zip(measured.base_axes_metadata, array.shape[2:], strict=True))
    pattern = cube[4 - 3, 2]
    np.testing.assert_allclose(float(pattern.sel(kx=kx[1], ky=-ky[8], method="nearest")), array[2, 3, 1, 8])


# ------------------------------------------------------------------------------------------------ NumPy


def test_npy_is_mapped(asymmetric_cube, tmp_path) -> None:
    cube = asymmetric_cube()
    np.save(tmp_path / "a.npy", cube.values)
    opened = pw.open_cube(tmp_path / "a.npy", center_px=(3.25, 4.5), semiangle_mrad=20)
    np.testing.assert_array_equal(opened, cube)
    assert center_of(opened) == pytest.approx((3.25, 4.5))
    np.save(tmp_path / "list.npy", cube.values.reshape(15, 8, 11))
    np.testing.assert_array_equal(pw.open_cube(tmp_path / "list.npy", scan_shape=(3, 5)), cube)
    with pytest.raises(ValueError, match=r"holds 15 patterns, which is no square; pass scan_shape=\(rows, columns\): \(3, 5\) or \(5, 3\)"):
        pw.open_cube(tmp_path / "list.npy")
    with pytest.raises(ValueError, match=r"scan_shape 4 x 4 asks for 16 patterns, .* holds 15"):
        pw.open_cube(tmp_path / "list.npy", scan_shape=(4, 4))


def test_swapped_axes_are_put_right(asymmetric_cube, tmp_path) -> None:
    cube = asymmetric_cube()
    np.save(tmp_path / "a.npy", cube.values.transpose(3, 2, 0, 1))
    np.testing.assert_array_equal(pw.open_cube(tmp_path / "a.npy", axis_order="kx ky scan_y scan_x"), cube)


@pytest.mark.parametrize("compressed", [False, True])
def test_npz(asymmetric_cube, tmp_path, compressed) -> None:
    cube = asymmetric_cube()
    (np.savez_compressed if compressed else np.savez)(tmp_path / "a.npz", scan=cube.values, step=0.3)
    opened = pw.open_cube(tmp_path / "a.npz")
    np.testing.assert_array_equal(opened[1, 2], cube[1, 2])
    np.testing.assert_array_equal(opened, cube)
    np.savez(tmp_path / "b.npz", one=cube.values, other=cube.values + 1)
    with pytest.raises(ValueError, match=r"Pass dataset=\.\.\.; it holds one \(3, 5, 8, 11\), other \(3, 5, 8, 11\)"):
        pw.open_cube(tmp_path / "b.npz")
    np.testing.assert_array_equal(pw.open_cube(tmp_path / "b.npz", dataset="other"), cube + 1)
    with pytest.raises(ValueError, match="has no array 'third'"):
        pw.open_cube(tmp_path / "b.npz", dataset="third")


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_truncated_numpy(asymmetric_cube, tmp_path, name) -> None:
    path = tmp_path / name
    (np.save if name.endswith("npy") else np.savez)(path, asymmetric_cube((9, 9, 20, 20)).values)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ValueError, match="is it truncated"):
        pw.open_cube(path)


# ------------------------------------------------------------------------------------------------ HDF5


def write_py4dstem(path: Path, values: np.ndarray, *, flip: bool = False) -> None:
    """The layout that py4DSTEM 0.14 writes (EMD 1.0)."""
    with h5py.File(path, "w") as file:
        file.attrs.update(emd_group_type="file", version_major=1, version_minor=0, authoring_program="emdfile")
        group = file.create_group("datacube_root/datacube")
        group.attrs.update(emd_group_type="array", python_class="DataCube")
        group["data"] = values
        for axis, (name, unit, step) in enumerate((("Rx", "nm", 0.03), ("Ry", "nm", 0.03), ("Qx", "A^-1", 0.05), ("Qy", "A^-1", 0.05))):
            group[f"dim{axis}"] = np.array([0.0, step])
            group[f"dim{axis}"].attrs.update(name=name, units=unit)
        calibration = file.create_group("datacube_root/metadatabundle/calibration")
        calibration["QR_flip"] = flip
        for name, value in (("Q_pixel_size", 0.06), ("Q_pixel_units", "A^-1"), ("R_pixel_size", 0.04), ("R_pixel_units", "nm")):
            calibration[name] = value


def test_py4dstem(asymmetric_cube, tmp_path) -> None:
    cube = asymmetric_cube()
    write_py4dstem(tmp_path / "a.h5", cube.values)
    opened = pw.open_cube(tmp_path / "a.h5")
    np.testing.assert_array_equal(opened, cube)
    assert [step_of(opened, dim) for dim in opened.dims] == pytest.approx([0.4, 0.4, 0.06, 0.06])
    write_py4dstem(tmp_path / "flipped.h5", cube.values.transpose(0, 1, 3, 2), flip=True)
    np.testing.assert_array_equal(pw.open_cube(tmp_path / "flipped.h5"), cube)


@pytest.mark.parametrize("extra_axis", [False, True])
def test_emd_0x(asymmetric_cube, tmp_path, extra_axis) -> None:
    cube = asymmetric_cube()
    with h5py.File(tmp_path / "a.emd", "w") as file:
        group = file.create_group("experiment/fpd_data")
        group.attrs["emd_group_type"] = 1
        group["data"] = cube.values[:, :, None] if extra_axis else cube.values
        sizes = group["data"].shape
        units = [b"[n_m]", b"[n_m]", b"index", b"[n_m^-1]", b"[n_m^-1]"] if extra_axis else [b"[n_m]", b"[n_m]", b"[n_m^-1]", b"[n_m^-1]"]
        for axis, (size, unit) in enumerate(zip(sizes, units, strict=True), 1):
            group[f"dim{axis}"] = np.arange(size) * (0.02 * axis)
            group[f"dim{axis}"].attrs["units"] = unit
    opened = pw.open_cube(tmp_path / "a.emd")
    np.testing.assert_array_equal(opened, cube)
    last = 5 if extra_axis else 4
    assert [step_of(opened, dim) for dim in opened.dims] == pytest.approx([0.2, 0.4, 0.002 * (last - 1), 0.002 * last])


def test_any_hdf5(asymmetric_cube, tmp_path) -> None:
    cube = asymmetric_cube()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["one/patterns"] = cube.values.reshape(15, 8, 11)
        file["two"] = cube.values
        file["three"] = cube.values + 1
    with pytest.raises(ValueError, match=r"several 4D datasets; pass dataset=\.\.\. with one of /three, /two"):
        pw.open_cube(tmp_path / "a.h5")
    np.testing.assert_array_equal(pw.open_cube(tmp_path / "a.h5", dataset="two"), cube)
    np.testing.assert_array_equal(pw.open_cube(tmp_path / "a.h5", dataset="one/patterns", scan_shape=(3, 5)), cube)
    with pytest.raises(ValueError, match=r"no dataset 'four'; it holds /one/patterns \(15, 8, 11\) uint16"):
        pw.open_cube(tmp_path / "a.h5", dataset="four")


def test_truncated_hdf5(tmp_path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"] = np.zeros((4, 4, 50, 50))
    path = tmp_path / "a.h5"
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(ValueError, match=r"not a readable HDF5 file .* truncated"):
        pw.open_cube(path)


# ------------------------------------------------------------------------------------------------ TIFF


@pytest.mark.parametrize(
    ("name", "hints"),
    [
        ("KNN_Right_Mid_{index}.tif", {"scan_shape": (3, 5)}),
        ("scan_y{row:03d}_x{column:03d}.tif", {}),
        ("x{column}_y{row}.tiff", {}),
        ("{row}_{column}.tif", {}),
        ("run12_row{row}_col{column}.tif", {}),
    ],
)
def test_a_folder_of_tiffs(asymmetric_cube, tmp_path, name, hints) -> None:
    tifffile = pytest.importorskip("tifffile")
    cube = asymmetric_cube()
    for index in range(15):
        row, column = divmod(index, 5)
        tifffile.imwrite(tmp_path / name.format(index=index, row=row + 8, column=column + 9), cube.values[row, column])
    (tmp_path / "notes.txt").write_text("not a pattern")
    np.testing.assert_array_equal(pw.open_cube(tmp_path, **hints), cube)
    np.testing.assert_array_equal(pw.open_cube(tmp_path, **hints)[2, 1, 3:5], cube[2, 1, 3:5])


def test_a_square_of_tiffs_in_natural_order(asymmetric_cube, tmp_path) -> None:
    tifffile = pytest.importorskip("tifffile")
    cube = asymmetric_cube((4, 4, 6, 7), dtype=np.float32)
    for index, pattern in enumerate(cube.values.reshape(16, 6, 7)):
        tifffile.imwrite(tmp_path / f"pattern{index}.tif", pattern[None])
    opened = pw.open_cube(tmp_path)
    np.testing.assert_array_equal(opened, cube)
    (tmp_path / "pattern3.tif").write_bytes(b"II*\x00cut")
    with pytest.raises(ValueError, match=r"pattern3\.tif is not a readable TIFF"):
        opened.compute()
    tifffile.imwrite(tmp_path / "pattern3.tif", np.zeros((6, 8), np.float32))
    with pytest.raises(ValueError, match=r"has shape \(6, 8\), the first file of the folder \(6, 7\)"):
        opened.compute()


# ------------------------------------------------------------------------------------------------ EMPAD


def write_empad(path: Path, values: np.ndarray) -> None:
    frames = np.zeros((values.shape[0] * values.shape[1], 130, 128), "<f4")
    frames[:, :128] = values.reshape(-1, 128, 128)
    frames[:, 128:] = -7  # the metadata rows
    frames.tofile(path)


def test_empad(asymmetric_cube, tmp_path) -> None:
    cube = asymmetric_cube((2, 3, 128, 128), dtype=np.float32)
    write_empad(tmp_path / "scan_x3_y2.raw", cube.values)
    np.testing.assert_array_equal(pw.open_cube(tmp_path / "scan_x3_y2.raw"), cube)
    write_empad(tmp_path / "other.raw", cube.values)
    np.testing.assert_array_equal(pw.open_cube(tmp_path / "other.raw", scan_shape=(2, 3)), cube)
    (tmp_path / "other.xml").write_text('<root><pix_x>3</pix_x><pix_y>2</pix_y><raw_file filename="other.raw"/></root>')
    np.testing.assert_array_equal(pw.open_cube(tmp_path / "other.xml"), cube)
    np.testing.assert_array_equal(pw.open_cube(tmp_path / "other.raw"), cube)


def test_wrong_empad(asymmetric_cube, tmp_path) -> None:
    write_empad(tmp_path / "scan_x3_y2.raw", asymmetric_cube((1, 5, 128, 128)).values)
    with pytest.raises(ValueError, match="holds 5 patterns, its header or name says 2 x 3; it is truncated"):
        pw.open_cube(tmp_path / "scan_x3_y2.raw")
    (tmp_path / "cut.raw").write_bytes(bytes(100_000))
    with pytest.raises(ValueError, match=r"100000 bytes, which is 1\.50 EMPAD frames"):
        pw.open_cube(tmp_path / "cut.raw")
    (tmp_path / "lost.xml").write_text('<root><raw_file filename="gone.raw"/></root>')
    with pytest.raises(FileNotFoundError, match=r"names the raw file 'gone\.raw', which is not beside it"):
        pw.open_cube(tmp_path / "lost.xml")


# ------------------------------------------------------------------------------------------------ others


@pytest.mark.parametrize("plugin", ["nexus", "hspy", "blockfile"])
def test_rosettasciio(asymmetric_cube, tmp_path, plugin) -> None:
    pytest.importorskip("rsciio")
    module = pytest.importorskip(f"rsciio.{plugin}", exc_type=ImportError)
    suffix, shape, dtype = {
        "nexus": (".nxs", (3, 5, 8, 11), np.float32),
        "hspy": (".hspy", (3, 5, 8, 11), np.uint16),
        "blockfile": (".blo", (3, 5, 8, 8), np.uint8),
    }[plugin]
    detector_unit = "cm" if plugin == "blockfile" else "1/nm"
    cube = asymmetric_cube(shape, dtype=dtype)
    scales = {"y": (2.0, "nm"), "x": (2.0, "nm"), "ky": (0.1, detector_unit), "kx": (0.1, detector_unit)}
    axes = [
        {
            "name": name,
            "size": size,
            "scale": scale,
            "units": unit,
            "offset": 0.0,
            "navigate": len(name) == 1,
            "_type": "UniformDataAxis",
            "index_in_array": index,
        }
        for index, ((name, (scale, unit)), size) in enumerate(zip(scales.items(), shape, strict=True))
    ]
    signal = {"data": cube.values, "axes": axes, "metadata": {"General": {"title": "scan"}, "Signal": {}}, "original_metadata": {}}
    signal |= {"attributes": {"_lazy": False, "ragged": False}, "learning_results": {}, "models": {}, "tmp_parameters": {}}
    signal |= {"package_info": {"package": "", "package_version": ""}}
    options = {"intensity_scaling": None} if plugin == "blockfile" else {}
    module.file_writer(str(tmp_path / f"a{suffix}"), signal, **options)
    opened = pw.open_cube(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(opened, cube)
    assert step_of(opened, "scan_x") == pytest.approx(20)
    if plugin != "blockfile":  # its detector is in the camera's centimetres
        assert step_of(opened, "kx") == pytest.approx(0.01)


def test_a_misspelt_hint(asymmetric_cube, tmp_path) -> None:
    np.save(tmp_path / "a.npy", asymmetric_cube().values)
    with pytest.raises(TypeError, match=r"no hint scan_shap for a\.npy; check the spelling\. Hints: scan_shape, .* 'numpy': dataset"):
        pw.open_cube(tmp_path / "a.npy", scan_shap=(3, 5))


def test_what_nobody_reads(tmp_path) -> None:
    (tmp_path / "a.doc").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"no reader knows .*; there are empad, hdf5, numpy, tiff, vendor, zarr"):
        pw.open_cube(tmp_path / "a.doc")
    with pytest.raises(FileNotFoundError, match=r"there is no .*b\.npy; .* holds a\.doc"):
        pw.open_cube(tmp_path / "b.npy")
    with zipfile.ZipFile(tmp_path / "a.zip", "w"):
        pass
    with pytest.raises(ValueError, match="unpack the archive first"):
        pw.open_cube(tmp_path / "a.zip")


def test_relabelling_changes_labels_alone(asymmetric_cube) -> None:
    cube = asymmetric_cube(**LABELS)
    moved = relabel(cube, center_px=(2.0, 6.5))
    assert center_of(moved) == pytest.approx((2.0, 6.5))
    assert step_of(moved, "kx") == pytest.approx(0.06)
    assert moved.attrs == cube.attrs
    assert center_of(cube) == pytest.approx((3.25, 4.5))


def test_readers_are_parts() -> None:
    for name in readers:
        reader = readers.build(name)
        assert readers.from_json(readers.to_json(reader)) == reader
        assert not reader.accepts(Path("nothing.here"))


def test_samples_are_named() -> None:
    with pytest.raises(ValueError, match="there is no sample 'nothing'; there are"):
        pw.sample("nothing")


# ------------------------------------------------------------------------------------------------ shared data


@pytest.mark.parametrize(
    ("name", "hints", "shape", "steps", "total"),
    [
        ("readers/blockfile/test1.blo", {}, (3, 2, 144, 144), (128, 128, None, None), None),
        ("readers/blockfile/test2.blo", {}, (2, 3, 5, 5), (640, 640, None, None), None),
        ("nbed/blo_3x2.blo", {}, (3, 2, 144, 144), (128, 128, None, None), None),
        ("nbed/dd020.dm3", {}, (1, 1, 256, 256), (None, None, None, None), None),
        (
            "readers/emd/Si100_4D.emd",
            {"dataset": "4DSTEM_simulation/data/datacubes/CBED_array_depth0001/datacube"},
            (11, 11, 8, 8),
            (5, 5, 0.018416, 0.018416),
            None,
        ),
        ("readers/emd/py4DSTEM_size2x3x4x5.h5", {}, (2, 3, 4, 5), None, None),
        # frames of 130 x 128 that count on, without their last two rows
        ("readers/empad/map4x4.xml", {}, (4, 4, 128, 128), (11415.857, 11415.857, 0.0182654, 0.0182654), None),
        ("readers/empad/scan_x4_y4.raw", {}, (4, 4, 128, 128), (11415.857, 11415.857, 0.0182654, 0.0182654), None),
        ("readers/fpd/fpd_file_test.hdf5", {}, (2, 2, 256, 256), (None, None, None, None), None),
        ("readers/hspy/subset_data.hspy", {}, (2, 2, 256, 256), (20, 20, 0.01261, 0.01261), None),
        ("readers/mib/test_12bit_notRAW_1frame.mib", {}, (1, 1, 512, 512), None, None),
        ("readers/mib/test_24bit_notRAW_1frame.mib", {}, (1, 1, 512, 512), None, None),
        ("readers/tia/16x16-diffraction_imagel_5x5x256x256_EDS.emi", {}, (5, 5, 256, 256), (18.739, 18.739, 0.0174353, 0.0174353), None),
        ("readers/tia/16x16-diffraction_imagel_5x5x256x256_EDS_2.ser", {}, (5, 5, 256, 256), (18.739, 18.739, None, None), None),
        ("readers/tvips/test_tvips_2233_000.tvips", {}, (2, 2, 3, 3), (None, None, 0.1, 0.1), None),
        ("readers/tvips/test_tvips_2345_split_000.tvips", {"scan_shape": (2, 3)}, (2, 3, 4, 5), (None, None, 0.1, 0.1), None),
        ("knn-dev/D3.npz", {}, (48, 96, 63, 63), (None,) * 4, None),
        ("probes/arina_36mrad_halfwidth.npy", {}, (1, 1, 192, 192), None, 101404800),
    ],
)
def test_real_files(shared_data, name, hints, shape, steps, total) -> None:
    pytest.importorskip("rsciio")
    cube = pw.open_cube(shared_data / name, **hints)
    assert cube.shape == shape
    assert cube.chunks
    assert cube.dtype.isnative
    for dim, step in zip(cube.dims, steps or (), strict=False):
        assert (step is None) == (cube[dim].attrs["units"] == "pixel")
        if step is not None:
            assert step_of(cube, dim) == pytest.approx(step, rel=1e-3)
    assert np.isfinite(cube.values).all()
    if total is not None:
        assert float(cube.sum(dtype=float)) == pytest.approx(total, rel=1e-3)


def test_empad_frames_count_on(shared_data) -> None:
    cube = pw.open_cube(shared_data / "readers/empad/map4x4.xml")
    frame = 130 * 128
    assert float(cube[0, 0, 0, 5]) == 5
    assert float(cube[0, 1, 0, 0]) == frame
    assert float(cube[2, 1, 3, 4]) == frame * 9 + 3 * 128 + 4


def test_merlin_scans(shared_data, tmp_path) -> None:
    pytest.importorskip("rsciio")
    with zipfile.ZipFile(shared_data / "readers/mib/Merlin_navigation4x2_ROI.zip") as archive:
        archive.extractall(tmp_path)
    assert pw.open_cube(tmp_path / "001_4x2_6bit.mib").shape == (2, 4, 256, 256)
    assert pw.open_cube(tmp_path / "002_4x2_6bit_roi128.mib").shape == (2, 4, 128, 256)
    with zipfile.ZipFile(shared_data / "readers/mib/Merlin_navigation4x2_signalNx256_ROI.zip") as archive:
        archive.extractall(tmp_path)
    for path, rows in (("002_merlin_test_roi_sig256x128", 128), ("003_merlin_test_roi_sig256x64", 64)):
        hot = pw.open_cube(next(tmp_path.glob(f"{path}*.mib")))
        assert hot.shape == (2, 4, rows, 256)
        # the name gives the column of a hot pixel
        assert int(hot.sum(("scan_y", "scan_x")).values.max(0).argmax()) == 52


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("readers/emd/Si100_4D.emd", "several 4D datasets"),
        ("readers/emd/braggdisks_cali.h5", "no four-dimensional numeric dataset; it holds /4DSTEM/braggpeaks_cal_raw/data"),
        ("readers/mib/test_1bit_RAW_1frame.mib", "RAW MIB data not supported; export it"),
        ("readers/mib/Merlin_Single_Quad.zip", "unpack the archive first"),
        ("readers/nexus/nexus_dls_example.nxs", r"no diffraction patterns: its signals have shapes \(10, 10, 15\)"),
        ("readers/tvips/test_tvips_2345_000.tvips", r"holds 6 patterns, which is no square; .*\(2, 3\) or \(3, 2\)"),
        ("readers/tvips/test_tvips_2345_split_001.tvips", "Can only read video sequences starting with part 000"),
    ],
)
def test_real_files_that_are_no_scans(shared_data, name, message) -> None:
    pytest.importorskip("rsciio")
    with pytest.raises(ValueError, match=message):
        pw.open_cube(shared_data / name)


@pytest.mark.parametrize(
    "name",
    [
        "readers/blockfile/test1.blo",
        "readers/hspy/subset_data.hspy",
        "readers/mib/test_12bit_notRAW_1frame.mib",
        "readers/tia/16x16-diffraction_imagel_5x5x256x256_EDS_2.ser",
        "readers/tvips/test_tvips_2345_000.tvips",
        "readers/emd/py4DSTEM_size2x3x4x5.h5",
        "nbed/dd020.dm3",
    ],
)
def test_truncated_real_files(shared_data, tmp_path, name) -> None:
    pytest.importorskip("rsciio")
    whole = (shared_data / name).read_bytes()
    path = tmp_path / Path(name).name
    path.write_bytes(whole[: len(whole) * 6 // 10])
    with pytest.raises(ValueError, match="truncated"):
        pw.open_cube(path)


def test_an_opened_cube_can_be_cut_and_written_by_xarray(asymmetric_cube, tmp_path) -> None:
    opened = pw.open_cube(pw.save_cube(asymmetric_cube((17, 9, 16, 16)), tmp_path / "a.zarr"))
    part = opened[3:, 2:]
    part.to_dataset().to_zarr(tmp_path / "b.zarr", consolidated=False)
    xr.testing.assert_identical(pw.open_cube(tmp_path / "b.zarr").compute(), part.compute())
    opened.to_dataset().to_zarr(tmp_path / "c.zarr", zarr_format=2)
    xr.testing.assert_identical(pw.open_cube(tmp_path / "c.zarr").compute(), opened.compute())
