"""The network as a disk detector: identities that hold for any weights, and what the shipped ones find."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import drawn_disks
import numpy as np
import pytest
import torch

from polwidgets.disks.base import disk_detectors
from polwidgets.disks.fcunet import SHIPPED, FCUNetDetector
from polwidgets.disks.fcunet_grid import GRID_PX, NetworkGrid, noise_units
from polwidgets.disks.fcunet_network import ComplexConv2d, Dropout, FCUNet, FCUNetSizes, _spectra
from polwidgets.disks.probe import DiskProbe, measured_probe, synthetic_probe
from polwidgets.training.tensor_file import save_tensors

SMALL = FCUNetSizes(fourier=(2, 3), factors=1, head=(3, 4))
shipped = pytest.mark.skipif(not SHIPPED.is_file(), reason="there are no shipped weights")


def pattern(dose: float = 3e5, **condition: float) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """One drawn pattern (1, 90, 101), its disks' places in pixels and their shares of the electrons."""
    made = drawn_disks.patterns([dataclasses.replace(drawn_disks.INSTRUMENT, dose=dose, background=0.1, **condition)], seed=3)
    places = np.stack(
        [
            made[name].values[0] / drawn_disks.K_STEP + n // 2
            for name, n in (("disk_ky", drawn_disks.ROWS), ("disk_kx", drawn_disks.COLUMNS))
        ],
        -1,
    )
    share = made["disk_intensity"].values[0]
    on = np.isfinite(share)
    return torch.from_numpy(made["intensity"].values).float(), places[on], share[on]


def probe() -> DiskProbe:
    return measured_probe(drawn_disks.probe(), (drawn_disks.ROWS, drawn_disks.COLUMNS))


def propose(patterns: torch.Tensor, shape: DiskProbe, gain: float = 1.0, **options: float) -> np.ndarray:
    """Places in the first pattern (disk, 2)."""
    found = FCUNetDetector(**options).propose(patterns, shape, good=torch.ones_like(patterns, dtype=torch.bool), gain=gain)  # type: ignore[arg-type]
    return found.places[0][np.isfinite(found.places[0, :, 0])]


def farthest(places: np.ndarray, others: np.ndarray) -> float:
    """Largest distance of a place from the nearest other one."""
    return float(np.linalg.norm(places[:, None] - others[None], axis=-1).min(1).max())


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [1, 3])
def test_complex_convolutions_are_torchs_own(stride: int, size: int) -> None:
    torch.manual_seed(0)
    layer = ComplexConv2d(3, 5, size, stride=stride)
    image = torch.randn(2, 3, 11, 8, dtype=torch.complex64)
    expected = torch.nn.functional.conv2d(image, torch.complex(layer.real, layer.imaginary), None, stride, size // 2)
    real, imaginary = layer(torch.cat([image.real, image.imag], 1)).chunk(2, 1)
    torch.testing.assert_close(torch.complex(real, imaginary), expected)


def test_noise_is_one_at_every_dose() -> None:
    generator = torch.Generator().manual_seed(2)
    for mean in (5.0, 80.0, 4000.0):
        assert noise_units(torch.poisson(torch.full((200, 200), mean), generator=generator)).std() == pytest.approx(1, abs=0.03)
    assert not noise_units(torch.tensor([0.0, -3.0])).any()


@pytest.mark.parametrize(("shape", "radius"), [((160, 160), 6.0), ((256, 256), 10.3), ((144, 90), 3.1), ((61, 74), 2.0), ((301, 200), 3.3)])
def test_the_grid_moves_no_disk_and_loses_no_electron(shape: tuple[int, int], radius: float) -> None:
    grid = NetworkGrid.for_disks(radius, shape)
    rng = np.random.default_rng(1)
    middle = np.array([rng.uniform(0.4, 0.6) * n for n in shape])
    down, right = np.indices(shape)
    disk = np.exp(-0.5 * ((down - middle[0]) ** 2 + (right - middle[1]) ** 2) / radius**2)
    binned = grid.binned(torch.from_numpy(disk)).numpy()
    assert binned.shape == grid.canvas
    assert binned.sum() == pytest.approx(disk.sum(), rel=1e-6)
    rows, columns = np.indices(binned.shape)
    place = np.array([(binned * rows).sum(), (binned * columns).sum()]) / binned.sum()
    np.testing.assert_allclose(grid.on_detector(place), middle, atol=1e-3)
    assert grid.pixel >= 1
    assert radius / grid.pixel <= 4 + 1e-9


@pytest.mark.parametrize("shape", [(60, 300), (256, 256), (97, 131)])
def test_tiles_join_to_the_canvas(shape: tuple[int, int]) -> None:
    grid = NetworkGrid(shape, 1.0)
    canvas = torch.rand(2, *grid.canvas, generator=torch.Generator().manual_seed(0))
    tiles = [canvas[:, rows, columns] for rows, columns in grid.tiles()]
    assert all(tile.shape[1:] == (GRID_PX, GRID_PX) for tile in tiles)
    torch.testing.assert_close(grid.joined(tiles), canvas)


def test_a_point_as_probe_is_no_probe() -> None:
    """Its spectrum is one everywhere: matched, divided and bare patterns are the same."""
    point = torch.zeros(1, GRID_PX, GRID_PX)
    point[0, GRID_PX // 2, GRID_PX // 2] = 1
    matched, divided, bare = _spectra(torch.rand(2, GRID_PX, GRID_PX), point).unbind(1)
    torch.testing.assert_close(matched, bare)
    torch.testing.assert_close(divided, bare, rtol=1e-4, atol=1e-4)


def test_a_shift_is_but_a_phase_until_the_network_sees_it() -> None:
    """With factors of one, the filtered pattern moves with the pattern."""
    torch.manual_seed(0)
    network = FCUNet(SMALL).eval()
    for part in (network.factors.real, network.factors.imaginary):
        torch.nn.init.zeros_(part)
    image = torch.rand(1, GRID_PX, GRID_PX)
    image[:, :20] = image[:, -20:] = image[:, :, :20] = image[:, :, -20:] = 0
    point = torch.zeros(1, GRID_PX, GRID_PX)
    point[0, GRID_PX // 2, GRID_PX // 2] = 1
    with torch.inference_mode():
        maps, moved = (network(each, point) for each in (image, torch.roll(image, (16, 16), (1, 2))))
    # the head's coarsest pixel is a whole one of the shift; edges differ
    inner = slice(34, -18)
    torch.testing.assert_close(moved[..., inner, inner], torch.roll(maps, (16, 16), (2, 3))[..., inner, inner], rtol=1e-3, atol=1e-4)


def test_dropout_is_the_same_for_all_patterns_where_it_is_shared() -> None:
    ones = torch.ones(3, 4, 5, 6)
    shared = Dropout(0.4, torch.Generator().manual_seed(1), shared=True)(ones)
    torch.testing.assert_close(shared, shared[:1].expand_as(shared))
    alone = Dropout(0.4, torch.Generator().manual_seed(1), shared=False)(ones)
    assert (alone[0] != alone[1]).any()
    assert float(Dropout(0.4, torch.Generator().manual_seed(2), shared=False)(torch.ones(1, 1, 300, 300)).mean()) == pytest.approx(
        1, abs=0.02
    )


def test_it_is_a_registered_detector_whose_parameters_survive_json() -> None:
    part = disk_detectors.build("fcunet", passes=3, height=0.4)
    assert disk_detectors.from_json(disk_detectors.to_json(part)) == part


def test_missing_and_foreign_weights_are_named(tmp_path: Path) -> None:
    patterns, _, _ = pattern()
    with pytest.raises(FileNotFoundError, match="train_disk_network"):
        propose(patterns, probe(), weights=str(tmp_path / "none.safetensors"))  # type: ignore[arg-type]
    save_tensors(tmp_path / "other.safetensors", {"a": torch.zeros(1)}, {"model": "cnn"})
    with pytest.raises(ValueError, match="does not hold a disk network"):
        propose(patterns, probe(), weights=str(tmp_path / "other.safetensors"))  # type: ignore[arg-type]


@shipped
def test_one_pattern_without_its_axis_is_refused() -> None:
    with pytest.raises(ValueError, match="expected \\(pattern, ky, kx\\)"):
        propose(pattern()[0][0], probe())


@shipped
@pytest.mark.parametrize("passes", [1, 4])
def test_disks_of_a_drawn_pattern_are_found(passes: int) -> None:
    patterns, places, share = pattern()
    before = patterns.clone()
    found = propose(patterns, probe(), passes=passes)
    strong = places[share > 0.01 * share.max()]
    assert farthest(strong, found) < 0.5 * drawn_disks.RADIUS_PX
    assert farthest(found, places) < 0.5 * drawn_disks.RADIUS_PX
    torch.testing.assert_close(patterns, before)


@shipped
@pytest.mark.parametrize("move", [(3, -2), (-4, 5)])
def test_a_shifted_pattern_shifts_the_places(move: tuple[int, int]) -> None:
    patterns, _, _ = pattern(dose=0.0)
    patterns = patterns * 3e5
    found = propose(patterns, probe())
    shifted = propose(torch.roll(patterns, move, (1, 2)), probe()) - move
    inner = [(each > 8).all(1) & (each < np.array(patterns.shape[1:]) - 9).all(1) for each in (found, shifted)]
    assert inner[0].sum() > 8
    assert farthest(found[inner[0]], shifted) < 0.25 * drawn_disks.RADIUS_PX


@shipped
def test_another_probe_shape_leaves_the_places() -> None:
    """Larger disks on the same lattice: both patterns with the probe that belongs to them."""
    spacing, shape, middle = 22.0, (120, 132), np.array([60.0, 66.0])
    steps = np.stack(np.meshgrid([-2, -1, 0, 1, 2], [-2, -1, 0, 1, 2], indexing="ij"), -1).reshape(-1, 2)
    places = middle + 0.37 + spacing * steps @ np.array([[1.0, 0.1], [-0.2, 1.05]])
    for radius in (4.0, 6.5, 8.0):
        disk = synthetic_probe(radius, shape)
        spectrum = np.fft.fft2(np.fft.ifftshift(disk.image))
        down, right = (np.fft.fftfreq(n) for n in shape)
        ramps = [np.exp(-2j * np.pi * (down[:, None] * p[0] + right * p[1])) for p in places - middle]
        image = np.fft.fftshift(np.fft.ifft2(spectrum * sum(ramps)).real).clip(0) * 2e4
        found = propose(torch.from_numpy(image)[None].float(), disk)
        inside = ((places > radius) & (places < np.array(shape) - radius)).all(1)
        assert farthest(places[inside], found) < 0.25 * radius


@shipped
@pytest.mark.parametrize("cut", [(90, 101), (90, 77), (61, 101), (75, 75)])
def test_odd_and_rectangular_detectors(cut: tuple[int, int]) -> None:
    patterns, places, share = pattern()
    top, left = ((n - m) // 2 for n, m in zip(patterns.shape[1:], cut, strict=True))
    window = patterns[:, top : top + cut[0], left : left + cut[1]]
    image = probe().image[top : top + cut[0], left : left + cut[1]]
    found = propose(window, measured_probe(image, cut)) + np.array([top, left])
    well_inside = ((places > np.array([top, left]) + 5) & (places < np.array([top, left]) + cut - np.array([6, 6]))).all(1)
    assert farthest(places[well_inside & (share > 0.01 * share.max())], found) < 0.5 * drawn_disks.RADIUS_PX


@shipped
def test_more_disks_than_a_tile_holds() -> None:
    """A detector of several tiles, disks on every seam."""
    shape, radius = (300, 260), 3.0
    disk = synthetic_probe(radius, shape)
    down, right = np.meshgrid(np.arange(20, 290, 26.3), np.arange(15, 250, 24.7), indexing="ij")
    places = np.stack([down.ravel(), right.ravel()], -1)
    spectrum = np.fft.fft2(np.fft.ifftshift(disk.image))
    phases = [np.exp(-2j * np.pi * np.fft.fftfreq(n)[:, None] * (places[:, axis] - n // 2)) for axis, n in enumerate(shape)]
    image = np.fft.fftshift(np.fft.ifft2(spectrum * (phases[0] @ phases[1].T)).real).clip(0) * 1e3
    found = propose(torch.from_numpy(image)[None].float(), disk)
    assert len(found) == len(places)
    assert farthest(places, found) < 0.25 * radius


@shipped
def test_the_same_however_a_scan_is_cut_and_typed() -> None:
    conditions = [dataclasses.replace(drawn_disks.INSTRUMENT, dose=dose) for dose in (1e4, 1e5, 1e6)]
    patterns = torch.from_numpy(drawn_disks.patterns(conditions, seed=1)["intensity"].values).float()
    shape, detector = probe(), FCUNetDetector(passes=3)
    good = torch.ones_like(patterns, dtype=torch.bool)
    whole = detector.propose(patterns, shape, good=good, gain=1.0)
    for index in range(3):
        alone = detector.propose(patterns[index : index + 1].double(), shape, good=good[:1], gain=1.0)
        count = int(np.isfinite(alone.places[0, :, 0]).sum())
        assert count == np.isfinite(whole.places[index, :, 0]).sum()
        assert farthest(alone.places[0, :count], whole.places[index, :count]) < 1e-2
    again = detector.propose(patterns, shape, good=good, gain=1.0)
    np.testing.assert_array_equal(again.places, whole.places)
    other = dataclasses.replace(detector, seed=1).propose(patterns, shape, good=good, gain=1.0)
    assert not np.array_equal(np.nan_to_num(other.certainty[:, :5]), np.nan_to_num(whole.certainty[:, :5]))


@shipped
def test_counts_and_their_gain_are_what_matters() -> None:
    patterns, _, _ = pattern()
    assert farthest(propose(patterns, probe()), propose(patterns * 37, probe(), gain=37.0)) < 1e-3


@shipped
def test_passes_disagree_more_where_electrons_are_few() -> None:
    """Places of the same disks under different dropout, a pass each way."""
    spread = []
    for dose in (3e3, 3e4):
        patterns, places, share = pattern(dose=dose)
        strong = places[share > 0.03 * share.max()]
        found = [propose(patterns, probe(), passes=2, seed=10 * number) for number in range(8)]
        nearest = [each[np.linalg.norm(strong[:, None] - each[None], axis=-1).argmin(1)] for each in found]
        spread.append(float(np.median(np.std(nearest, axis=0))))
    assert spread[0] > 1.2 * spread[1] > 0


@shipped
def test_certainty_falls_with_the_dose() -> None:
    certainties = []
    for dose in (1e4, 1e5, 1e6):
        patterns, _, _ = pattern(dose=dose)
        found = FCUNetDetector(passes=1).propose(patterns, probe(), good=patterns > -1, gain=1.0)
        certainties.append(np.median(found.certainty[found.certainty > 0]))
    assert certainties[0] < certainties[1] < certainties[2]


@shipped
def test_strength_is_the_disks_electrons() -> None:
    patterns, places, share = pattern(dose=1e6)
    found = FCUNetDetector().propose(patterns, probe(), good=patterns > -1, gain=1.0)
    brightest = np.argmax(share)
    nearest = int(np.nanargmin(np.linalg.norm(found.places[0] - places[brightest], axis=-1)))
    total = float(patterns.sum()) / (drawn_disks.patterns([drawn_disks.INSTRUMENT], seed=3)["intensity"].sum().item() or 1)
    assert found.strength[0, nearest] == pytest.approx(0.9 * share[brightest] * total, rel=0.12)


@shipped
def test_empty_patterns_hold_no_disks() -> None:
    flat = torch.poisson(torch.full((2, 90, 101), 3.0), generator=torch.Generator().manual_seed(0))
    for nothing in (torch.zeros(2, 90, 101), flat):
        found = FCUNetDetector().propose(nothing, probe(), good=nothing > -1, gain=1.0)
        assert np.isnan(found.places).all()
    none = FCUNetDetector().propose(flat[:0], probe(), good=flat[:0] > -1, gain=1.0)
    assert none.places.shape[0] == 0


@shipped
def test_the_map_peaks_at_the_disks() -> None:
    patterns, places, share = pattern()
    maps, grid = FCUNetDetector().maps(patterns, probe(), gain=1.0)
    assert maps.shape == (1, 2, *grid.canvas)
    row, column = np.unravel_index(int(maps[0, 0].argmax()), grid.canvas)
    assert farthest(grid.on_detector(np.array([[row, column]], float)), places) < 0.3 * drawn_disks.RADIUS_PX
    assert share.size > 8
