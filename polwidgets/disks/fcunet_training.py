"""Training of the disk network on simulated crystals, and the file that holds what it learnt."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Final

import torch

from polwidgets import __version__
from polwidgets.disks.fcunet_augment import draw_batch
from polwidgets.disks.fcunet_network import Dropout, FCUNet, FCUNetSizes
from polwidgets.disks.fcunet_patterns import CleanPatterns, clean_patterns
from polwidgets.progress import Progress, reporter
from polwidgets.training.loop import History, Schedule, train
from polwidgets.training.tensor_file import load_tensors, save_tensors

NAME: Final = "fcunet"
VALIDATION: Final = 0.05  # share of the crystals, the last ones drawn
MOST_VALIDATED: Final = 400  # patterns
PEAKS: Final = 20.0  # how much more a disk's middle weighs than empty detector
STRUCTURE: Final = 0.5  # how much the map of structure factors weighs against that of disks


def train_disk_network(
    path: str | Path,
    *,
    crystals: int = 480,
    orientations: int = 2,
    thicknesses: int = 16,
    epochs: int = 6,
    batch: int = 16,
    learning_rate: float = 2e-3,
    sizes: FCUNetSizes | None = None,
    seed: int,
    device: str | torch.device = "cpu",
    folder: str | Path | None = None,
    checkpoint: str | Path | None = None,
    progress: bool | Progress = False,
) -> History:
    """Simulate nanobeam patterns of many crystals, train the detector ``fcunet`` on them, and write its weights.

    Parameters
    ----------
    path : path
        Where the weights go, a safetensors file: ``fcunet`` reads it by its parameter ``weights``.
    crystals, orientations, thicknesses : int
        Patterns to learn from: their product. A tenth of all crystals is never among them, nor are some thicknesses and
        semi-angles (see `polwidgets.disks.fcunet_patterns`).
    epochs, batch, learning_rate : int, int, float
        Passes over the patterns, each time with other noise, background, shift and faults; patterns a step; of Adam, at the
        start, falling to zero along half a cosine.
    sizes : FCUNetSizes, optional
    seed : int
        Draws crystals, weights and noise.
    device : str or torch.device
        Where the network is trained; patterns are simulated on the processor.
    folder : path, optional
        Keeps simulated patterns, so that they are simulated but once.
    checkpoint : path, optional
        Kept up to date; where the file exists, training goes on from it exactly as if it had never stopped.
    progress : bool or callable
        May raise to cancel.

    Returns
    -------
    History
        Mean losses, epoch by epoch; the weights are those of the least validation loss.
    """
    report = reporter(progress)
    sizes = sizes or FCUNetSizes()
    clean = clean_patterns(crystals, orientations=orientations, thicknesses=thicknesses, seed=seed, folder=folder, progress=report)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = FCUNet(sizes).to(device)
    recipe = {"crystals": crystals, "orientations": orientations, "thicknesses": thicknesses, "patterns": len(clean.amplitude)}
    schedule = Schedule(epochs, batch, learning_rate, weight_decay=0.0, patience=epochs, decay=True)
    run = f"{NAME} {sizes} {recipe} {schedule} seed {seed}"
    task = _Task(module, clean, torch.device(device), seed)
    history = train(module, task, schedule, seed=seed, progress=report, label="train fcunet", checkpoint=checkpoint, run=run)
    about = {
        "network": NAME, "sizes": dataclasses.asdict(sizes), "seed": seed, "recipe": recipe, "schedule": dataclasses.asdict(schedule),
        "history": dataclasses.asdict(history), "versions": {"polwidgets": __version__, "torch": torch.__version__},
    }  # fmt: skip
    save_tensors(path, module.state_dict(), about)
    return history


def load_network(path: str | Path) -> tuple[FCUNet, dict[str, Any]]:
    """The network that `train_disk_network` wrote, in evaluation mode, and what is said about it.

    Raises
    ------
    ValueError
        The file holds no such network.
    """
    tensors, about = load_tensors(path)
    if about.get("network") != NAME:
        raise ValueError(f"{path} does not hold a disk network; give a file that polwidgets.train_disk_network wrote")
    sizes = about["sizes"]
    module = FCUNet(FCUNetSizes(tuple(sizes["fourier"]), sizes["factors"], tuple(sizes["head"]), sizes["dropout"]))
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"{path} does not hold a whole disk network: {error}; train it again") from error
    return module.eval(), about


class _Task:
    """Clean patterns as the training loop sees them."""

    def __init__(self, module: FCUNet, clean: CleanPatterns, device: torch.device, seed: int) -> None:
        self._module, self._clean, self._device, self._seed = module, clean, device, seed
        crystals = int(clean.crystal.max()) + 1
        kept = clean.crystal >= crystals - max(1, round(VALIDATION * crystals))
        self._training, validation = (torch.nonzero(each)[:, 0] for each in (~kept, kept))
        self._validation = validation[:: -(-len(validation) // MOST_VALIDATED)]
        self.count = len(self._training)

    def loss(self, index: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        return self._loss(self._training[index.cpu()], generator, Dropout(self._module.sizes.dropout, generator, shared=False))

    def validate(self) -> float:
        generator = torch.Generator(self._device).manual_seed(self._seed)
        parts = torch.split(self._validation, 16)
        losses = torch.stack([self._loss(part, generator, None) * len(part) for part in parts])
        return float(losses.sum()) / len(self._validation)

    def _loss(self, index: torch.Tensor, generator: torch.Generator, dropout: Dropout | None) -> torch.Tensor:
        drawn = draw_batch(self._clean, index, generator)
        found = self._module(drawn.patterns, drawn.probe, dropout)
        weight = 1 + PEAKS * drawn.target[:, :1]
        square = (weight * (found - drawn.target) ** 2).mean((0, 2, 3))
        loss: torch.Tensor = square[0] + STRUCTURE * square[1]
        return loss
