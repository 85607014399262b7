"""The one state that linked widgets share."""

from __future__ import annotations

from typing import Any, Final

import traitlets

DETECTOR_SHAPES: Final = ("point", "ring", "segment", "quadrants right - left", "quadrants up - down")


class ViewState(traitlets.HasTraits):
    """Where one looks and how: small values only, never data.

    Widgets link to a state and none holds another, so everything given the same state moves together::

        state = pw.ViewState(probe=(12, 40))
        pw.CubeBrowser(scan, state=state)
        pw.LinkedMaps(prediction, cube=scan, state=state)
        state.observe(print, "probe")
    """

    probe = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(0, 0))
    """Probe position (row, column) in scan pixels."""

    detector_shape = traitlets.Enum(DETECTOR_SHAPES, default_value="ring")
    """Shape of the virtual detector: a ring is a disk where its inner radius is 0; a segment is cut from it by two angles;
    the quadrants' image is right less left, or up less down."""

    detector_center = traitlets.Tuple(traitlets.Float(), traitlets.Float(), default_value=(0.0, 0.0))
    """Centre (row, column) of the virtual detector in detector pixels."""

    detector_inner = traitlets.Float(0.0, min=0.0)
    """Inner radius of the virtual detector in detector pixels; 0 for a disk."""

    detector_outer = traitlets.Float(0.0, min=0.0)
    """Outer radius of the virtual detector in detector pixels; 0 until somebody chooses one."""

    detector_angles = traitlets.Tuple(traitlets.Float(), traitlets.Float(), default_value=(-45.0, 45.0))
    """Where a segment begins and ends, in degrees anticlockwise on screen from +kx; quadrants are turned by the middle."""

    region = traitlets.Tuple(default_value=())
    """Corners (row, column) of a region of the scan, a closed polygon in scan pixels; empty for none."""

    pattern_of = traitlets.Enum(("probe", "region"), default_value="probe")
    """Whether the pattern shown is that at the probe position or the mean of the region."""

    center_of_mass = traitlets.Bool(False)
    """Whether arrows on the scan image show the patterns' centres of mass."""

    pattern_scale = traitlets.Enum(("linear", "sqrt", "log"), default_value="sqrt")
    """How intensities of the pattern become colours."""

    pattern_limits = traitlets.Tuple(traitlets.Float(), traitlets.Float(), default_value=None, allow_none=True)
    """Colour limits (low, high) of the pattern in the cube's units; None: automatic."""

    scan_limits = traitlets.Tuple(traitlets.Float(), traitlets.Float(), default_value=None, allow_none=True)
    """Colour limits (low, high) of the virtual image in the cube's units; None: automatic."""

    perturbations = traitlets.Tuple().tag(python_only=True)
    """Chosen perturbations in their order, each a part as JSON text (`Registry.to_json`)."""

    seed = traitlets.Int(0, min=0).tag(python_only=True)
    """What is drawn at random, by perturbations and by training, is drawn with this seed."""

    model = traitlets.Unicode('{"model": "unit_cell_match"}').tag(python_only=True)
    """Chosen model, a part as JSON text."""

    context = traitlets.Enum(("unit_cell", "pattern"), default_value="unit_cell").tag(python_only=True)
    """Whether evidence is pooled over a unit cell or every pattern speaks for itself."""

    @traitlets.validate("region")
    def _corners(self, proposal: Any) -> tuple[tuple[float, float], ...]:
        corners = tuple((float(row), float(column)) for row, column in proposal["value"])
        if len(corners) in (1, 2):
            raise traitlets.TraitError(f"a region needs at least three corners (row, column), or none, got {corners}")
        return corners

    def __init__(self, **values: Any) -> None:
        unknown = sorted(set(values) - set(self.trait_names()))
        if unknown:
            known = ", ".join(sorted(self.trait_names()))
            raise TypeError(f"ViewState has no {', '.join(unknown)}; check the spelling. It has: {known}.")
        super().__init__(**values)
