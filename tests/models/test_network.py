"""The networks: that they learn, that they can be stopped, and that all their parts do."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from spots import labelled, turned_scan

import polwidgets as pw
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.base import models
from polwidgets.models.cnn import CNNClassifier, CNNPrototype
from polwidgets.models.imagenet import Pretrained
from polwidgets.models.network import Network
from polwidgets.perturb.presets import preset
from polwidgets.progress import silent
from polwidgets.training.frame import View

NETWORKS = [name for name in models if issubclass(models[name], Network)]
DEEP = [(name, depth) for name, depth in (("resnet_classifier", 50), ("vgg_prototype", 16))]


@pytest.mark.parametrize(("name", "parameters"), [(name, {}) for name in NETWORKS] + [(name, {"depth": depth}) for name, depth in DEEP])
@pytest.mark.parametrize("shape", [(24, 24), (19, 25)], ids=str)
def test_every_weight_has_a_slope(name: str, parameters: dict[str, int], shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    module = models.build(name, **parameters)._module(shape)  # type: ignore[attr-defined]
    module.train()
    features = module[0](torch.randn(4, 1, *shape))
    assert features.shape == (4, 512)
    module[1].loss(features, torch.tensor([0.0, 90.0, 135.0, 300.0])).backward()
    for weight, parameter in module.named_parameters():
        assert parameter.grad is not None, weight
        assert torch.isfinite(parameter.grad).all(), weight
        # the first layer's slope may be small, never none
        assert parameter.grad.abs().max() > 0 or "bias" in weight, weight


def test_nine_networks_are_registered() -> None:
    nine = itertools.product(("cnn", "resnet", "vgg"), ("classifier", "regressor", "prototype"))
    assert {f"{backbone}_{head}" for backbone, head in nine} <= set(NETWORKS)


@pytest.mark.parametrize("name", ["cnn_classifier", "cnn_regressor", "cnn_prototype"])
def test_a_small_set_is_learnt_by_heart(name: str) -> None:
    samples = labelled(32, specimens=2)
    model = models.build(name, epochs=40, batch=8, learning_rate=1e-3, patience=40).fit(samples, seed=0, progress=silent)
    score = model.scorer(model.trained(), View(None, np.ones(24 * 22, bool)))  # type: ignore[attr-defined]
    found = score(samples["intensity"].values.reshape(32, -1)).argmax(-1)
    np.testing.assert_array_equal(found, np.arange(32) % 8)


def test_features_are_what_the_head_reads() -> None:
    samples = labelled(16, specimens=2)
    model = CNNPrototype(epochs=1, batch=8).fit(samples, seed=0, progress=silent)
    patterns = samples["intensity"].values
    features = model.features(patterns)
    assert features.shape == (16, 512)
    scores = model.scorer(model.trained(), View(None, np.ones(24 * 22, bool)))(patterns.reshape(16, -1))
    head = model.head(512)
    head.load_state_dict({name[2:]: value for name, value in model.trained().tensors.items() if name.startswith("1.")})
    with torch.inference_mode():
        np.testing.assert_allclose(head.eval()(torch.from_numpy(features)), scores, rtol=1e-4, atol=1e-4)
    gap = pw.domain_gap(samples, samples.isel(sample=slice(None, None, -1)), space=model.features)
    assert float(gap["frechet"]) == pytest.approx(0, abs=1e-4)
    with pytest.raises(ValueError, match=r"\(24, 22\) pixels, got \(22, 24\)"):
        model.features(patterns.swapaxes(1, 2))


def test_the_same_seed_learns_the_same_and_another_does_not() -> None:
    fits = [
        CNNPrototype(epochs=2, batch=16).fit(labelled(), augmentation=preset("low_dose"), seed=seed, progress=silent) for seed in (1, 1, 2)
    ]
    weights = [fit.trained() for fit in fits]
    assert all(torch.equal(weights[0].tensors[name], weights[1].tensors[name]) for name in weights[0].tensors)
    assert not torch.equal(weights[0].tensors["1.prototypes"], weights[2].tensors["1.prototypes"])


class Stop(Exception):
    pass


def test_a_training_that_was_stopped_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "net.checkpoint"
    options = {"augmentation": preset("low_dose"), "seed": 3}

    def stop(step: str, fraction: float) -> None:
        assert step == "train cnn_classifier"
        if fraction > 0.4:
            raise Stop

    def fresh() -> CNNClassifier:
        return CNNClassifier(epochs=3, batch=16)

    whole = fresh().fit(labelled(), **options, progress=silent)
    with pytest.raises(Stop):
        fresh().fit(labelled(), **options, progress=stop, checkpoint=path)
    again = fresh().fit(labelled(), **options, progress=silent, checkpoint=path)
    assert all(torch.equal(value, again.trained().tensors[name]) for name, value in whole.trained().tensors.items())
    with pytest.raises(ValueError, match="no checkpoint of this training"):
        fresh().fit(labelled(seed=1), **options, progress=silent, checkpoint=path)


def test_what_diverges_says_so() -> None:
    with pytest.raises(ValueError, match=r"loss of epoch \d.* became .* lower learning_rate \(now 1e\+25\)"):
        CNNClassifier(learning_rate=1e25, epochs=3, batch=16).fit(labelled(), seed=0, progress=silent)


def test_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    CNNClassifier(epochs=1, batch=32).fit(labelled(32), seed=0, progress=silent)
    torch.testing.assert_close(torch.rand(3), expected)


@pytest.mark.parametrize(("name", "depth", "count"), [("resnet_classifier", 18, 11_170_240), ("resnet_classifier", 50, 23_501_760),
                                                      ("vgg_classifier", 11, 9_224_832), ("vgg_classifier", 16, 14_721_984)])  # fmt: skip
def test_layers_are_the_published_ones(name: str, depth: int, count: int) -> None:
    """As many weights as torchvision's networks have below their last layers, less two of the three colours' first filters."""
    model = models.build(name, depth=depth)
    assert isinstance(model, Pretrained)
    layers = model.backbone((32, 32))[0]  # type: ignore[index]
    assert sum(weight.numel() for weight in layers.parameters()) == count
    assert model.published.startswith(name[:3])


def test_photographs_need_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torchvision", None)
    with pytest.raises(ImportError, match="ImageNet weights come with torchvision"):
        models.build("resnet_classifier", imagenet=True).fit(labelled(), seed=0, progress=silent)


def test_a_regressor_says_angles_between_the_classes(lone: SpecimenFit) -> None:
    model = models.build("cnn_regressor", epochs=8, batch=16, learning_rate=2e-3).fit(labelled(), seed=0, progress=silent)
    cube, specimen, _ = turned_scan(lone)
    found = model.predict(cube, specimen, context="pattern", progress=silent)["direction_deg"].values
    assert (np.abs((found - 20) % 45) > 0.01).any()
