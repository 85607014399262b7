"""Run the benchmark and write its tables and figures."""

from __future__ import annotations

import datetime as dt
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch

from polwidgets.analysis.benchmark.figures import class_maps, distributions
from polwidgets.analysis.benchmark.plan import GROUPS, Plan, make_plan
from polwidgets.analysis.benchmark.run import Benchmark
from polwidgets.analysis.benchmark.scans import SupercellScan
from polwidgets.analysis.benchmark.store import VERSIONS
from polwidgets.analysis.benchmark.table import markdown, tidy
from polwidgets.progress import Progress, silent
from polwidgets.training.tensor_file import save_bytes

CACHE: Final = "cache"


def benchmark(
    folder: Path,
    *,
    quick: bool = False,
    data: Path | None = None,
    names: Sequence[str] = (),
    sets: Sequence[str] = (),
    seeds: int | None = None,
    progress: Progress = silent,
) -> Path:
    """Train every model, map every test set, and write what came out.

    Parameters
    ----------
    folder : path
        For ``table.csv``, ``table.md`` and the figures; what is needed to go on after an interruption is in ``cache``.
    quick : bool
        Small training sets, few models and seeds: 20 minutes on two cores.
    data : path, optional
        Folder that holds ``knn-dev``, pseudo-experimental scans that are not part of polwidgets.
    names, sets : sequence of str
        Models and test sets, if not all.
    seeds : int, optional
        Repetitions of every training.
    progress : callable
        Told the piece that is worked on; may raise to cancel.

    Returns
    -------
    Path
        Of ``table.md``.

    Raises
    ------
    KeyError
        Unknown model or test set.
    ModuleNotFoundError
        abTEM is missing, and a set needs it.
    """
    plan = make_plan(quick=quick, data=data, names=names, sets=sets, seeds=seeds)
    _check_programs(plan)
    work = Benchmark(plan, folder / CACHE)
    work.run(progress)
    return write_report(work, folder)


def write_report(work: Benchmark, folder: Path) -> Path:
    """Write tables and figures of what is finished; returns the path of ``table.md``."""
    results, leaks = work.results(), work.leaks()
    save_bytes(folder / "table.csv", tidy(results).encode())
    for group in GROUPS:
        members = [result for result in results if result.record["group"] == group]
        if members:
            class_maps(members, folder / f"maps-{group}.png")
            distributions(members, folder / f"distributions-{group}.png")
    path = folder / "table.md"
    save_bytes(path, f"# Benchmark\n\n{_made()}\n\n{markdown(results, leaks)}".encode())
    return path


def _made() -> str:
    versions = ", ".join(f"{name} {version}" for name, version in VERSIONS.items())
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"Written on {dt.datetime.now(dt.UTC):%d %B %Y} by {versions}; {os.cpu_count()} CPU cores, {device}."


def _check_programs(plan: Plan) -> None:
    """Fail before the work, not in the middle of it."""
    supercells = [scan.name for scan in plan.scans if isinstance(scan, SupercellScan)]
    if supercells and importlib.util.find_spec("abtem") is None:
        raise ModuleNotFoundError(
            f"the test sets {', '.join(supercells)} need abTEM, which is not installed; pip install 'polwidgets[sim]', or choose others"
        )
