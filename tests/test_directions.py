from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polwidgets.directions import (
    ANGLES_DEG,
    NAMES,
    angular_difference,
    direction_to_vector,
    nearest_class,
    rotate_vector,
    vector_to_direction,
)


@pytest.mark.parametrize(
    ("name", "vector"), [("RM", (0, 1)), ("MU", (-1, 0)), ("LM", (0, -1)), ("MD", (1, 0)), ("RU", (-1, 1)), ("LD", (1, -1))]
)
def test_names_are_what_is_seen(name, vector) -> None:
    """Rows grow downward: up is minus row."""
    angle = ANGLES_DEG[NAMES.index(name)]
    np.testing.assert_allclose(direction_to_vector(angle) * np.linalg.norm(vector), vector, atol=1e-12)
    assert vector_to_direction(vector) == pytest.approx(angle)
    assert nearest_class(angle + 20) == nearest_class(angle - 20) == NAMES.index(name)


@given(st.floats(-1e4, 1e4))
def test_there_and_back(angle) -> None:
    back = float(vector_to_direction(direction_to_vector(angle)))
    assert 0 <= back < 360
    assert abs(float(angular_difference(back, angle))) < 1e-6


@given(st.floats(-720, 720), st.floats(-720, 720))
def test_turning_is_anticlockwise_on_screen(angle, turn) -> None:
    np.testing.assert_allclose(rotate_vector(direction_to_vector(angle), turn), direction_to_vector(angle + turn), atol=1e-9)
