"""Find the particles of images, and measure them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import polwidgets as pw
from polwidgets.cli.options import say

if TYPE_CHECKING:
    import xarray as xr


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    command.add_argument("images", type=Path, nargs="+", help="PNG, TIFF, JPEG, npy, or a vendor's file")
    command.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="writes IMAGE_labels.png and IMAGE_particles.csv there")
    command.add_argument(
        "--weights", default="bright_field", help="bright_field, hrtem, or a file of `polwidgets train-segmenter` (default: %(default)s)"
    )
    command.add_argument("--pixel-size", type=float, help="edge of a pixel in --unit (default: what the file says, else pixels)")
    command.add_argument("--unit", default="nm", help="(default: %(default)s)")
    command.add_argument(
        "--particles", choices=("outlined", "all"), default="outlined",
        help="those whose own outline is seen, or also those out of focus or covered (default: %(default)s)",
    )  # fmt: skip
    command.add_argument("--contrast", choices=("dark", "bright"), default="dark", help="of the particles (default: %(default)s)")
    command.add_argument("--zoom", type=float, default=1.0, help="enlarges the image for the network (default: %(default)s)")
    command.add_argument("--views", type=int, default=8, help="turned and mirrored views: 1, 2, 4, 8 (default: %(default)s)")
    command.add_argument("--threshold", type=float, default=0.5, help="probability of a particle (default: %(default)s)")
    command.add_argument("--no-border", action="store_true", help="leave out particles cut by the image's edge")
    command.add_argument(
        "--truth", type=Path, metavar="FOLDER", help="masks of the same names: prints F1, particles cut by the edge left out"
    )


def run(options: argparse.Namespace) -> None:
    """Segment every image, write what was found, and compare it with the truth where there is one."""
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
    total = None
    for path in options.images:
        found = pw.segment(
            path,
            weights=options.weights,
            pixel_size=options.pixel_size,
            unit=options.unit,
            particles=options.particles,
            contrast=options.contrast,
            zoom=options.zoom,
            views=options.views,
            threshold=options.threshold,
        )
        table = pw.particle_statistics(found, border=not options.no_border)
        line = f"{path.name}: {table.attrs['count']} particles"
        if table.attrs["count"]:
            unit = table.attrs["unit"]
            line += f", diameter {table.attrs['mean_diameter']:.3g} {unit}, spread {table.attrs['std_diameter']:.2g} {unit}"
        if options.truth is not None:
            from polwidgets.analysis.segmentation import pixel_score
            from polwidgets.segmentation.picture import as_picture

            score = pixel_score(found["labels"].values, as_picture(options.truth / path.name).values > 0, border=False)
            total = score if total is None else total + score
            line += f"; F1 {score.f1:.3f}, precision {score.precision:.3f}, recall {score.recall:.3f}"
        if options.output is not None:
            _write(found, table, options.output / path.stem, border=not options.no_border)
        say(line)
    if total is not None and len(options.images) > 1:
        say(f"all {len(options.images)} images together: F1 {total.f1:.3f}, precision {total.precision:.3f}, recall {total.recall:.3f}")


def _write(found: xr.Dataset, table: xr.Dataset, stem: Path, *, border: bool) -> None:
    """Numbers of the particles as a picture of 16 bits, and their table."""
    import numpy as np
    from PIL import Image

    labels = found["labels"].values
    if not border:
        labels = np.where(np.isin(labels, table["particle"].values), labels, 0)
    Image.fromarray(labels.astype(np.uint16)).save(stem.with_name(f"{stem.name}_labels.png"))
    table.to_dataframe().to_csv(stem.with_name(f"{stem.name}_particles.csv"))
