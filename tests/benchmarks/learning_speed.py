"""How fast models read and learn patterns, beside what cannot be undercut.

    python tests/benchmarks/learning_speed.py [--patterns 4096] [--training 16000] [--size 64] [--threads 2]

`pca_knn` against a loop over patterns like the study's (scaler, components, neighbours, one pattern a call); the networks'
`predict` against their bare forward pass over a tensor in memory; one epoch of `cnn_classifier` against a bare torch loop.
Every pair is measured in turns, and the best of each counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
import xarray as xr
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from table import Table
from threadpoolctl import threadpool_limits

import polwidgets as pw
from polwidgets.crystal.base import crystals
from polwidgets.match.conditions import Conditions
from polwidgets.match.specimen import SpecimenFit
from polwidgets.models.base import models
from polwidgets.models.cnn import CNNClassifier
from polwidgets.progress import silent

K_STEP = 0.05
LOOP = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patterns", type=int, default=4096)
    parser.add_argument("--training", type=int, default=16_000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with threadpool_limits(options.threads):
        report(options)


def report(options: argparse.Namespace) -> None:
    table = Table("what                           ", "polwidgets/s", "reference/s", "ratio ")
    rng = np.random.default_rng(0)
    training = labelled(rng, options.training, options.size)
    cube, specimen = scan(rng, options.patterns, options.size)

    def row(name: str, count: tuple[int, int], ours: Callable[[], object], theirs: Callable[[], object]) -> None:
        own, reference = in_turns(ours, theirs, options.turns)
        rates = count[0] / own, count[1] / reference
        table.row(name, f"{rates[0]:.0f}", f"{rates[1]:.0f}", f"{rates[0] / rates[1]:.2f}")

    knn = models.build("pca_knn").fit(training, seed=0, progress=silent)
    row(
        "pca_knn, predict / pattern loop", (options.patterns, LOOP),
        lambda: knn.predict(cube, specimen, context="pattern", progress=silent), pattern_loop(training, cube),
    )  # fmt: skip
    for name in ("cnn_classifier", "cnn_regressor", "cnn_prototype"):
        model = models.build(name, epochs=1).fit(training.isel(sample=slice(256)), seed=0, progress=silent)
        row(
            f"{name}, predict / forward", (options.patterns, options.patterns),
            lambda model=model: model.predict(cube, specimen, context="pattern", progress=silent), forward(model, cube),
        )  # fmt: skip
    row(
        "cnn_classifier, epoch / torch loop", (options.training, options.training),
        lambda: CNNClassifier(epochs=1).fit(training, seed=0, progress=silent), torch_loop(training),
    )  # fmt: skip


def labelled(rng: np.random.Generator, count: int, size: int) -> xr.Dataset:
    """Patterns of eight classes, every class about a picture of its own."""
    label = np.arange(count) % 8
    mean = rng.uniform(2, 10, (8, size, size)).astype(np.float32)
    patterns = np.stack([rng.poisson(mean[index]) for index in label]).astype(np.float32)
    axis = K_STEP * (np.arange(size) - size / 2)
    coords = {"ky": axis, "kx": axis, "direction_deg": ("sample", 45.0 * label), "specimen": ("sample", np.arange(count) // 8 % 20)}
    return xr.Dataset({"intensity": (("sample", "ky", "kx"), patterns)}, coords=coords)


def scan(rng: np.random.Generator, count: int, size: int) -> tuple[xr.DataArray, SpecimenFit]:
    """A scan in memory, 16-bit counts, and a match of it."""
    axis = ("axis", K_STEP * (np.arange(size) - size / 2), {"units": "1/angstrom"})
    cube = pw.make_cube(
        rng.poisson(6.0, (count // 64, 64, size, size)).astype(np.uint16), scan_step_A=0.3, k_step=K_STEP, voltage_kV=200.0,
        semiangle_mrad=24.0,
    ).assign_coords(ky=("ky", *axis[1:]), kx=("kx", *axis[1:]))  # fmt: skip
    specimen = SpecimenFit(
        crystal=crystals.build("knn"), voltage_kV=200.0, semiangle_mrad=24.0, conditions=Conditions(), errors={}, score=1.0,
        misfit=1.0, gain=1.0, dose=1.0, background=(), patterns=xr.Dataset(),
    )  # fmt: skip
    return cube, specimen


def pattern_loop(training: xr.Dataset, cube: xr.DataArray) -> Callable[[], object]:
    """The study's way, with its 20 components and 5 neighbours."""
    rows = training["intensity"].values.reshape(training.sizes["sample"], -1)
    rows = (rows - rows.min(1, keepdims=True)) / np.ptp(rows, axis=1, keepdims=True)
    scaler = StandardScaler().fit(rows)
    pca = PCA(20, random_state=0).fit(scaler.transform(rows))
    neighbours = KNeighborsClassifier(5).fit(pca.transform(scaler.transform(rows)), training["direction_deg"].values.astype(int))
    patterns = cube.values.reshape(-1, *cube.shape[2:])[:LOOP]

    def run() -> list[int]:
        found = []
        for pattern in patterns:
            scaled = (pattern - pattern.min()) / (pattern.max() - pattern.min())
            found.append(neighbours.predict(pca.transform(scaler.transform(scaled.reshape(1, -1))))[0])
        return found

    return run


def forward(model: object, cube: xr.DataArray) -> Callable[[], object]:
    """The bare network over a tensor, in parts as large as `predict` takes and laid out as the network likes it."""
    from polwidgets.models.network import FORWARD

    module = model._module(cube.shape[2:]).eval()  # type: ignore[attr-defined]
    tensor = torch.rand(cube.sizes["scan_y"] * cube.sizes["scan_x"], 1, *cube.shape[2:])

    def run() -> torch.Tensor:
        with torch.inference_mode():
            return torch.cat([module(part) for part in tensor.split(FORWARD)])

    return run


def torch_loop(training: xr.Dataset) -> Callable[[], object]:
    """The least that training can be."""
    tensor = torch.from_numpy(training["intensity"].values)[:, None]
    label = torch.from_numpy(training["direction_deg"].values // 45).long()

    def run() -> None:
        module = CNNClassifier()._module(training["intensity"].shape[1:])
        optimizer = torch.optim.Adam(module.parameters(), lr=2e-4, weight_decay=1e-4, fused=True)
        for index in torch.randperm(len(tensor)).split(128):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(module(tensor[index]), label[index]).backward()
            optimizer.step()

    return run


def in_turns(ours: Callable[[], object], theirs: Callable[[], object], turns: int) -> tuple[float, float]:
    """Seconds of each, the best of several turns."""
    best = [np.inf, np.inf]
    for _ in range(turns):
        for number, run in enumerate((ours, theirs)):
            start = time.perf_counter()
            run()
            best[number] = min(best[number], time.perf_counter() - start)
    return best[0], best[1]


if __name__ == "__main__":
    main()
