"""A trait that holds a dataset."""

from __future__ import annotations

from typing import Any

import traitlets
import xarray as xr


class DatasetTrait(traitlets.TraitType[Any, Any]):
    """An `xarray.Dataset` or None.

    Observers are told of every other object: datasets compare element by element, which traitlets would take for "the same".
    """

    default_value = None
    info_text = "an xarray.Dataset or None"

    def validate(self, obj: Any, value: Any) -> Any:
        """Refuse anything else."""
        if value is not None and not isinstance(value, xr.Dataset):
            self.error(obj, value)
        return value

    def set(self, obj: Any, value: Any) -> None:
        """Put another dataset there."""
        name = str(self.name)
        old, new = getattr(obj, name), self._validate(obj, value)
        obj._trait_values[name] = new  # noqa: SLF001 as the method that this one replaces
        if new is not old:
            obj._notify_trait(name, old, new)  # noqa: SLF001
