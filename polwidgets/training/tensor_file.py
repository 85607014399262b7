"""Tensors and what is to be known of them in one safetensors file; no pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

KEY: Final = "polwidgets"


def save_bytes(path: str | Path, content: bytes) -> None:
    """Write aside, then rename, so that a broken run leaves no half file."""
    target = Path(path)
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        aside.write_bytes(content)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def save_tensors(path: str | Path, tensors: Mapping[str, torch.Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors by name, and `about` as JSON."""
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_bytes(path, save(whole, metadata={KEY: json.dumps(about)}))


def load_tensors(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """What `save_tensors` wrote: tensors by name, and what was said about them.

    Raises
    ------
    ValueError
        The file is broken, or another program's.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with safe_open(str(path), framework="pt") as file:
            text = (file.metadata() or {}).get(KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, not a mapping
        about = json.loads(text or "null")
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{path} is no whole safetensors file ({error}); give one that polwidgets wrote, or write it again") from error
    if not isinstance(about, dict):
        raise ValueError(f"{path} is a safetensors file of another program; give one that polwidgets wrote")
    return tensors, about
