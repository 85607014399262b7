"""What training images must be like: segmenters of differently curated simulations, compared on images none has seen.

After Rangel DaCosta et al., npj Comput. Mater. 10, 165 (2024), DOI 10.1038/s41524-024-01336-0: fidelity of the simulation,
distribution of structures, distribution of imaging conditions, each varied alone, several seeds each.
"""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets.analysis.segmentation import PixelScore, pixel_score
from polwidgets.datasets.make import make_dataset
from polwidgets.models.prediction import save_prediction
from polwidgets.progress import Progress
from polwidgets.segmentation.labelled import open_labelled
from polwidgets.segmentation.picture import as_picture
from polwidgets.segmentation.segmentation import segment
from polwidgets.segmentation.segmenter import Segmenter, load_segmenter, train_segmenter
from polwidgets.simulate.bright_field import BrightField, bright_field_images

Domain = Literal["bright_field", "hrtem"]
COLUMNS: Final = ("domain", "training", "seed", "test", "f1", "precision", "recall", "mean_f1", "images")

OTHER_CONDITIONS: Final[Mapping[str, Any]] = {
    "conditions.defocus_A": [-450, -250], "conditions.dose_per_A2": [200, 400], "conditions.focal_spread_A": [50, 80],
    "conditions.Cs_A": [1e5, 5e5], "conditions.C12_A": [20, 40],
}  # fmt: skip
"""Beyond every range that the recipe ``au_on_carbon`` draws from: more defocus, aberrations and focal spread, less dose."""


@dataclasses.dataclass(frozen=True)
class Curation:
    """A set of training images: what it is drawn from, and how it departs from the reference of its domain."""

    name: str
    domain: Domain
    recipe: str = ""
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def images(self, folder: Path, count: int, seed: int, progress: Progress) -> xr.Dataset:
        """The set, made once in the folder."""
        path = folder / f"{self.domain}-{self.name.replace(' ', '_')}-{count}-{seed}.zarr"
        if self.domain == "bright_field":
            if not path.exists():
                made = bright_field_images(count, shape=(192, 192), recipe=BrightField(**self.changes), seed=seed, progress=progress)
                save_prediction(made, path)
        elif not path.exists():
            changes = {"image.conditions_a_scene": 4, **self.changes}
            make_dataset(self.recipe, path, n=count, seed=seed, changes=changes, progress=progress)
        return open_labelled([path])


CURATIONS: Final = (
    Curation("reference", "bright_field"),
    Curation("film without texture", "bright_field", changes={"grain": (0.0, 0.02)}),
    Curation("narrow sizes", "bright_field", changes={"radius_px": (30.0, 40.0)}),
    Curation("narrow imaging", "bright_field", changes={"noise": (0.02, 0.05), "blur_px": (0.3, 0.35), "fringe_px": (0.6, 0.7)}),
    Curation("all outlined", "bright_field", changes={"unresolved": 0.0}),
    Curation("reference", "hrtem", "au_on_carbon"),
    Curation("single slice", "hrtem", "au_on_carbon", {"wave.fidelity": "single slice"}),
    Curation("phonons", "hrtem", "au_on_carbon", {"wave.fidelity": "phonons", "wave.configurations": 3}),
    Curation("without substrate", "hrtem", "au_without_substrate"),
    Curation("narrow imaging", "hrtem", "au_on_carbon_narrow"),
)


@dataclasses.dataclass(frozen=True)
class ImageTest:
    """Images with their truth; `border` tells whether particles cut by the edge count."""

    name: str
    images: tuple[NDArray[Any], ...]
    masks: tuple[NDArray[Any], ...]
    border: bool = True

    def score(self, segmenter: Segmenter, *, views: int = 1) -> tuple[PixelScore, list[float]]:
        """All pixels together, and F1 of each image."""
        scores = [
            pixel_score(segment(image, weights=segmenter, views=views)["labels"].values, mask, border=self.border)
            for image, mask in zip(self.images, self.masks, strict=True)
        ]
        return sum(scores, PixelScore(0, 0, 0)), [score.f1 for score in scores]


def labelled_test(name: str, images: xr.Dataset) -> ImageTest:
    """A test of simulated images: the outlined particles are to be found."""
    return ImageTest(name, tuple(images["image"].values), tuple((images["mask"].values == 1).astype(np.uint8)))


def experimental_tests(folder: Path) -> list[ImageTest]:
    """The images of `folder`/images with hand masks of the same names in `folder`/masks, a test for every series.

    Particles cut by the edge are not marked there; they count neither for nor against.
    """
    series: dict[str, list[Path]] = {}
    for path in sorted((folder / "images").iterdir()):
        series.setdefault(path.stem.rsplit("_", 1)[0], []).append(path)
    if not series:
        raise FileNotFoundError(f"there are no images in {folder / 'images'}")
    return [
        ImageTest(
            f"experiment {name.rsplit('_', 1)[-1]}",
            tuple(as_picture(path).values for path in paths),
            tuple((as_picture(folder / "masks" / path.name).values > 0).astype(np.uint8) for path in paths),
            border=False,
        )
        for name, paths in series.items()
    ]


def simulated_tests(domain: Domain, folder: Path, count: int, progress: Progress) -> list[ImageTest]:
    """Held-out images: seeds that no training set has; for HRTEM also other imaging conditions, and other metals under those."""
    if domain == "bright_field":
        return [labelled_test("held out", Curation("held out", domain).images(folder, count, 900, progress))]
    sets = (
        Curation("held out", domain, "au_on_carbon"),
        Curation("other conditions", domain, "au_on_carbon", OTHER_CONDITIONS),
        Curation("other metals", domain, "metals_on_carbon"),
    )
    return [labelled_test(curation.name, curation.images(folder, count, 900, progress)) for curation in sets]


def run_study(
    table: Path,
    folder: Path,
    *,
    count: int = 96,
    epochs: int = 8,
    crop: int = 96,
    tested: int = 32,
    seeds: Iterable[int] = (0, 1, 2),
    curations: Iterable[Curation] = CURATIONS,
    experiment: Path | None = None,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Train on every curation with every seed and score on every test of its domain.

    Parameters
    ----------
    table : path
        The csv to write, row by row; what is there already is not done again.
    folder : path
        For simulated sets, which are made once.
    count, tested : int
        Images of a training set and of a test set.
    epochs, crop : int
        See `train_segmenter`.
    experiment : path, optional
        See `experimental_tests`; used for bright field.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = read_table(table)
    done = {(row["domain"], row["training"], int(row["seed"])) for row in rows}
    curations, seeds = tuple(curations), tuple(seeds)
    tests: dict[Domain, list[ImageTest]] = {}
    for number, curation in enumerate(curations):
        for seed in seeds:
            if (curation.domain, curation.name, seed) in done:
                continue
            if curation.domain not in tests:
                tests[curation.domain] = simulated_tests(curation.domain, folder, tested, progress)
                if experiment is not None and curation.domain == "bright_field":
                    tests[curation.domain] += experimental_tests(experiment)
            images = curation.images(folder, count, 1, progress)
            segmenter = train_segmenter(images, epochs=epochs, crop=crop, seed=seed, progress=_renamed(progress, curation.name))
            rows += score_rows(segmenter, tests[curation.domain], curation.domain, curation.name, seed)
            write_table(rows, table)
        progress("study", (number + 1) / len(curations))
    return rows


def score_rows(
    segmenter: Segmenter, tests: Iterable[ImageTest], domain: str, training: str, seed: int, *, views: int = 1
) -> list[dict[str, Any]]:
    """A row of the table for every test."""
    rows = []
    for test in tests:
        total, single = test.score(segmenter, views=views)
        values = (total.f1, total.precision, total.recall, float(np.mean(single)))
        named = dict(zip(("f1", "precision", "recall", "mean_f1"), (round(value, 4) for value in values), strict=True))
        rows.append({"domain": domain, "training": training, "seed": seed, "test": test.name, **named, "images": len(single)})
    return rows


def score_weights(paths: Iterable[Path], tests: Iterable[ImageTest], domain: str, training: str, *, views: int = 2) -> list[dict[str, Any]]:
    """Rows for trained weights, a seed each."""
    segmenters = [load_segmenter(path) for path in paths]
    tests = tuple(tests)
    return [row for s in segmenters for row in score_rows(s, tests, domain, training, int(s.about["seed"]), views=views)]


def read_table(path: Path) -> list[dict[str, Any]]:
    """Rows that were written before; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_table(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write aside, then rename."""
    aside = path.with_name(f".{path.name}")
    with aside.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    aside.replace(path)


def _renamed(progress: Progress, name: str) -> Progress:
    tell: Callable[[str, float], None] = progress
    return lambda _, fraction: tell(name, fraction)
