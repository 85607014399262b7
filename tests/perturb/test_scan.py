from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import linregress

from polwidgets.perturb.base import Batch, Perturbation
from polwidgets.perturb.descan import Descan
from polwidgets.perturb.drift import Drift
from polwidgets.perturb.flyback import Flyback
from polwidgets.perturb.source_size import SourceSize

HEIGHT, WIDTH = 24, 17

Make = Callable[..., Batch]
Moments = Callable[[Batch], tuple[torch.Tensor, torch.Tensor]]


@pytest.fixture
def places(make_batch: Make) -> Batch:
    """A scan whose patterns say where they were recorded: their first pixels hold scan row, column and one."""
    y, x = torch.meshgrid(torch.arange(float(HEIGHT)), torch.arange(float(WIDTH)), indexing="ij")
    patterns = torch.stack([y.flatten(), x.flatten(), torch.ones(HEIGHT * WIDTH)], 1).reshape(-1, 1, 3).double()
    return make_batch(patterns, scan_shape=(HEIGHT, WIDTH))


def read(batch: Batch) -> NDArray[np.float64]:
    """Scan row and column that every pattern says, (scan_y, scan_x) each."""
    return batch.patterns.reshape(HEIGHT, WIDTH, 3).permute(2, 0, 1)[:2].numpy()


def test_the_descan_plane_is_recovered(make_blob: Make, apply: Make, moments: Moments) -> None:
    blob = make_blob(0.1, -0.1)
    scan = dataclasses.replace(
        blob,
        patterns=blob.patterns.repeat(HEIGHT * WIDTH, 1, 1),
        direction_deg=torch.zeros(HEIGHT * WIDTH, dtype=torch.float64),
        scan_shape=(HEIGHT, WIDTH),
    )
    part = Descan(down_along_y_px=1.5, right_along_y_px=-0.8, down_along_x_px=0.6, right_along_x_px=2.2)
    moved = ((moments(apply(part, scan))[0] - moments(blob)[0]) / torch.tensor(blob.k_step)).reshape(HEIGHT, WIDTH, 2).numpy()
    down, right = np.linspace(-0.5, 0.5, HEIGHT)[:, None], np.linspace(-0.5, 0.5, WIDTH)
    np.testing.assert_allclose(moved[..., 0], 1.5 * down + 0.6 * right, atol=1e-3)
    np.testing.assert_allclose(moved[..., 1], -0.8 * down + 2.2 * right, atol=1e-3)


def test_steady_drift_is_recovered(places: Batch, apply: Make) -> None:
    y, x = read(apply(Drift(down_px=3.0, right_px=-2.0), places))
    time = np.linspace(-0.5, 0.5, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    own = np.indices((HEIGHT, WIDTH))
    inside = (slice(2, -2), slice(1, -1))
    np.testing.assert_allclose((y - own[0])[inside], 3 * time[inside])
    np.testing.assert_allclose((x - own[1])[inside], -2 * time[inside])


def test_the_random_walk_reaches_as_far_as_said_and_is_another_with_another_seed(places: Batch, apply: Make) -> None:
    part = Drift(down_px=0.0, right_px=0.0, wander_px=2.0)
    first, second = (read(apply(part, places, seed=seed)) - np.indices((HEIGHT, WIDTH)) for seed in (1, 2))
    inside = first[:, 3:-3, WIDTH // 2]
    assert np.linalg.norm(inside, axis=0).max() <= 2 + 1e-9
    assert np.linalg.norm(inside, axis=0).max() > 1
    assert np.abs(np.diff(inside, axis=1)).max() < 2  # from row to row, not from position to position
    assert np.abs(first - second).max() > 0.3


def test_labels_drift_with_their_patterns(places: Batch, apply: Make) -> None:
    labelled = dataclasses.replace(places, direction_deg=torch.where(places.patterns[:, 0, 1] < 8, 90.0, 270.0))
    moved = apply(Drift(down_px=0.0, right_px=6.0), labelled)
    x = moved.patterns[:, 0, 1]
    assert torch.equal(moved.direction_deg[x < 7.4], torch.full_like(x[x < 7.4], 90, dtype=torch.float32))
    assert torch.equal(moved.direction_deg[x > 7.6], torch.full_like(x[x > 7.6], 270, dtype=torch.float32))


def test_flyback_settles_exponentially(places: Batch, apply: Make) -> None:
    y, x = read(apply(Flyback(right_px=1.6, settling_px=3.0), places))
    strayed = x - np.arange(WIDTH)
    np.testing.assert_array_equal(y, np.indices((HEIGHT, WIDTH))[0])
    np.testing.assert_allclose(strayed, np.broadcast_to(strayed[0], strayed.shape))
    decay = linregress(np.arange(12), np.log(strayed[0, :12]))
    assert decay.slope == pytest.approx(-1 / 3, rel=1e-6)
    assert np.exp(decay.intercept) == pytest.approx(1.6, rel=1e-6)


def test_a_source_blurs_over_the_scan_by_its_variance(make_batch: Make, apply: Make) -> None:
    point = torch.zeros((HEIGHT, WIDTH, 2, 3), dtype=torch.float64)
    point[12, 8] = torch.tensor([[1.0, 2, 3], [4, 5, 6]])
    blurred = apply(SourceSize(sigma_px=1.3), make_batch(point.reshape(-1, 2, 3), scan_shape=(HEIGHT, WIDTH))).patterns
    blurred = blurred.reshape(HEIGHT, WIDTH, 6)
    torch.testing.assert_close(blurred.sum((0, 1)), torch.arange(1.0, 7.0, dtype=torch.float64), rtol=1e-5, atol=0)
    share = blurred[..., 0].numpy()
    for axis, middle in ((0, 12), (1, 8)):
        along = share.sum(1 - axis)
        assert (along * (np.arange(len(along)) - middle) ** 2).sum() == pytest.approx(1.3**2, rel=1e-3)


@pytest.mark.parametrize("part", [Descan(), Drift(), Flyback(), SourceSize()])
def test_what_needs_a_scan_says_so(part: Perturbation, places: Batch, apply: Make) -> None:
    with pytest.raises(ValueError, match="acts on a whole scan, got 408 patterns"):
        apply(part, dataclasses.replace(places, scan_shape=None))
    with pytest.raises(ValueError, match="needs whole rows of a 24 x 11 scan"):
        apply(part, dataclasses.replace(places, scan_shape=(24, 11)))
