from __future__ import annotations

import pytest
import traitlets

from polwidgets.widgets.view_state import ViewState


def test_values_are_kept_and_observed():
    state = ViewState(probe=(3, 4))
    seen = []
    state.observe(lambda change: seen.append(change["new"]), "probe")
    state.probe = (5, 6)
    assert seen == [(5, 6)]


def test_a_misspelt_value_is_refused():
    with pytest.raises(TypeError, match=r"no prob; check the spelling. It has: .*probe"):
        ViewState(prob=(1, 2))


@pytest.mark.parametrize(
    "values",
    [
        {"probe": (1.5, 2)},
        {"detector_inner": -1.0},
        {"pattern_scale": "cubic"},
        {"scan_limits": (1.0,)},
        {"region": ((0, 0), (1, 1))},
        {"detector_shape": "square"},
    ],
)
def test_impossible_values_are_refused(values):
    with pytest.raises(traitlets.TraitError):
        ViewState(**values)
