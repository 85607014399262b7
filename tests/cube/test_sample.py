"""The bundled scan: opened lazily, and what `make sample` makes."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

import polwidgets as pw
from polwidgets.cli import main
from polwidgets.simulate.probe import Probe

ROOT = Path(__file__).parents[2]


def recipe(target: str) -> list[str]:
    """Arguments of the command in the Makefile's recipe."""
    _, _, rest = (ROOT / "Makefile").read_text(encoding="utf-8").partition(f"\n{target}: .venv/installed\n")
    lines = rest.split("\n\n")[0].replace("\\\n", " ")
    return shlex.split(lines)[1:]


def test_it_opens_lazily() -> None:
    cube = pw.validate(pw.sample("knn_wall"))
    assert cube.chunks is not None
    assert cube.dtype == np.uint16
    assert dict(cube.sizes) == {"scan_y": 48, "scan_x": 72, "ky": 64, "kx": 64}
    assert float(cube[3, 5].sum()) == pytest.approx(2500, rel=0.15)
    assert {"voltage_kV", "semiangle_mrad", "thickness_A", "provenance"} <= set(cube.attrs)


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in (ROOT / "polwidgets" / "data").iterdir()) < 10e6


def test_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no sample 'knn_wal'; there are: knn_wall"):
        pw.sample("knn_wal")


def test_a_part_made_again_differs_by_counting_noise() -> None:
    """Counts against noiseless rates of the first row of cells; draws themselves may differ between machines."""
    found = pw.sample("knn_wall")[:12].compute()
    (step,) = json.loads(found.attrs["provenance"])
    made = step["simulate_scan"]
    assert [stripe["direction_deg"] for stripe in made["stripes"]] == [90, 270]
    probe = Probe(tilt_y_mrad=found.attrs["tilt_y_mrad"], tilt_x_mrad=found.attrs["tilt_x_mrad"])
    same = {name: made[name] for name in ("source_A", "blur", "background")} | {"thickness_A": found.attrs["thickness_A"]}
    again = pw.simulate_scan("knn", direction_deg=[90, 270], scan_shape=(12, 72), cells=(1, 6), probe=probe, k_limit=3.0, **same)
    np.testing.assert_allclose(found.scan_x, again.scan_x)
    np.testing.assert_allclose(found.kx, again.kx)

    def chi_square(rate: np.ndarray) -> float:
        return float(((found.values - rate) ** 2 / rate).mean())

    rate = made["dose"] * again.values.astype(float)
    assert chi_square(rate) == pytest.approx(1, abs=0.02)
    assert chi_square(rate[:, ::-1]) > 1.05, "the wall's sides differ"


@pytest.mark.slow
def test_the_recipe_makes_it(tmp_path: Path) -> None:
    arguments = recipe("sample")
    place = arguments.index("--output") + 1
    assert ROOT / arguments[place] == ROOT / "polwidgets" / "data" / "knn_wall.zarr.zip"
    arguments[place] = str(tmp_path / "again.zarr.zip")
    assert main([*arguments, "--quiet"]) == 0
    again, bundled = pw.open_cube(tmp_path / "again.zarr.zip").compute(), pw.sample("knn_wall").compute()
    assert again.attrs == bundled.attrs
    first, second = again.values.astype(float), bundled.values.astype(float)
    sums = first.sum((0, 1)), second.sum((0, 1))
    assert (np.abs(sums[0] - sums[1]) < 6 * np.sqrt(sums[0] + sums[1] + 1)).all(), "no more than counting noise apart"
    counted = first + second > 0
    # equal on one machine; two draws of the same rates elsewhere
    assert ((first - second)[counted] ** 2 / (first + second)[counted]).mean() < 1.05
