"""The specimen matcher in its two hosts: Jupyter (anywidget) and Panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import traitlets
import xarray as xr

from polwidgets.widgets.host import BrowserPane, BrowserWidget, browser_module
from polwidgets.widgets.view_state import ViewState

if TYPE_CHECKING:
    from polwidgets.match.specimen import SpecimenFit

ESM: Final = browser_module(
    "maths.mjs", "requests.mjs", "canvas_view.mjs", "controls.mjs", "ink_plot.mjs", "plots.mjs", "specimen_matcher.mjs"
)


class SpecimenMatcherPane(BrowserPane):
    """A `SpecimenMatcherModel` as a Panel component."""

    _esm = ESM


class SpecimenMatcher(BrowserWidget):
    """Measured pattern, simulated pattern and their difference, while thickness, tilt and all the rest are moved by hand.

    The crystal is simulated for all thicknesses when the widget is first shown; from then on a pattern takes some tens of
    milliseconds. *Fit* finds the specimen from the data, in the background, and puts it into the sliders.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx) or (ky, kx)
        A calibrated scan, or a lone position-averaged pattern (PACBED); attrs ``voltage_kV`` and ``semiangle_mrad``.
    state : ViewState, optional
        Shared with other widgets; its probe position says which pattern may be compared once the lattice is known.
    specimen : SpecimenFit, optional
        A match made before (`pw.match`).
    crystal : str or Crystal
        Ignored where a specimen says it.
    **options
        ``thickness_range_A`` ((40, 700)): what the thickness slider covers, and where the fit searches.

    Attributes
    ----------
    specimen : SpecimenFit or None
        The last match; a trait, to be observed or set.
    """

    _esm = ESM
    _pane = SpecimenMatcherPane
    specimen = traitlets.Any(None, allow_none=True)

    def __init__(
        self,
        cube: xr.DataArray,
        state: ViewState | None = None,
        specimen: SpecimenFit | None = None,
        crystal: str = "knn",
        **options: Any,
    ) -> None:
        # only here: Panel has to know the pane when a page is made, long before anybody simulates
        from polwidgets.widgets.specimen_model import SpecimenMatcherModel

        model = SpecimenMatcherModel(cube, state=state, specimen=specimen, crystal=crystal, **options)
        super().__init__(model)
        self.state = model.state
        self.specimen = model.specimen
        traitlets.link((model, "specimen"), (self, "specimen"))
