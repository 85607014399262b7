"""Patterns brought into another frame, against a picture that is known everywhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from polwidgets.training.frame import Frame, shares, view_in

SPOTS = np.array([[0.5, 0.2, 0.16], [-0.3, 0.45, 0.2], [-0.1, -0.4, 0.13]])  # along the crystal's axes (down, right), and width


def density(k: np.ndarray) -> np.ndarray:
    """Counts a (1/angstrom)^2 at wave vectors (..., 2) along the crystal's axes."""
    return sum((4 + number) * np.exp(-0.5 * ((k - spot[:2]) ** 2).sum(-1) / spot[2] ** 2) for number, spot in enumerate(SPOTS))


def recorded(frame: Frame) -> np.ndarray:
    """What a detector counts, pixel by pixel: the density's mean over each, by a fine sum."""
    inside = (np.arange(5) + 0.5) / 5 - 0.5
    ky = frame.ky[:, None] + inside * frame.k_step[0]
    kx = frame.kx[:, None] + inside * frame.k_step[1]
    down, right = np.broadcast_arrays(ky[:, None, :, None], kx[None, :, None, :])
    angle = np.deg2rad(frame.rotation_deg)
    # turning a vector back, clockwise on screen
    k = np.stack([np.cos(angle) * down + np.sin(angle) * right, -np.sin(angle) * down + np.cos(angle) * right], -1)
    return density(k).mean((2, 3)) * abs(frame.k_step[0] * frame.k_step[1])


def every(frame: Frame) -> np.ndarray:
    return np.arange(frame.shape[0] * frame.shape[1]).reshape(frame.shape)


SOURCE = Frame((45, 52), (0.05, 0.045), (20.3, 27.8), rotation_deg=25.0)


@pytest.mark.parametrize(
    "target",
    [
        Frame((24, 20), (0.1, 0.11), (11.5, 9.0)),
        Frame((30, 33), (0.06, 0.06), (14.0, 17.5), rotation_deg=-10.0),
        Frame((50, 46), (-0.04, 0.042), (24.5, 22.5), rotation_deg=115.0),
    ],
    ids=["coarser", "turned", "finer and upside down"],
)
def test_resampled_counts_are_what_that_detector_would_have_recorded(target: Frame) -> None:
    view = view_in(target, SOURCE, every(SOURCE))
    found = view(recorded(SOURCE).reshape(1, -1).astype(np.float32)).reshape(target.shape)
    expected = recorded(target)
    seen = view.seen.reshape(target.shape)
    assert np.abs(found - expected)[seen].max() < 0.05 * expected.max()
    assert found[seen].sum() == pytest.approx(expected[seen].sum(), rel=0.01)


def test_every_count_stays() -> None:
    """Counts (positive, uneven) that all lie inside."""
    counts = np.zeros(SOURCE.shape, np.float32)
    counts[15:28, 20:34] = np.random.default_rng(0).poisson(5, (13, 14))
    target = Frame((40, 41), (0.07, 0.06), (19.0, 21.0), rotation_deg=3.0)
    found = view_in(target, SOURCE, every(SOURCE))(counts.reshape(1, -1))
    assert found.sum() == pytest.approx(counts.sum(), rel=0.01)


def test_the_same_detector_is_left_alone() -> None:
    rows = np.random.default_rng(1).random((3, SOURCE.shape[0] * SOURCE.shape[1]), np.float32)
    view = view_in(SOURCE, SOURCE, every(SOURCE))
    assert view.matrix is None
    assert view(rows) is rows


def test_bad_pixels_are_filled_and_large_holes_not_seen() -> None:
    good = np.ones(SOURCE.shape, bool)
    good[20] = good[8, 30] = False
    good[:9, :9] = False
    index = np.where(good, np.cumsum(good).reshape(good.shape) - 1, -1)
    picture = recorded(SOURCE)
    view = view_in(SOURCE, SOURCE, index)
    found = view(picture[good][None].astype(np.float32)).reshape(SOURCE.shape)
    np.testing.assert_allclose(found[good], picture[good], rtol=1e-5)
    np.testing.assert_allclose(found[20, 12:], picture[20, 12:], atol=0.1 * picture.max())
    assert found[8, 30] == pytest.approx(picture[7:10, 29:32][good[7:10, 29:32]].mean(), rel=1e-5)
    seen = view.seen.reshape(SOURCE.shape)
    assert not seen[:6, :6].any()
    assert (found[:6, :6] == 0).all()
    assert seen[20].all()


def test_too_coarse_a_detector_is_refused() -> None:
    with pytest.raises(ValueError, match=r"2\.5 times .* cannot be resampled"):
        view_in(Frame((9, 9), (0.018, 0.018), (4.0, 4.0)), SOURCE, every(SOURCE))


def test_shares_do_not_know_the_exposure() -> None:
    patterns = torch.rand(3, 20) + 0.1
    torch.testing.assert_close(shares(patterns), shares(patterns * torch.tensor([[1.0], [50.0], [0.01]])))
    torch.testing.assert_close(shares(patterns).mean(1), torch.ones(3))
    assert torch.isfinite(shares(torch.zeros(1, 20))).all()
