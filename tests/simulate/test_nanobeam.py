"""Nanobeam patterns: disks where the strain puts them, electrons conserved, truth beside them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from polwidgets.deformation import deformation
from polwidgets.simulate.bloch import MARGIN, RockingCurves, crystal_frame
from polwidgets.simulate.nanobeam import Nanobeam, nanobeam_patterns, vacuum_probe

STEP = 0.02
KY, KX = ((np.arange(n) - n // 2) * STEP for n in (61, 74))
ALPHA = 5.2 * STEP
SETTINGS = {"voltage_kV": 300.0, "semiangle_mrad": ALPHA * 19.6875, "ky": KY, "kx": KX}


def one_disk(g: tuple[float, float], slope: float = 0.0) -> RockingCurves:
    mesh = np.linspace(-MARGIN, MARGIN, 7)
    inside = torch.tensor(1 + slope * np.broadcast_to(mesh, (7, 7)), dtype=torch.float32)[None, None]
    zero = np.zeros(1)
    return RockingCurves(inside, np.array([100.0]), np.array([g]), zero, zero + 0.5, mesh * ALPHA, ALPHA, (0.0, 0.0), 300.0)


def middle(pattern: np.ndarray) -> np.ndarray:
    return np.array([(pattern.sum(1) * KY).sum(), (pattern.sum(0) * KX).sum()]) / pattern.sum()


def test_a_strained_disk_moves_as_the_inverse_transpose_says() -> None:
    g = (0.23, -0.31)
    condition = Nanobeam(e_xx=0.02, e_yy=-0.015, e_xy=0.01, rotation_deg=2.0, center_y=0.013, center_x=-0.007)
    made = nanobeam_patterns(one_disk(g), [condition], ky=KY, kx=KX, seed=0)
    expected = np.linalg.inv(deformation(0.02, -0.015, 0.01, 2.0)).T @ g + [0.013, -0.007]
    np.testing.assert_allclose(middle(made.intensity.values[0]), expected, atol=1e-5)
    np.testing.assert_allclose([made.disk_ky.item(), made.disk_kx.item()], expected)
    spot = made.structure_factor.values[0]
    np.testing.assert_allclose(middle(spot), expected, atol=1e-4)
    assert spot.max() == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize("blur", [0.0, 0.4, 1.2])
def test_all_electrons_arrive(blur: float) -> None:
    made = nanobeam_patterns(one_disk((0.0, 0.0)), [Nanobeam(blur_px=blur, background=0.2, ellipticity=0.03)], ky=KY, kx=KX, seed=0)
    assert made.intensity.sum().item() == pytest.approx(1, abs=5e-3)


def test_contrast_inside_leans_the_way_it_should() -> None:
    right = nanobeam_patterns(one_disk((0.0, 0.0), slope=0.5), [Nanobeam()], ky=KY, kx=KX, seed=0).intensity.values[0]
    # mean of x (1 + s x) over a disk of radius a is s a / 4
    np.testing.assert_allclose(middle(right), [0, 0.5 * ALPHA / 4], atol=0.02 * ALPHA)


def test_the_same_seed_draws_the_same_counts() -> None:
    first, again, other = (nanobeam_patterns(one_disk((0.1, 0.2)), [Nanobeam(dose=1e4)], ky=KY, kx=KX, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.intensity, again.intensity)
    assert (first.intensity != other.intensity).any()
    assert first.intensity.sum().item() == pytest.approx(1e4, rel=0.05)
    np.testing.assert_array_equal(first.intensity, np.rint(first.intensity))


def test_disks_off_the_detector_are_not_in_the_truth() -> None:
    made = nanobeam_patterns(one_disk((0.0, 2.0)), [Nanobeam()], ky=KY, kx=KX, seed=0)
    assert np.isnan(made.disk_ky).all()
    assert made.intensity.sum() == 0


def test_the_probe_is_round_and_elliptical_as_told() -> None:
    round_probe = vacuum_probe(seed=0, **SETTINGS).values  # type: ignore[arg-type]
    assert (round_probe > 0.5 * round_probe.max()).sum() == pytest.approx(np.pi * 5.2**2, rel=0.05)
    wide = vacuum_probe(seed=0, condition=Nanobeam(ellipticity=0.2), **SETTINGS).values  # type: ignore[arg-type]
    down, right = ((wide.sum(axis) * k**2).sum() for axis, k in ((1, KY), (0, KX)))
    assert np.sqrt(right / down) == pytest.approx(1.2, abs=0.02)


def test_a_half_open_aperture_is_half_a_disk() -> None:
    def right_half(points: torch.Tensor, width: float) -> torch.Tensor:  # noqa: ARG001
        return ((torch.linalg.vector_norm(points, dim=-1) <= 1) & (points[..., 1] > 0)).float()

    made = vacuum_probe(seed=0, aperture=right_half, **SETTINGS).values  # type: ignore[arg-type]
    np.testing.assert_allclose(middle(made), [0, 4 * ALPHA / (3 * np.pi)], atol=0.03 * ALPHA)
    assert made.sum() == pytest.approx(1, abs=0.02)


def test_the_frame_of_a_zone_axis_looks_along_it() -> None:
    from ase.build import bulk

    np.testing.assert_allclose(crystal_frame(bulk("Au", cubic=True), (1, 1, 1))[2], np.ones(3) / 3**0.5)
