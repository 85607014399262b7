"""The probe: an edge measured on one pixel phase holds on all others."""

from __future__ import annotations

import drawn_disks as drawn
import numpy as np
import pytest

from polwidgets.disks.probe import TABLE_PX, estimated_probe, measured_probe, synthetic_probe
from polwidgets.simulate.nanobeam import Nanobeam, vacuum_probe

SHAPE = (drawn.ROWS, drawn.COLUMNS)


@pytest.mark.parametrize("place", [(0.0, 0.0), (0.37, -0.21), (-7.5, 11.25)])
def test_the_measured_edge_predicts_other_places(place: tuple[float, float]) -> None:
    found = measured_probe(drawn.probe(), SHAPE)
    assert found.radius_px == pytest.approx(drawn.RADIUS_PX, abs=0.05)
    # blur and pixel together
    assert found.edge_px == pytest.approx(np.hypot(0.5, 12**-0.5), abs=0.04)
    condition = Nanobeam(center_y=place[0] * drawn.K_STEP, center_x=place[1] * drawn.K_STEP, blur_px=0.5)
    image = vacuum_probe(
        voltage_kV=drawn.VOLTAGE_KV, semiangle_mrad=drawn.SEMIANGLE_MRAD, ky=drawn.KY, kx=drawn.KX, seed=0, condition=condition
    ).values
    down, right = np.indices(SHAPE)
    offset = np.stack([down - drawn.ROWS // 2 - place[0], right - drawn.COLUMNS // 2 - place[1]], -1) @ found.shape.T
    predicted = np.interp(np.linalg.norm(offset, axis=-1), np.arange(len(found.profile)) * TABLE_PX, found.profile, right=0)
    assert np.abs(image / image.max() - predicted).max() < 0.03


def test_an_elliptical_probe_is_round_after_its_matrix() -> None:
    condition = Nanobeam(ellipticity=0.06, ellipticity_angle_deg=30.0, blur_px=0.4, dose=1e6)
    image = vacuum_probe(
        voltage_kV=drawn.VOLTAGE_KV, semiangle_mrad=drawn.SEMIANGLE_MRAD, ky=drawn.KY, kx=drawn.KX, seed=1, condition=condition
    )
    found = measured_probe(image, SHAPE)
    axes = np.linalg.svd(found.shape, compute_uv=False)
    assert axes[0] / axes[1] == pytest.approx(1.06, abs=0.006)
    # the long axis, 30 degrees up from the right, is what the matrix shortens
    long_axis = np.array([-np.sin(np.deg2rad(30)), np.cos(np.deg2rad(30))])
    assert np.linalg.norm(found.shape @ long_axis) == pytest.approx(1.06**-0.5, abs=0.004)


def test_a_probe_is_estimated_from_patterns() -> None:
    mean = drawn.scan([drawn.INSTRUMENT] * 6, (1, 6)).mean(("scan_y", "scan_x")).values
    assert estimated_probe(mean, radius_px=4.0).radius_px == pytest.approx(drawn.RADIUS_PX, abs=0.25)


def test_errors_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="same detector"):
        measured_probe(drawn.probe(), (64, 64))
    with pytest.raises(ValueError, match="empty"):
        measured_probe(np.zeros(SHAPE), SHAPE)
    with pytest.raises(ValueError, match="semiangle_mrad"):
        synthetic_probe(80.0, SHAPE)
