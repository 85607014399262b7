"""What perturbations cost inside a training loop.

    python tests/benchmarks/perturbations.py [--batch 128] [--pixels 64] [--threads 1] [--device cpu]

Every registered part with its defaults but a strength drawn for each pattern, and every preset: patterns a second (best
of several runs on one batch), and the time as a share of one training step (forward, backward, Adam) of the study's small
network on the same batch. Then what a slider waits for: one pattern through a preset. Parts that act on a scan get a
square one of about as many positions as the batch has patterns.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable

import torch
from table import Table

import polwidgets as pw
from polwidgets.perturb.base import Batch, Perturbation, perturbations
from polwidgets.perturb.presets import PRESETS

COLUMNS = ("part or preset     ", "patterns/s", "of a training step, %", "one pattern, ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--pixels", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    edge = round(options.batch**0.5)
    one, many, scan = (make_batch(count, options.pixels, options.device) for count in (1, options.batch, edge**2))
    scan = dataclasses.replace(scan, scan_shape=(edge, edge))
    training = best(training_step(many.patterns))
    print(f"a training step on {options.batch} patterns of {options.pixels} x {options.pixels}: {1e3 * training:.0f} ms\n")
    table = Table(*COLUMNS)
    named = {name: (drawn(perturbations.build(name)),) for name in perturbations} | {f"[{name}]": parts for name, parts in PRESETS.items()}
    for name, parts in named.items():
        whole = any(part.acts_on == "scan" for part in parts)
        batch = scan if whole else many
        taken = best(lambda parts=parts, batch=batch: apply(parts, batch)) / len(batch.patterns)
        alone = "" if whole else f"{1e3 * best(lambda parts=parts: apply(parts, one)):.2f}"
        table.row(name, f"{1 / taken:,.0f}", f"{100 * taken * options.batch / training:.1f}", alone)


def drawn(part: Perturbation) -> Perturbation:
    return dataclasses.replace(part, least=0.5) if part.acts_on == "pattern" else part


def apply(parts: tuple[Perturbation, ...], batch: Batch) -> None:
    generator = torch.Generator(batch.patterns.device).manual_seed(1)
    for part in parts:
        batch = part(batch, generator=generator)
    if batch.patterns.is_cuda:
        torch.cuda.synchronize()


def make_batch(count: int, pixels: int, device: str) -> Batch:
    """Patterns of a crystal at about 1000 electrons each."""
    edge = max(2, round(count**0.5 + 0.5))
    cube = pw.simulate_scan(
        direction_deg=45.0, thickness_A=80.0, scan_shape=(edge, edge), detector_shape=(pixels, pixels), source_A=0.3, k_limit=2.5
    )
    patterns = 1000 * torch.from_numpy(cube.values.reshape(-1, pixels, pixels)[:count]).to(device)
    ky, kx = (torch.tensor(cube[dim].values).to(patterns) for dim in ("ky", "kx"))
    return Batch(patterns, torch.zeros(count, device=device), ky, kx)


def training_step(patterns: torch.Tensor) -> Callable[[], None]:
    """Of the study's custom network (doi:10.48550/arXiv.2603.15582): conv 16, conv 32, pool, conv 64, pool, 512, 8 classes."""
    nn = torch.nn
    edge = patterns.shape[-1] // 4
    network = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(64 * edge**2, 512), nn.ReLU(), nn.Linear(512, 8),
    ).to(patterns.device)  # fmt: skip
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-4)
    label = torch.arange(len(patterns), device=patterns.device) % 8

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(patterns[:, None]), label).backward()
        optimizer.step()

    return step


def best(run: Callable[[], None], seconds: float = 0.4) -> float:
    """Shortest of as many runs as fit, seconds."""
    run()
    shortest, begin = float("inf"), time.perf_counter()
    while time.perf_counter() < begin + seconds:
        start = time.perf_counter()
        run()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest


if __name__ == "__main__":
    main()
