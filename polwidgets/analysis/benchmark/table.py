"""The benchmark's tables: tidy for programs, Markdown like the study's for readers."""

from __future__ import annotations

import csv
import io
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np

from polwidgets.analysis.benchmark.plan import GROUPS
from polwidgets.analysis.benchmark.run import Result
from polwidgets.analysis.scores import majority_class
from polwidgets.directions import NAMES

COLUMNS: Final = (
    "model", "head", "recipe", "augmentation", "filter", "context", "set", "group", "seed",
    "right", "right_everywhere", "right_when_sure", "right_everywhere_when_sure", "circular_error_deg",
    "calibration_error", "calibration_error_everywhere", "majority", "majority_share",
    "displacement_pm", "bias_pm", "spread_pm", "coverage", "thickness_nm", "match_score",
    "training_patterns", "training_seconds", "prediction_seconds", "parameters",
)  # fmt: skip
WAY: Final = ("model", "recipe", "augmentation", "filter", "context")
RIGHT, WRONG = "🟩", "🟥"  # GitHub leaves out the colours of HTML
ACCURACY: Final = (
    "Percent of positions within 22.5 degrees of the truth, half a cell or more from walls; mean and standard deviation over seeds. "
    f"Beside it the class that most positions get, over all seeds: {RIGHT} occurs in the scan, {WRONG} does not."
)
GAINS: Final = (
    "Single patterns, no context: percent right with the study's recipe (the best of its variants here), and with the patterns simulated "
    "at the match (the best of those), means over seeds."
)
CONFIDENCE: Final = (
    "Pseudo-experimental sets, walls included, means over sets and seeds: expected calibration error; percent right of all positions, "
    "and of those that are left without the least confident fifth."
)

Way = tuple[str, ...]


def tidy(results: Iterable[Result]) -> str:
    """CSV text, a row for every map; for the columns see `polwidgets.analysis.scores.Scores`."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for result in results:
        row = {name: result.record[name] for name in COLUMNS}
        writer.writerow({name: f"{value:.5g}" if isinstance(value, float) else value for name, value in row.items()})
    return text.getvalue()


def markdown(results: Sequence[Result], leaks: Sequence[dict[str, Any]]) -> str:
    """The study's table, one for every group of test sets, then calibration and the leak check."""
    parts = [ACCURACY]
    for group in GROUPS:
        members = [result for result in results if result.record["group"] == group]
        if members:
            parts.append(f"## Test sets: {group}\n\n{_by_set(members, _accuracy)}")
    pseudo = [result for result in results if result.record["group"] == "pseudo-experimental"]
    if gains := _gains(pseudo):
        parts.append(f"## What the match changes\n\n{GAINS}\n\n{gains}")
    if pseudo:
        parts.append(f"## Calibration and abstention\n\n{CONFIDENCE}\n\n{_confidence(pseudo)}")
    if leaks:
        rows = [[leak["model"], leak["split"], str(leak["patterns"]), f"{100 * leak['accuracy']:.1f}"] for leak in leaks]
        parts.append("## Leak check\n\n" + _table(["model", "split", "patterns", "right, %"], rows))
    return "\n\n".join(parts) + "\n"


def ways(results: Iterable[Result]) -> dict[Way, dict[str, list[Result]]]:
    """Results of every way to make a map (see `WAY`), by test set; the lists are over seeds."""
    found: dict[Way, dict[str, list[Result]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        found[tuple(str(result.record[name]) for name in WAY)][result.record["set"]].append(result)
    return found


def way_title(way: Way) -> str:
    """A way to make a map, in words."""
    model, recipe, augmentation, rule, context = way
    steps = [recipe] if recipe != "none" else []
    steps += [f"augmented ({augmentation})"] if augmentation != "none" else []
    steps += ["filtered"] if rule != "none" else []
    return ", ".join([model, *steps, context.replace("_", " ")])


def majority_over_seeds(results: Sequence[Result]) -> tuple[str, bool]:
    """The class that most positions of all seeds get, and whether the scan holds it."""
    name, _ = majority_class(np.concatenate([result.direction.ravel() for result in results]))
    return name, NAMES.index(name) in results[0].truth


def _accuracy(results: Sequence[Result]) -> str:
    values = [100 * result.record["right"] for result in results]
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    name, occurs = majority_over_seeds(results)
    return f"{statistics.mean(values):.1f}{spread} {RIGHT if occurs else WRONG} {name}"


def _by_set(results: Sequence[Result], cell: Callable[[Sequence[Result]], str]) -> str:
    sets = list(dict.fromkeys(result.record["set"] for result in results))
    rows = [[*way, *(cell(by_set[name]) if name in by_set else "" for name in sets)] for way, by_set in ways(results).items()]
    return _table([*WAY, *sets], rows)


def _gains(results: Sequence[Result]) -> str:
    """Study's recipe against the matched one, for every model that was trained on both; empty without any."""
    means: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for (model, recipe, _, _, context), by_set in ways(results).items():
        if context == "pattern":
            for name, members in by_set.items():
                means[model, recipe, name].append(100 * statistics.mean(result.record["right"] for result in members))
    sets = list(dict.fromkeys(result.record["set"] for result in results))
    rows = []
    for model in dict.fromkeys(result.record["model"] for result in results):
        pairs = {name: [max(means[model, recipe, name], default=None) for recipe in ("study", "matched")] for name in sets}
        cells = [f"{study:.1f} → {matched:.1f}" if study is not None and matched is not None else "" for study, matched in pairs.values()]
        if any(cells):
            rows.append([model, *cells])
    return _table(["model", *sets], rows) if rows else ""


def _confidence(results: Sequence[Result]) -> str:
    names = ("calibration_error_everywhere", "right_everywhere", "right_everywhere_when_sure")
    rows = []
    for way, by_set in ways(results).items():
        records = [result.record for members in by_set.values() for result in members]
        error, everywhere, sure = (statistics.mean(record[name] for record in records) for name in names)
        rows.append([*way, f"{error:.3f}", f"{100 * everywhere:.1f}", f"{100 * sure:.1f}"])
    return _table([*WAY, "calibration error", "right, %", "right when sure, %"], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
