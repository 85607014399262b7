"""What a prefab is: a family of scenes with a few parameters, and the distributions they are drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, Protocol, runtime_checkable

from polwidgets.registry import Registry
from polwidgets.scenes.distributions import Distribution
from polwidgets.scenes.scene import Scene


@runtime_checkable
class Prefab(Protocol):
    """A part: a frozen dataclass whose fields are numbers and words."""

    drawn: ClassVar[Mapping[str, Distribution]]
    """The parameters that differ from scene to scene, and how; the others stay at their defaults."""

    def build(self, *, seed: int) -> Scene:
        """The scene with these parameters; the seed draws what they leave open (orientation, amorphous positions)."""


prefabs: Final[Registry[Prefab]] = Registry("prefab", "polwidgets.scenes.prefabs")
