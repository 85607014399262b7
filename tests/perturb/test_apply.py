from __future__ import annotations

import json
import typing

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

import polwidgets as pw
from polwidgets.perturb.amorphous_layer import AmorphousLayer
from polwidgets.perturb.bad_pixels import BadPixels
from polwidgets.perturb.base import Perturbation
from polwidgets.perturb.descan import Descan
from polwidgets.perturb.dose import Dose
from polwidgets.perturb.drift import Drift
from polwidgets.perturb.fixed_pattern import FixedPattern
from polwidgets.perturb.gain import Gain
from polwidgets.perturb.gaussian_blur import GaussianBlur
from polwidgets.perturb.rotation import Rotation
from polwidgets.perturb.source_size import SourceSize


@pytest.fixture
def cube() -> xr.DataArray:
    rng = np.random.default_rng(4)
    return pw.make_cube(rng.gamma(2.0, 3.0, (13, 7, 11, 9)).astype(np.float32), scan_step_A=0.3, k_step=0.1, voltage_kV=200.0)


@pytest.fixture
def labelled() -> xr.Dataset:
    rng = np.random.default_rng(5)
    k = {"units": "1/angstrom"}
    return xr.Dataset(
        {"intensity": (("sample", "ky", "kx"), rng.gamma(2.0, 3.0, (600, 9, 7)))},
        coords={
            "ky": ("ky", 0.1 * (np.arange(9) - 4), k),
            "kx": ("kx", 0.1 * (np.arange(7) - 3), k),
            "direction_deg": ("sample", rng.choice([0.0, 45.0, 350.0], 600)),
            "specimen": ("sample", np.zeros(600, int)),
        },
        attrs={"seed": 3},
    )


@pytest.mark.parametrize("preset", ["study", "experiment", "experiment_scan"])
@pytest.mark.parametrize("chunks", [{"scan_y": 1}, {"scan_y": 4, "scan_x": 3}, {"scan_y": (2, 11), "ky": 5}])
def test_a_lazy_scan_becomes_what_one_in_memory_does_whatever_its_chunks(
    cube: xr.DataArray, preset: str, chunks: dict[str, typing.Any]
) -> None:
    lazy = pw.perturb(cube.chunk(chunks), preset, seed=9)
    assert lazy.chunks[0] == cube.chunk(chunks).chunks[0]
    xr.testing.assert_identical(lazy.compute(), pw.perturb(cube, preset, seed=9))


def test_only_the_rows_that_are_needed_are_read(cube: xr.DataArray) -> None:
    touched = []

    def reading(block: NDArray[np.float32], block_info: typing.Any = None) -> NDArray[np.float32]:
        touched.append(block_info[0]["chunk-location"][0])
        return block

    rows = cube.chunk(scan_y=1).copy(data=cube.chunk(scan_y=1).data.map_blocks(reading, dtype=cube.dtype, meta=np.empty((0,) * 4)))
    pw.perturb(rows, [Drift(down_px=2.0), Dose()], seed=1)[6].compute()
    assert sorted(touched) == [4, 5, 6, 7, 8]


def test_rows_differ_but_share_their_detector(cube: xr.DataArray) -> None:
    equal = xr.full_like(cube, 4.0)
    counted = pw.perturb(equal, [Dose(electrons=400.0)], seed=1)
    assert (counted[0] != counted[1]).any()
    gained = pw.perturb(equal, [FixedPattern(), BadPixels(dead=0.1)], seed=1)
    assert (gained == gained[0, 0]).all()
    assert gained.std() > 0


def test_a_seed_is_a_draw(cube: xr.DataArray) -> None:
    first, again, other = (pw.perturb(cube, [Dose()], seed=seed) for seed in (1, 1, 2))
    xr.testing.assert_identical(first, again)
    assert (first != other).mean() > 0.5


@pytest.mark.parametrize("parts", ["none", "experiment_scan"])
def test_the_scan_itself_stays_and_its_history_grows(cube: xr.DataArray, parts: str) -> None:
    before = cube.assign_attrs(provenance="made by hand").copy(deep=True)
    kept = before.copy(deep=True)
    made = pw.perturb(before, parts, seed=7)
    xr.testing.assert_identical(before, kept)
    assert made.dtype == np.float32
    assert dict(made.sizes) == dict(cube.sizes)
    first, step = json.loads(made.attrs["provenance"])
    assert first == "made by hand"
    assert step["perturb"]["seed"] == 7
    assert tuple(pw.perturbations.from_json(json.dumps(part)) for part in step["perturb"]["parts"]) == pw.preset(parts)


def test_labelled_patterns_turn_with_their_labels(labelled: xr.Dataset) -> None:
    kept = labelled.copy(deep=True)
    turned = pw.perturb(labelled, [Rotation(angle_deg=90.0), Gain(counts_per_electron=2.0)], seed=0)
    xr.testing.assert_identical(labelled, kept)
    np.testing.assert_allclose(turned["direction_deg"], (labelled["direction_deg"] + 90) % 360)
    inner = labelled["intensity"].values[:, 1:-1]
    np.testing.assert_allclose(turned["intensity"].values[:, 1:-1], 2 * np.rot90(inner, axes=(1, 2)), rtol=1e-4, atol=1e-3)
    assert turned.attrs["seed"] == 3
    assert list(turned.coords) == list(labelled.coords)


def test_labelled_patterns_turn_about_their_beam(labelled: xr.Dataset) -> None:
    spot = xr.zeros_like(labelled["intensity"])
    spot[:, 6, 4] = 1.0  # two rows below the beam and one column beside it
    moved = labelled.assign(intensity=spot).assign_attrs(center_y=0.0, center_x=0.0)
    off = moved.assign_coords({dim: labelled[dim] + 0.25 for dim in ("ky", "kx")}).assign_attrs(center_y=0.25, center_x=0.25)
    for patterns in (moved, off):
        turned = pw.perturb(patterns, [Rotation(angle_deg=90.0)], seed=0)["intensity"].values[0]
        assert np.unravel_index(turned.argmax(), turned.shape) == (3, 5)
        assert turned.max() == pytest.approx(1, abs=1e-3)


def test_labelled_patterns_are_drawn_for_one_by_one(labelled: xr.Dataset) -> None:
    equal = labelled.assign(intensity=xr.ones_like(labelled["intensity"]))
    gains = pw.perturb(equal, [Gain(least=0.0)], seed=0)["intensity"].values[:, 0, 0]
    assert len(np.unique(gains)) > 590


def test_one_pattern_is_perturbed_alone(cube: xr.DataArray) -> None:
    pattern = cube[3, 4]
    blurred = pw.perturb(pattern, [GaussianBlur(sigma_px=1.0)], seed=0)
    assert blurred.dims == ("ky", "kx")
    np.testing.assert_allclose(blurred.sum(), pattern.sum(), rtol=1e-5)
    assert "perturb" in blurred.attrs["provenance"]


@pytest.mark.parametrize("part", [Descan(), Drift(), SourceSize()])
def test_what_moves_the_probe_needs_a_scan(part: Perturbation, cube: xr.DataArray, labelled: xr.Dataset) -> None:
    for alone in (labelled, cube[0, 0]):
        with pytest.raises(ValueError, match="acts on a whole scan"):
            pw.perturb(alone, [part], seed=0)


def test_bad_input_is_named(cube: xr.DataArray, labelled: xr.Dataset) -> None:
    with pytest.raises(KeyError, match="did you mean 'study'"):
        pw.perturb(cube, "studdy", seed=0)
    with pytest.raises(ValueError, match=r"pw\.repair"):
        pw.perturb(cube.where(cube < 5), "none", seed=0)
    with pytest.raises(ValueError, match="amorphous_layer has ring, ring_width in 1/angstrom, but the patterns' coords are in pixels"):
        pw.perturb(pw.make_cube(cube.values), [AmorphousLayer()], seed=0)
    with pytest.raises(ValueError, match="transpose"):
        pw.perturb(labelled.transpose("ky", ...), "none", seed=0)
    with pytest.raises(ValueError, match="nobody knows where the beam is"):
        pw.perturb(cube[0, 0].drop_vars(["ky", "kx"]), "none", seed=0)
    with pytest.raises(ValueError, match="a cube has dims"):
        pw.perturb(cube.transpose("ky", ...), "none", seed=0)


def test_blurs_in_pixels_need_no_calibration(cube: xr.DataArray) -> None:
    assert pw.perturb(pw.make_cube(cube.values), "study", seed=0).shape == cube.shape
