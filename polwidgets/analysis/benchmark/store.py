"""What a benchmark keeps on disk: each thing in one file, named by a hash of all that it depends on."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from polwidgets import __version__
from polwidgets.analysis.benchmark.scans import LabelledScan
from polwidgets.crystal.base import crystals
from polwidgets.cube.schema import make_cube, step_of
from polwidgets.cube.unit_cell import UnitCell
from polwidgets.match.conditions import Conditions
from polwidgets.match.specimen import SpecimenFit
from polwidgets.training.tensor_file import save_bytes

VERSIONS: Final = {"polwidgets": __version__, **{name: version(name) for name in ("numpy", "scikit-learn", "torch")}}
SCALARS: Final = ("voltage_kV", "semiangle_mrad", "score", "misfit", "gain", "dose", "scan_rotation_deg")


def content_key(*content: Any) -> str:
    """Name of what depends on `content` (anything that JSON writes) and on the versions of the programs that make it."""
    text = json.dumps([VERSIONS, *content], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def save_arrays(path: Path, about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays, and `about` as JSON beside them, in one npz file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, about=np.array(json.dumps(about)), **arrays)  # type: ignore[arg-type]
    save_bytes(path, buffer.getvalue())


def load_arrays(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What `save_arrays` wrote."""
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    return json.loads(str(arrays.pop("about"))), arrays


def save_scan(path: Path, scan: LabelledScan) -> None:
    """Write a scan with its truth."""
    about = {
        "scan_step_A": [step_of(scan.cube, dim) for dim in ("scan_y", "scan_x")],
        "k_step": [step_of(scan.cube, dim) for dim in ("ky", "kx")],
        "attrs": scan.cube.attrs,
        "displacement_A": scan.displacement_A,
    }
    save_arrays(path, about, {"counts": scan.cube.values, "direction_deg": scan.direction_deg})


def load_scan(path: Path) -> LabelledScan:
    """Read what `save_scan` wrote."""
    about, arrays = load_arrays(path)
    cube = make_cube(arrays["counts"], scan_step_A=tuple(about["scan_step_A"]), k_step=tuple(about["k_step"]), **about["attrs"])
    return LabelledScan(cube, arrays["direction_deg"], about["displacement_A"])


def save_specimen(path: Path, specimen: SpecimenFit) -> None:
    """Write a matched specimen."""
    assert specimen.unit_cell is not None
    about = {
        "crystal": crystals.to_json(specimen.crystal),
        "conditions": dataclasses.asdict(specimen.conditions),
        "errors": {name: float(value) for name, value in specimen.errors.items()},
        "background": specimen.background,
        **{name: float(getattr(specimen, name)) for name in SCALARS},
    }
    arrays = {
        "lattice": specimen.unit_cell.coefficients,
        **{name: specimen.patterns[name].values for name in ("measured", "model", "ky", "kx")},
        **({} if specimen.good_pixels is None else {"good_pixels": specimen.good_pixels}),
    }
    save_arrays(path, about, arrays)


def load_specimen(path: Path) -> SpecimenFit:
    """Read what `save_specimen` wrote."""
    about, arrays = load_arrays(path)
    coords = {dim: arrays[dim] for dim in ("ky", "kx")}
    return SpecimenFit(
        crystal=crystals.from_json(about["crystal"]),
        conditions=Conditions(**about["conditions"]),
        errors=about["errors"],
        background=tuple(about["background"]),
        patterns=xr.Dataset({name: (("ky", "kx"), arrays[name]) for name in ("measured", "model")}, coords=coords),
        unit_cell=UnitCell(arrays["lattice"]),
        good_pixels=arrays.get("good_pixels"),
        **{name: about[name] for name in SCALARS},
    )
