"""Perturb labelled patterns, a whole scan or a single pattern."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import dask.array as da
import numpy as np
import torch
import xarray as xr
from dask.delayed import delayed
from numpy.typing import NDArray

from polwidgets.cube.schema import DIMS, UNCALIBRATED, WAVENUMBER, validate, with_step
from polwidgets.perturb.base import Batch, Perturbation, perturbations
from polwidgets.perturb.presets import preset

SAMPLES: Final = 256  # labelled patterns that share a generator
BLOCK_BYTES: Final = 64 * 2**20
Patterns = TypeVar("Patterns", xr.Dataset, xr.DataArray)


def perturb(patterns: Patterns, parts: str | Sequence[Perturbation], *, seed: int) -> Patterns:
    """What detector, microscope or specimen make of patterns.

    Parameters
    ----------
    patterns : Dataset (sample, ky, kx), cube (scan_y, scan_x, ky, kx) or DataArray (ky, kx)
        Labelled patterns, whose ``direction_deg`` turns with them, a scan, or one pattern. Not changed. The undiffracted beam
        is at zero, in labelled patterns at their attrs ``center_y`` and ``center_x`` (zero without).
    parts : sequence of Perturbation, or the name of a preset
        Applied in this order.
    seed : int
        The same seed makes the same patterns, however a dask cube is chunked.

    Returns
    -------
    The same type, float32
        A dask cube stays lazy, in its blocks of scan rows. The attr ``provenance`` gains the parts and the seed.

    Raises
    ------
    KeyError
        No such preset.
    ValueError
        A part needs a whole scan or calibrated patterns and does not get them, or patterns hold NaN.
    """
    chosen = preset(parts) if isinstance(parts, str) else tuple(parts)
    step = {"perturb": {"parts": [json.loads(perturbations.to_json(part)) for part in chosen], "seed": seed}}
    if isinstance(patterns, xr.Dataset):
        intensity = patterns["intensity"]
        if intensity.dims != ("sample", *DIMS[2:]):
            raise ValueError(f"labelled patterns have dims ('sample', 'ky', 'kx'), got {intensity.dims}; rename or transpose them")
        beam = [float(patterns.attrs.get(name, 0.0)) for name in ("center_y", "center_x")]
        batch = _batch(intensity.values, intensity, chosen, direction_deg=patterns["direction_deg"].values, beam=beam)
        batch = _run(batch, chosen, seed=seed, together=SAMPLES)
        changed = patterns.assign(intensity=intensity.copy(data=batch.patterns.numpy()))
        changed = changed.assign_coords(direction_deg=patterns["direction_deg"].copy(data=batch.direction_deg.numpy()))
    elif patterns.dims == DIMS[2:]:
        batch = _run(_batch(patterns.values[None], patterns, chosen), chosen, seed=seed, together=1)
        changed = patterns.copy(data=batch.patterns[0].numpy())
    else:
        changed = validate(patterns).copy(data=_scan(patterns, chosen, seed))
    return changed.assign_attrs(provenance=with_step(patterns.attrs, step))


def _scan(cube: xr.DataArray, parts: Sequence[Perturbation], seed: int) -> Any:
    """The patterns of a cube, in memory or lazy as it is."""
    height, width = cube.shape[:2]
    margin = sum(part.margin_rows for part in parts)
    detector = cube[0, 0].copy(data=np.empty(cube.shape[2:]))

    def rows(block: NDArray[Any], first: int, start: int, stop: int) -> NDArray[np.float32]:
        """Rows `start` to `stop`, made from a block that begins with the row `first`."""
        batch = _batch(block.reshape(-1, *block.shape[2:]), detector, parts)
        batch = _run(dataclasses.replace(batch, scan_shape=(height, width), first_row=first), parts, seed=seed, together=width)
        return np.asarray(batch.patterns.numpy().reshape(block.shape)[start - first : stop - first])

    most = max(1, BLOCK_BYTES // (4 * int(np.prod(cube.shape[1:]))))
    sizes = cube.chunks[0] if cube.chunks else [min(most, height - start) for start in range(0, height, most)]
    stops = [int(stop) for stop in np.cumsum(sizes)]
    bounds = [(max(0, stop - size - margin), stop - size, stop) for size, stop in zip(sizes, stops, strict=True)]
    if not cube.chunks:
        made = np.empty(cube.shape, np.float32)
        for first, start, stop in bounds:
            made[start:stop] = rows(cube[first : stop + margin].values, first, start, stop)
        return made
    blocks = [delayed(rows)(cube.data[first : stop + margin], first, start, stop) for first, start, stop in bounds]
    return da.concatenate([da.from_delayed(block, (size, *cube.shape[1:]), np.float32) for block, size in zip(blocks, sizes, strict=True)])


def _batch(
    stack: NDArray[Any],
    coords: xr.DataArray,
    parts: Sequence[Perturbation],
    *,
    direction_deg: NDArray[Any] | None = None,
    beam: Sequence[float] = (0.0, 0.0),
) -> Batch:
    """Patterns (n, ky, kx) and their detector's coords, from the undiffracted beam on, as tensors."""
    if not {"ky", "kx"} <= set(coords.coords):
        raise ValueError(
            "the patterns have no coords 'ky' and 'kx', so nobody knows where the beam is; take them from a cube (pw.make_cube)"
        )
    for part in parts:
        wave_numbers = [field.name for field in dataclasses.fields(part) if field.metadata.get("unit") == WAVENUMBER]  # type: ignore[arg-type]
        if wave_numbers and coords["kx"].attrs.get("units") == UNCALIBRATED:
            raise ValueError(
                f"{perturbations.name_of(part)} has {', '.join(wave_numbers)} in {WAVENUMBER}, but the patterns' coords are in pixels; "
                "calibrate them (pw.calibrate), or leave the part out"
            )
    if not np.isfinite(stack).all():
        raise ValueError("the patterns hold NaN or infinite pixels, which would spread; fill them first (pw.inspect, then pw.repair)")
    return Batch(
        patterns=torch.from_numpy(np.array(stack, np.float32)),
        direction_deg=torch.from_numpy(np.full(len(stack), np.nan) if direction_deg is None else np.array(direction_deg, float)),
        ky=torch.from_numpy((coords["ky"].values - beam[0]).astype(np.float32)),
        kx=torch.from_numpy((coords["kx"].values - beam[1]).astype(np.float32)),
    )


def _run(batch: Batch, parts: Sequence[Perturbation], *, seed: int, together: int) -> Batch:
    """Apply parts in turn; patterns are drawn for by the row (or as many as go `together`), so that a row is always the same."""
    for number, part in enumerate(parts):
        if part.once:
            batch = part(batch, generator=_generator(seed, number))
            continue
        pieces = [
            part(
                dataclasses.replace(
                    batch, patterns=batch.patterns[start : start + together], direction_deg=batch.direction_deg[start : start + together]
                ),
                generator=_generator(seed, number, batch.first_row + start // together),
            )
            for start in range(0, len(batch.patterns), together)
        ]
        batch = dataclasses.replace(
            batch,
            patterns=torch.cat([piece.patterns for piece in pieces]),
            direction_deg=torch.cat([piece.direction_deg for piece in pieces]),
        )
    return batch


def _generator(*key: int) -> torch.Generator:
    return torch.Generator().manual_seed(int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1)))
