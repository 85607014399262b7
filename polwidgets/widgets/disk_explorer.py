"""The disk explorer in its two hosts: Jupyter (anywidget) and Panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

import xarray as xr
from numpy.typing import NDArray

from polwidgets.widgets.dataset_trait import DatasetTrait
from polwidgets.widgets.host import FOLDER, BrowserPane, BrowserWidget, browser_module, style_sheet
from polwidgets.widgets.view_state import ViewState

if TYPE_CHECKING:
    from polwidgets.disks.base import DiskDetector
    from polwidgets.widgets.disk_explorer_model import DiskExplorerModel

ESM: Final = browser_module(
    "maths.mjs", "requests.mjs", "canvas_view.mjs", "controls.mjs", "overlays.mjs", "zoom.mjs", "lattice.mjs", "disk_overlays.mjs",
    "disk_explorer.mjs",
)  # fmt: skip
STYLE: Final = style_sheet() + (FOLDER / "strain.css").read_text(encoding="utf-8")


class DiskExplorerPane(BrowserPane):
    """A `DiskExplorerModel` as a Panel component."""

    _esm = ESM
    _stylesheets: ClassVar = [STYLE]


class DiskExplorer(BrowserWidget):
    """The Bragg disks of the pattern at the probe position, found and measured anew while the detector's parameters are moved.

    What a detector proposes follows the slider; once it rests, the disks are measured by the probe's edge and a lattice is
    fitted to them. The lattice can be dragged; when it is let go, it is fitted again from there. *Map strain* does the same
    to every pattern, in the background.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx)
        Nanobeam patterns with separate disks; a lone pattern is a scan of one position.
    probe : array (ky, kx), optional
        Vacuum pattern on the same detector. Without it one is estimated from the undiffracted disk.
    state : ViewState, optional
        Shared with other widgets: the probe position, and the region that may be taken for unstrained.
    detector : str or DiskDetector
        Where the controls start; ``auto`` is the best there is.

    Attributes
    ----------
    detector : DiskDetector
        As the controls say: to be given to `pw.strain_map` or `pw.find_disks`.
    strain, disks : Dataset or None
        What the last run over the whole scan gave; traits, to be observed.
    """

    _esm = ESM
    _css = STYLE
    _pane = DiskExplorerPane
    model: DiskExplorerModel
    strain = DatasetTrait()
    disks = DatasetTrait()

    def __init__(
        self,
        cube: xr.DataArray,
        probe: xr.DataArray | NDArray[Any] | None = None,
        state: ViewState | None = None,
        detector: str | DiskDetector = "auto",
    ) -> None:
        # only here: Panel has to know the pane when a page is made, long before disks are looked for
        from polwidgets.widgets.disk_explorer_model import DiskExplorerModel

        model = DiskExplorerModel(cube, probe=probe, state=state, detector=detector)
        super().__init__(model)
        self.state = model.state
        for name in ("strain", "disks"):
            model.observe(lambda change: self.set_trait(change["name"], change["new"]), name)

    @property
    def detector(self) -> DiskDetector:
        """The detector as the controls say."""
        return self.model.detector
