"""Thickness of five experimental position-averaged patterns of SrTiO3, with scale, centre and rotation unknown.

    python tests/benchmarks/thickness.py [FOLDER]

The patterns ([001], 200 kV, about 13.6 mrad; Xu & LeBeau, doi:10.1016/j.ultramic.2018.03.004, in the repository
subangstrom/DeepDiffraction) are not part of polwidgets. FOLDER holds them; the names of the files give the thickness that
their authors determined as an interval (``50-51nm``), and the fit is compared with its middle.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

import numpy as np
import xarray as xr
from PIL import Image
from table import Table

import polwidgets as pw

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "sto-pacbed"
THICKNESS_RANGE_A = (200.0, 1300.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    paths = sorted(parser.parse_args().folder.glob("*nm.jpg"))
    if not paths:
        raise SystemExit("no file named like 01-on_zone_50-51nm.jpg there; pass the folder that holds the patterns")
    table = Table("pattern                  ", "labelled, nm", "found, nm     ", "off, nm", "score", "seconds")
    errors, all_seconds = [], []
    for path in paths:
        low, high = (float(edge) for edge in re.findall(r"(\d+)-(\d+)nm", path.name)[0])
        start = time.perf_counter()
        fit = pw.match(open_pattern(path), crystal="srtio3", thickness_range_A=THICKNESS_RANGE_A)
        all_seconds.append(time.perf_counter() - start)
        errors.append(fit.thickness_A / 10 - (low + high) / 2)
        found = f"{fit.thickness_A / 10:.1f} +- {fit.errors['thickness_A'] / 10:.1f}"
        table.row(path.stem, f"{low:.0f} to {high:.0f}", found, f"{errors[-1]:+.1f}", f"{fit.score:.3f}", f"{all_seconds[-1]:.1f}")
    table.row("mean absolute error", "", "", f"{np.abs(errors).mean():.2f}", "", f"{sum(all_seconds):.1f}")


def open_pattern(path: Path) -> xr.DataArray:
    grey = np.asarray(Image.open(path).convert("L"), np.float32)
    return xr.DataArray(grey, dims=("ky", "kx"), name="intensity", attrs={"voltage_kV": 200.0, "semiangle_mrad": 13.6})


if __name__ == "__main__":
    main()
