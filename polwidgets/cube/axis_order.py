"""Other programs' axis orders, turned into (scan_y, scan_x, ky, kx) with rows growing downward."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from polwidgets.cube.schema import DIMS

# A minus means that the axis grows upward on screen, so its rows are reversed.
# py4DSTEM calls rows x: its (Rx, Ry, Qx, Qy) is our order already. abTEM draws x to the right and y upward; reversing y
# keeps what is seen on screen, and with it the handedness.
NAMED_ORDERS: Final = {
    "py4DSTEM": DIMS,
    "abTEM": ("scan_x", "-scan_y", "kx", "-ky"),
}


def parse_order(order: str) -> tuple[str, ...]:
    """Names of the axes, first to last, for a name ("py4DSTEM", "abTEM") or a list like "ky kx scan_y scan_x"."""
    if order in NAMED_ORDERS:
        return NAMED_ORDERS[order]
    axes = tuple(order.replace(",", " ").split())
    if sorted(axis.removeprefix("-") for axis in axes) != sorted(DIMS):
        raise ValueError(
            f"axis_order {order!r} is neither one of {', '.join(NAMED_ORDERS)} nor the four names {' '.join(DIMS)} in the file's order "
            "(with a minus for an axis that grows upward or leftward), for example 'ky kx scan_y scan_x'"
        )
    return axes


def reorder(array: Any, order: str) -> Any:
    """The array (NumPy or dask) with axes in `order` as (scan_y, scan_x, ky, kx); lazy where the array is."""
    axes = parse_order(order)
    if np.ndim(array) != len(DIMS):
        raise ValueError(f"axis_order needs a 4D array, got shape {np.shape(array)}; give scan_shape as well")
    array = array[tuple(slice(None, None, -1 if axis.startswith("-") else 1) for axis in axes)]
    names = [axis.removeprefix("-") for axis in axes]
    return array.transpose([names.index(dim) for dim in DIMS])
