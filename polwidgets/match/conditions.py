"""What has to be known of specimen and microscope before a pattern can be computed."""

from __future__ import annotations

import dataclasses

import numpy as np

from polwidgets.registry import parameter


@dataclasses.dataclass(frozen=True)
class Conditions:
    """Specimen and microscope at which the simulator is run; the step is what a fit takes as a natural small change.

    The detector's coords may be off centre and turned against the crystal; the origin is what the lattice that was seen
    in the scan must still be moved by.
    """

    thickness_A: float = parameter(200.0, "specimen thickness", min=0, max=2000, step=10, unit="angstrom")
    tilt_y_mrad: float = parameter(0.0, "mistilt of the beam against the zone axis, up on screen", min=-15, max=15, step=0.3, unit="mrad")
    tilt_x_mrad: float = parameter(0.0, "mistilt, right on screen", min=-15, max=15, step=0.3, unit="mrad")
    source_A: float = parameter(0.35, "source size, standard deviation", min=0.0, max=2.0, step=0.03, unit="angstrom")
    blur: float = parameter(0.04, "detector blur, standard deviation", min=0.001, max=0.3, step=0.01, unit="1/angstrom")
    center_y: float = parameter(0.0, "undiffracted beam on the detector, down", step=0.01, unit="1/angstrom")
    center_x: float = parameter(0.0, "undiffracted beam on the detector, right", step=0.01, unit="1/angstrom")
    rotation_deg: float = parameter(0.0, "crystal on the detector, anticlockwise on screen", step=0.5, unit="degree")
    k_scale: float = parameter(1.0, "true wave number over the one the coords say", min=0.5, max=2, step=0.003)
    origin_y: float = parameter(0.0, "phase to add to the lattice's, down", step=0.01, unit="cell")
    origin_x: float = parameter(0.0, "phase to add to the lattice's, right", step=0.01, unit="cell")

    @property
    def crystal_tilt_mrad(self) -> tuple[float, float]:
        """The mistilt up and right along the crystal's axes."""
        angle = np.deg2rad(self.rotation_deg)
        up, right = self.tilt_y_mrad, self.tilt_x_mrad
        return float(np.cos(angle) * up - np.sin(angle) * right), float(np.sin(angle) * up + np.cos(angle) * right)

    def moved(self, names: list[str], steps: list[float]) -> Conditions:
        """These conditions with `names` changed by so many natural steps, within their limits."""
        values = {}
        for name, amount in zip(names, steps, strict=True):
            limits = _METADATA[name]
            value = getattr(self, name) + amount * limits["step"]
            value = max(value, limits["min"]) if limits["min"] is not None else value
            values[name] = min(value, limits["max"]) if limits["max"] is not None else value
        return dataclasses.replace(self, **values)


_METADATA = {field.name: field.metadata for field in dataclasses.fields(Conditions)}


def natural_step(name: str) -> float:
    """The natural small change of a condition, in its own unit."""
    return float(_METADATA[name]["step"])
