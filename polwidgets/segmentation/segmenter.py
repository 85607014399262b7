"""A trained network with what is to be known of it: training, saving, loading."""

from __future__ import annotations

import dataclasses
import json
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

import torch
import xarray as xr

from polwidgets.progress import Progress, reporter
from polwidgets.segmentation.learning import SegmentationTask, check_labelled
from polwidgets.segmentation.unet import CHANNELS, UNet
from polwidgets.training.loop import History, Schedule, train
from polwidgets.training.tensor_file import load_tensors, save_tensors

SHIPPED: Final = {"bright_field": "segmenter_bright_field", "hrtem": "segmenter_hrtem"}
"""Names of shipped weights and of their files in ``polwidgets/data/weights``, each with a card beside it."""
CROP: Final = 128


@dataclasses.dataclass
class Segmenter:
    """A U-Net in evaluation mode and how it was trained."""

    network: UNet
    about: dict[str, Any]
    history: History = dataclasses.field(default_factory=History)

    def save(self, path: str | Path) -> None:
        """Write weights and what is known of them, aside and then renamed; no pickle."""
        # half the file, and no F1 changes in the third digit
        tensors = {name: t.half() if t.dtype == torch.float32 else t for name, t in self.network.state_dict().items()}
        save_tensors(path, tensors, {"segmenter": self.about, **dataclasses.asdict(self.history)})


def train_segmenter(
    images: xr.Dataset,
    *,
    epochs: int = 25,
    learning_rate: float = 1e-3,
    batch: int = 8,
    crop: int = CROP,
    channels: tuple[int, ...] = CHANNELS,
    seed: int,
    checkpoint: str | Path | None = None,
    progress: bool | Progress = False,
) -> Segmenter:
    """Train a U-Net on labelled images; the defaults are Construction Zone's recipe (Adam 1e-3, 25 epochs, flips, quarter turns).

    Parameters
    ----------
    images : Dataset
        ``image`` and ``mask`` on (sample, y, x); masks hold 0 background, 1 particle, 2 particle whose outline is not seen.
        The last tenth is held out; the epoch with the least loss on it is kept.
    learning_rate : float
        At the start; it falls along half a cosine to zero.
    crop : int
        Side of the square crops, a multiple of 32.
    seed : int
        Draws first weights, order, crops and turns.
    checkpoint : path, optional
        Kept up to date; where it exists, training goes on from it.
    progress : bool or callable
        A callable may raise to cancel; nothing is lost where there is a checkpoint.

    Notes
    -----
    Rangel DaCosta et al., npj Comput. Mater. 10, 165 (2024), DOI 10.1038/s41524-024-01336-0.
    """
    check_labelled(images, crop)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = UNet(channels)
    if crop % network.multiple or crop < 1:
        raise ValueError(f"crop is {crop}, expected a multiple of {network.multiple}")
    task = SegmentationTask(network, images, crop)
    schedule = Schedule(epochs=epochs, batch=batch, learning_rate=learning_rate, weight_decay=0.0, patience=epochs, decay=True)
    about = {
        "channels": list(channels), "seed": seed, "epochs": epochs, "learning_rate": learning_rate, "batch": batch, "crop": crop,
        "samples": images.sizes["sample"], "data": {name: str(value) for name, value in images.attrs.items()},
        "versions": {name: version(name) for name in ("polwidgets", "torch", "numpy")},
    }  # fmt: skip
    run = json.dumps(about, sort_keys=True)
    history = train(network, task, schedule, seed=seed, progress=reporter(progress), label="segmenter", checkpoint=checkpoint, run=run)
    return Segmenter(network, about, history)


def load_segmenter(weights: str | Path) -> Segmenter:
    """Shipped weights by their name, or any by their path.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file, or it holds something else.
    """
    if str(weights) not in SHIPPED:
        if not Path(weights).is_file():
            raise FileNotFoundError(
                f"there are no weights {weights}; expected {', '.join(SHIPPED)}, or a file of `polwidgets train-segmenter`"
            )
        return _load(Path(weights))
    with as_file(files("polwidgets").joinpath("data", "weights", f"{SHIPPED[str(weights)]}.safetensors")) as path:
        if not path.is_file():
            raise FileNotFoundError(
                f"this installation has no weights {str(weights)!r} (no {path.name}); choose others, or train some with "
                "`polwidgets train-segmenter`"
            )
        return _load(path)


def _load(path: Path) -> Segmenter:
    tensors, metadata = load_tensors(path)
    about = metadata.get("segmenter")
    if about is None:
        raise ValueError(f"{path} holds no segmenter; give a file that `polwidgets train-segmenter` wrote")
    network = UNet(tuple(about["channels"]))
    network.load_state_dict({name: t.float() if t.is_floating_point() else t for name, t in tensors.items()})
    network.eval()
    return Segmenter(network, about, History(metadata["training"], metadata["validation"]))
