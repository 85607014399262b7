from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from polwidgets.cube.axis_order import parse_order, reorder
from polwidgets.cube.schema import DIMS


@pytest.mark.parametrize("order", list(permutations(DIMS)))
def test_any_order_comes_back(asymmetric_cube, order) -> None:
    cube = asymmetric_cube()
    np.testing.assert_array_equal(reorder(cube.transpose(*order).values, " ".join(order)), cube.values)


@pytest.mark.parametrize("lazy", [False, True])
def test_py4dstem_calls_rows_x(asymmetric_cube, lazy) -> None:
    cube = asymmetric_cube(lazy=lazy)
    np.testing.assert_array_equal(reorder(cube.data, "py4DSTEM"), cube.values)


def test_abtem_draws_y_upward(asymmetric_cube) -> None:
    cube = asymmetric_cube()
    # abTEM: x to the right, y upward, so its array is [x, y, kx, ky] of our columns and reversed rows
    abtem = np.empty((cube.sizes["scan_x"], cube.sizes["scan_y"], cube.sizes["kx"], cube.sizes["ky"]), cube.dtype)
    for x, y, kx, ky in np.ndindex(abtem.shape):
        abtem[x, y, kx, ky] = cube.values[cube.sizes["scan_y"] - 1 - y, x, cube.sizes["ky"] - 1 - ky, kx]
    np.testing.assert_array_equal(reorder(abtem, "abTEM"), cube.values)


def test_wrong_orders_are_named() -> None:
    with pytest.raises(ValueError, match=r"axis_order 'kx ky' is neither one of py4DSTEM, abTEM nor"):
        parse_order("kx ky")
    with pytest.raises(ValueError, match=r"needs a 4D array, got shape \(2, 3\)"):
        reorder(np.zeros((2, 3)), "py4DSTEM")
