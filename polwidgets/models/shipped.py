"""Weights that come with polwidgets, each with a model card beside it."""

from __future__ import annotations

from importlib.resources import as_file, files

from polwidgets.models.base import Model, models


def has_shipped(name: str) -> bool:
    """Whether weights of the registered model `name` come with polwidgets."""
    return files("polwidgets").joinpath("data", "weights", f"{name}.safetensors").is_file()


def load_shipped(name: str) -> Model:
    """The registered model `name` with the weights that come with polwidgets; their card is the ``.md`` file beside them.

    Raises
    ------
    KeyError
        There is no such model.
    FileNotFoundError
        No weights of it are shipped.
    """
    kind = models[name]
    if not has_shipped(name):
        known = ", ".join(other for other in models if has_shipped(other))
        raise FileNotFoundError(f"no weights of {name} come with polwidgets, only of {known}; train it (`polwidgets train`)")
    with as_file(files("polwidgets").joinpath("data", "weights", f"{name}.safetensors")) as path:
        return kind.load(path)
