"""Sessions: the state of an explorer and its match as a JSON file, with the map that it shows beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import traitlets
import xarray as xr

from polwidgets import __version__
from polwidgets.models.prediction import save_prediction
from polwidgets.widgets.geometry import choose_detector
from polwidgets.widgets.session_match import match_from, match_values
from polwidgets.widgets.view_state import ViewState


def session_text(state: ViewState, **more: Any) -> str:
    """The state, and what else was said, as JSON text; a `SpecimenFit` may be among it as ``specimen``."""
    values = {name: getattr(state, name) for name in sorted(state.trait_names())}
    specimen = more.pop("specimen", None)
    match = {} if specimen is None else {"specimen": match_values(specimen)}
    return json.dumps({"polwidgets": __version__, **more, "state": values, **match}, indent=1)


def apply_session(state: ViewState, text: str) -> dict[str, Any]:
    """Put a session's state into `state`, all of it or nothing; returns what else the session says.

    A match comes back as the `SpecimenFit` it was, under ``specimen``; sessions of before have none.
    """
    try:
        content = json.loads(text)
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in content.pop("state").items()}
        # refuses unknown names and values before the living state is touched
        ViewState(**values)
        if "specimen" in content:
            content["specimen"] = match_from(content["specimen"])
    except (ValueError, TypeError, KeyError, AttributeError, traitlets.TraitError) as error:
        raise ValueError(f"this is no saved session: {error}; give a file that Explorer.save wrote") from error
    with state.hold_trait_notifications():
        for name, value in values.items():
            setattr(state, name, value)
    return dict(content)


def save_session(path: Path, state: ViewState, prediction: xr.Dataset | None, **more: Any) -> None:
    """Write the session and, where there is one, its map as ``NAME.map.zarr`` in the same folder."""
    beside = path.with_suffix(".map.zarr")
    if prediction is not None:
        save_prediction(prediction, beside)
    aside = path.with_name(f".{path.name}.part")
    aside.write_text(session_text(state, map=beside.name if prediction is not None else None, **more), encoding="utf-8")
    aside.replace(path)


def load_session(path: Path, state: ViewState) -> tuple[dict[str, Any], xr.Dataset | None]:
    """Put a saved session into `state`; returns what else it says, and its map."""
    more = apply_session(state, path.read_text(encoding="utf-8"))
    name = more.get("map")
    # only ever the file beside it, whatever the text says
    return more, xr.open_zarr(path.parent / Path(name).name).load() if name else None


def reset_state(state: ViewState, cube: xr.DataArray) -> None:
    """Put a state back to where it starts on this cube."""
    fresh = ViewState(probe=(cube.sizes["scan_y"] // 2, cube.sizes["scan_x"] // 2))
    choose_detector(fresh, cube)
    with state.hold_trait_notifications():
        for name in state.trait_names():
            setattr(state, name, getattr(fresh, name))
