"""What the disk network learns from, how, and whether it did."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from polwidgets.crystal.assortment import assortment
from polwidgets.disks.fcunet import SHIPPED, FCUNetDetector
from polwidgets.disks.fcunet_augment import draw_batch
from polwidgets.disks.fcunet_grid import GRID_PX
from polwidgets.disks.fcunet_network import FCUNetSizes
from polwidgets.disks.fcunet_patterns import CleanPatterns, clean_patterns, kept_back
from polwidgets.disks.fcunet_training import load_network, train_disk_network
from polwidgets.disks.probe import measured_probe

TINY = FCUNetSizes(fourier=(4, 6, 8), factors=1, head=(12, 16, 20))


def lone_disks(count: int = 6) -> CleanPatterns:
    """A round spot a pattern, anywhere."""
    rng = np.random.default_rng(5)
    places = rng.uniform(25, 70, (count, 1, 2))
    along = np.arange(GRID_PX)
    rows, columns = (np.exp(-0.5 * ((along - places[:, 0, axis, None]) / 2.5) ** 2) for axis in (0, 1))
    image = rows[:, :, None] * columns[:, None]
    image /= image.sum((1, 2), keepdims=True)
    spot = np.exp(-0.5 * ((along - GRID_PX // 2) / 2.5) ** 2)
    probe = spot[:, None] * spot / (spot.sum() ** 2)
    return CleanPatterns(
        torch.from_numpy(np.sqrt(image)).half(), torch.from_numpy(np.sqrt(probe))[None].half(), torch.zeros(count, dtype=torch.long),
        torch.tensor([3.5]), torch.arange(count), torch.full((count,), 100.0), torch.from_numpy(places).float(), torch.ones(count, 1),
        torch.ones(count, 1),
    )  # fmt: skip


def test_a_tenth_of_the_crystals_is_kept_back() -> None:
    back = [sort.name for sort in assortment() if kept_back(sort)]
    assert 0.07 < len(back) / len(assortment()) < 0.14
    assert {"diamond Si", "diamond Ge", "rocksalt Mg O", "perovskite Sr Ti O", "fcc Au"} <= set(back)


def test_targets_stay_on_their_disks_whatever_is_drawn() -> None:
    """The brightest part of every drawn pattern lies where the target peaks."""
    clean = lone_disks()
    generator = torch.Generator().manual_seed(3)
    seen = 0
    for _ in range(8):
        drawn = draw_batch(clean, torch.arange(6), generator)
        for image, target in zip(drawn.patterns, drawn.target[:, 0], strict=True):
            if target.max() < 0.9:  # shifted out of the detector, or too few electrons
                continue
            row, column = divmod(int(target.argmax()), GRID_PX)
            spot = image[max(row - 3, 0) : row + 4, max(column - 3, 0) : column + 4]
            assert spot.median() > 3 * image.median()
            seen += 1
    assert seen > 30


def test_a_batch_is_drawn_again_by_its_generator() -> None:
    clean = lone_disks()
    first, again = (draw_batch(clean, torch.arange(6), torch.Generator().manual_seed(1)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        torch.testing.assert_close(one, other)
    before = lone_disks()
    torch.testing.assert_close(clean.amplitude, before.amplitude)


def test_probes_stay_centred_in_every_symmetry() -> None:
    clean = lone_disks()
    drawn = draw_batch(clean, torch.arange(6).repeat(6), torch.Generator().manual_seed(8))
    weight = drawn.probe**2
    along = torch.arange(GRID_PX, dtype=torch.float32)
    for axis in (1, 2):
        middle = (weight.sum(3 - axis) * along).sum(1) / weight.sum((1, 2))
        torch.testing.assert_close(middle, torch.full_like(middle, GRID_PX // 2), atol=0.02, rtol=0)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> tuple[CleanPatterns, Path]:
    """Two crystals, simulated once."""
    folder = tmp_path_factory.mktemp("patterns")
    return clean_patterns(2, orientations=1, thicknesses=4, seed=11, folder=folder), folder


def test_clean_patterns_show_their_disks(few: tuple[CleanPatterns, Path]) -> None:
    clean, _ = few
    assert clean.amplitude.shape == (8, GRID_PX, GRID_PX)
    assert clean.crystal.tolist() == [0] * 4 + [1] * 4
    intensity = clean.amplitude.float().square()
    assert (intensity.sum((1, 2)) <= 1.01).all()
    for image, places in zip(intensity, clean.places, strict=True):
        row, column = (int(value) for value in places[0].round())
        assert image[row - 1 : row + 2, column - 1 : column + 2].mean() > 10 * image.median()
    assert (clean.structure <= 1).all()


def test_simulated_patterns_are_read_again_and_foreign_ones_refused(few: tuple[CleanPatterns, Path]) -> None:
    clean, folder = few
    again = clean_patterns(2, orientations=1, thicknesses=4, seed=11, folder=folder)
    for field in dataclasses.fields(clean):
        torch.testing.assert_close(getattr(again, field.name), getattr(clean, field.name), equal_nan=True)
    with pytest.raises(ValueError, match="another draw"):
        clean_patterns(2, orientations=1, thicknesses=5, seed=11, folder=folder)


def test_too_many_crystals_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 1 to"):
        clean_patterns(4400, seed=0)


def test_training_goes_on_where_it_was_cancelled(few: tuple[CleanPatterns, Path], tmp_path: Path) -> None:
    _, folder = few
    recipe = {"crystals": 2, "orientations": 1, "thicknesses": 4, "epochs": 3, "batch": 2, "sizes": TINY, "seed": 11, "folder": folder}
    whole = train_disk_network(tmp_path / "whole.safetensors", **recipe)

    def cancel(step: str, fraction: float) -> None:
        if step == "train fcunet" and fraction > 0.5:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        train_disk_network(tmp_path / "broken.safetensors", **recipe, checkpoint=checkpoint, progress=cancel)
    assert not (tmp_path / "broken.safetensors").exists()
    again = train_disk_network(tmp_path / "broken.safetensors", **recipe, checkpoint=checkpoint)
    assert again.validation == whole.validation
    first, second = (load_network(tmp_path / f"{name}.safetensors")[0].state_dict() for name in ("whole", "broken"))
    for name, tensor in first.items():
        torch.testing.assert_close(tensor, second[name], rtol=0, atol=0)


def recall_and_precision(clean: CleanPatterns, detector: FCUNetDetector, *, dose: float, seed: int) -> tuple[float, float]:
    """Disks above a hundredth of the strongest that were found, found ones that are disks; within half a radius."""
    generator = torch.Generator().manual_seed(seed)
    wanted = found_wanted = found_right = found_all = 0
    for index in range(len(clean.amplitude)):
        owner = int(clean.specimen[index])
        radius = float(clean.radius_px[owner])
        probe = measured_probe(clean.probe[owner].double().square().numpy() * 1e6, (GRID_PX, GRID_PX))
        share, places = clean.intensity[index].numpy(), clean.places[index].numpy()
        places, share = places[share > 0], share[share > 0]
        strong = places[share > 0.01 * share.max()]
        apart = np.linalg.norm(strong[:, None] - strong[None], axis=-1) + 1e9 * np.eye(len(strong))
        if apart.min(initial=1e9) < 2 * radius:  # overlapping disks are no fair question
            continue
        pattern = torch.poisson(clean.amplitude[index].float().square() * dose, generator=generator)[None]
        found = detector.propose(pattern, probe, good=pattern > -1, gain=1.0).places[0]
        found = found[np.isfinite(found[:, 0])]
        distance = np.linalg.norm(places[:, None] - found[None], axis=-1)
        wanted += len(strong)
        found_wanted += int((distance[share > 0.01 * share.max()].min(1, initial=1e9) < 0.5 * radius).sum())
        found_right += int((distance.min(0, initial=1e9) < 0.5 * radius).sum())
        found_all += len(found)
    return found_wanted / wanted, found_right / max(found_all, 1)


@pytest.mark.skipif(not SHIPPED.is_file(), reason="there are no shipped weights")
def test_the_shipped_weights_find_disks_of_crystals_they_never_saw() -> None:
    assert SHIPPED.stat().st_size < 10e6
    clean = clean_patterns(6, orientations=1, thicknesses=5, seed=2024, held_out=True)
    recall, precision = recall_and_precision(clean, FCUNetDetector(), dose=2e5, seed=1)
    assert recall > 0.93
    assert precision > 0.97


@pytest.mark.slow
def test_a_short_training_finds_the_disks_of_easy_patterns(tmp_path: Path) -> None:
    path = tmp_path / "short.safetensors"
    history = train_disk_network(path, crystals=10, orientations=2, thicknesses=12, epochs=6, seed=3, folder=tmp_path)
    assert history.training[-1] < 0.5 * history.training[0]
    assert history.validation[-1] < 0.6 * history.validation[0]
    recall, precision = recall_and_precision(
        clean_patterns(4, orientations=1, thicknesses=3, seed=5), FCUNetDetector(weights=str(path), passes=1), dose=1e6, seed=0
    )
    assert recall > 0.75
    assert precision > 0.75
