"""Specimens are never on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polwidgets.training.split import split_specimens


@given(specimen=st.lists(st.integers(0, 6), min_size=2, max_size=60), share=st.floats(0.0, 1.0), seed=st.integers(0, 2**32 - 1))
def test_no_specimen_is_on_both_sides(specimen: list[int], share: float, seed: int) -> None:
    owner = np.array(specimen)
    split = split_specimens(owner, share=share, seed=seed)
    assert sorted([*split.training, *split.validation]) == list(range(len(owner)))
    assert len(split.training)
    assert len(split.validation)
    if len(set(specimen)) > 1:
        assert split.by == "specimen"
        assert not set(owner[split.training]) & set(owner[split.validation])
    else:
        assert split.by == "position"
    again = split_specimens(owner, share=share, seed=seed)
    np.testing.assert_array_equal(split.training, again.training)


def test_the_share_is_kept_to() -> None:
    split = split_specimens(np.repeat(np.arange(20), 7), share=0.25, seed=3)
    assert len(split.validation) == 5 * 7


def test_one_sample_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="at least two"):
        split_specimens(np.zeros(1), seed=0)
