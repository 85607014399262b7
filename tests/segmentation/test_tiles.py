"""Tiles and views with a network whose answer is known at every pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from polwidgets.progress import silent
from polwidgets.segmentation.tiles import class_probability, entropy
from polwidgets.segmentation.unet import UNet


class Pointwise(torch.nn.Module):
    """Dark pixels are particles, by their own grey level alone."""

    multiple = 32

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.shapes.append(tuple(image.shape))
        assert image.shape[2] % self.multiple == image.shape[3] % self.multiple == 0
        return torch.cat([torch.zeros_like(image), -2 * image, torch.full_like(image, -3)], 1)


@pytest.mark.parametrize("shape", [(9, 14), (64, 64), (97, 33), (130, 201), (300, 71)])
@pytest.mark.parametrize("views", [1, 2, 4, 8])
def test_images_of_any_size_are_seen_pixel_by_pixel(shape: tuple[int, int], views: int) -> None:
    image = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    network = Pointwise()
    seen = class_probability(network, image, views=views, progress=silent, tile=96, overlap=20)  # type: ignore[arg-type]
    expected = torch.stack([torch.zeros(shape), -2 * torch.from_numpy(image), torch.full(shape, -3.0)]).softmax(0).numpy()
    np.testing.assert_allclose(seen, expected, atol=2e-6)
    assert max(max(s[2:]) for s in network.shapes) <= 96


def test_blended_tiles_agree_with_the_whole_image() -> None:
    """A network that looks around: only what lies near a tile's edge may differ, and that hardly weighs."""
    torch.manual_seed(0)
    network = UNet((4, 8)).eval()
    image = np.random.default_rng(2).normal(size=(160, 224)).astype(np.float32)
    whole = class_probability(network, image, views=1, progress=silent)
    tiled = class_probability(network, image, views=1, progress=silent, tile=96, overlap=48)
    assert np.abs(whole - tiled).max() < 0.02


def test_views_answer_alike_for_a_turned_image() -> None:
    torch.manual_seed(0)
    network = UNet((4, 8)).eval()
    image = np.random.default_rng(2).normal(size=(40, 72)).astype(np.float32)
    seen = class_probability(network, image, views=8, progress=silent)
    turned = class_probability(network, np.rot90(image[:, ::-1]).copy(), views=8, progress=silent)
    # sides are filled up at the right and below, so borders differ a little
    np.testing.assert_allclose(turned[:, 12:-12, 12:-12], np.rot90(seen[:, :, ::-1], axes=(1, 2))[:, 12:-12, 12:-12], atol=1e-3)
    with pytest.raises(ValueError, match="views is 3"):
        class_probability(network, image, views=3, progress=silent)


def test_the_network_halves_five_times_and_is_small() -> None:
    network = UNet()
    assert network.multiple == 32
    assert sum(p.numel() for p in network.parameters()) < 500_000
    with torch.inference_mode():
        assert network.eval()(torch.zeros(2, 1, 64, 96)).shape == (2, 3, 64, 96)


def test_entropy_is_one_bit_where_nothing_is_known() -> None:
    np.testing.assert_allclose(entropy(np.array([0.5, 0.25, 1.0, 0.0], np.float32)), [1, 0.811278, 0, 0], atol=1e-5)
