"""How well each displaced variant explains each pattern."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from polwidgets.match.conditions import Conditions
from polwidgets.match.fit import background_shapes
from polwidgets.match.library import PARAELECTRIC, Library, Variant
from polwidgets.match.measurement import Readings
from polwidgets.simulate.patterns import basis

CHUNK: Final = 512  # positions at a time: rates of a chunk stay in the cache


def variant_evidence(
    readings: Readings,
    phase: NDArray[np.float64],
    library: Library,
    variants: Sequence[Variant],
    conditions: Conditions,
    *,
    dose: float,
    background: NDArray[np.float64],
    order: int,
    progress: Callable[[float], None] | None = None,
) -> NDArray[np.float64]:
    """Log-likelihood of every variant over that of no displacement, a pattern.

    Multinomial: only the distribution within the pattern counts, so the beam current may drift.

    Parameters
    ----------
    phase : array (position, 2)
        Probe positions in the cell (down, right).
    background : array (shape,)
        Counts a (1/angstrom)^2 of the diffuse background's shapes.
    order : int
        Highest frequency of the series in the phase.

    Returns
    -------
    array (scan_y, scan_x, variant)
    """
    diffuse = background @ background_shapes(readings.k, (conditions.center_y, conditions.center_x))

    def series(variant: Variant) -> torch.Tensor:
        expected = dose * library.expected(variant, conditions, readings.k, order=order)
        expected[0] += diffuse
        return torch.from_numpy((expected * readings.pixel_area).astype(np.float32))

    reference = series(PARAELECTRIC)
    floor = 1e-3 * float(reference[0].max())
    models = [series(variant) for variant in variants]
    terms = torch.from_numpy(basis(phase, order).astype(np.float32))
    evidence = np.empty((len(phase), len(variants)))
    for part in readings.chunks(CHUNK):
        counts = torch.from_numpy(readings.block(part))
        total = counts.sum(1)
        zero = (terms[part] @ reference).clamp_(min=floor)
        for number, model in enumerate(models):
            rate = (terms[part] @ model).clamp_(min=floor)
            spread = total * torch.log(rate.sum(1) / zero.sum(1))
            evidence[part, number] = ((counts * rate.div_(zero).log_()).sum(1) - spread).numpy()
        if progress is not None:
            progress(min(1.0, part.stop / len(phase)))
    return evidence.reshape(*readings.scan_shape, len(variants))
