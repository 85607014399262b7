"""Everything together: the scan and its map above, and in tabs where the map comes from and why it fails."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Final

import panel as pn
import param
import xarray as xr

from polwidgets.cube.files import open_cube
from polwidgets.cube.schema import validate
from polwidgets.widgets.background import Background
from polwidgets.widgets.browser_model import CubeBrowserModel
from polwidgets.widgets.cube_browser import CubeBrowserPane
from polwidgets.widgets.direction_map import DirectionMap
from polwidgets.widgets.form import note
from polwidgets.widgets.map_style import load_extensions
from polwidgets.widgets.session import apply_session, load_session, reset_state, save_session
from polwidgets.widgets.tabs import OF_SEPARATE_DISKS, TABS, may_be_separate
from polwidgets.widgets.toolbar import toolbar
from polwidgets.widgets.view import Page
from polwidgets.widgets.view_state import ViewState

NARROWEST_PX: Final = 640  # two views beside each other
WIDEST_PX: Final = 760
TAB_STYLE: Final = ".bk-tab.bk-active { color: inherit; }"  # Bokeh's own ink is not read on dark


class Explorer(Page):
    """One dashboard on one state: scan, pattern and map above; match, training, errors, domain gap and defects in tabs.

    ``explorer.prediction`` and ``explorer.specimen`` are what is shown; setting them shows others. Tabs are built when
    they are first opened, and do nothing while another one is in sight.

    Parameters
    ----------
    cube : DataArray (scan_y, scan_x, ky, kx) or path
        Calibrated; a path is opened with `pw.open_cube`.
    prediction : Dataset on (scan_y, scan_x), optional
        A map made before.
    strain : Dataset on (scan_y, scan_x), optional
        Strain maps made before (`pw.strain_map`), of a scan whose disks are separate.
    specimen : SpecimenFit, optional
        A match made before.
    truth : array (scan_y, scan_x) or float, optional
        True directions in degrees, where they are known: of simulated scans.
    crystal : str or Crystal
    state : ViewState, optional
        Shared with other widgets; by default one of its own.
    preview_MB : float
        Budget of the copy of the scan that the browser holds.
    """

    prediction = param.ClassSelector(class_=xr.Dataset, default=None, allow_None=True, doc="The map that is shown.")
    strain = param.ClassSelector(class_=xr.Dataset, default=None, allow_None=True, doc="The strain maps that are shown.")
    specimen = param.Parameter(default=None, doc="The match that maps and explanations rest on.")

    def __init__(
        self,
        cube: xr.DataArray | str | Path,
        *,
        prediction: xr.Dataset | None = None,
        strain: xr.Dataset | None = None,
        specimen: Any = None,
        truth: Any = None,
        crystal: Any = "knn",
        state: ViewState | None = None,
        preview_MB: float = 64,
    ) -> None:
        load_extensions()
        super().__init__(specimen=specimen, strain=strain)
        self.path = None if isinstance(cube, xr.DataArray) else Path(cube).absolute()
        self.cube = validate(cube) if isinstance(cube, xr.DataArray) else open_cube(cube)
        self.truth, self.crystal = truth, crystal
        browser = CubeBrowserModel(self.cube, state=state, preview_MB=preview_MB)
        self.state = browser.state
        self.map = DirectionMap(self.cube, state=self.state)
        self.parts: dict[str, Any] = {}
        separate = strain is not None or may_be_separate(self.cube)
        self.tabs = [name for name in TABS if separate or name not in OF_SEPARATE_DISKS]
        self._message = note(error=True)
        self._columns = {name: pn.Column(margin=(8, 0), min_height=320) for name in self.tabs}
        self._tabs = pn.Tabs(*self._columns.items(), dynamic=True, margin=(4, 0), stylesheets=[TAB_STYLE])
        self._layout = pn.Column(
            toolbar(self),
            self._message,
            pn.Row(CubeBrowserPane(browser, min_width=NARROWEST_PX, max_width=WIDEST_PX), self.map, sizing_mode="stretch_width", margin=0),
            self._tabs,
            sizing_mode="stretch_width",
        )
        self.param.watch(self._predicted, "prediction")
        self.prediction = prediction
        self._tabs.active = self.tabs.index("Strain" if strain is not None else "Models" if prediction is None else "Maps")
        self._tabs.param.watch(self._opened, "active")
        # the first tab is built once the page has asked for something and so is there; what it needs is imported beside it
        browser.observe(self._shown, "reply")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._layout

    @property
    def tab(self) -> str:
        """The tab in sight; can be set."""
        return self.tabs[self._tabs.active]

    @tab.setter
    def tab(self, name: str) -> None:
        if name not in self.tabs:
            raise ValueError(f"there is no tab {name!r}; there are: {', '.join(self.tabs)}")
        self._tabs.active = self.tabs.index(name)
        self._opened()

    def part(self, name: str) -> Any:
        """What a tab holds, built when it is first asked for."""
        if name not in self.parts:
            self.parts[name] = TABS[name](self)
        return self.parts[name]

    def shown_map(self) -> xr.Dataset:
        """The map that is shown, where there is one."""
        if self.prediction is None:
            raise ValueError("there is no map yet: train and map first")
        return self.prediction

    def save(self, path: str | Path) -> None:
        """Write the session: state and match as JSON, and the map that is shown beside it; see `restore`."""
        save_session(Path(path), self.state, self.prediction, **self.place())

    @classmethod
    def restore(cls, path: str | Path, cube: xr.DataArray | str | Path | None = None, **options: Any) -> Explorer:
        """The explorer that was saved. The scan has to be given where it was not opened from a file."""
        state = ViewState()
        more, prediction = load_session(Path(path), state)
        if cube is None:
            cube = more.get("scan")
        if cube is None:
            raise ValueError(f"{path} does not know a file of its scan; give the cube: Explorer.restore(path, cube)")
        explorer = cls(cube, state=state, **{"prediction": prediction, "specimen": more.get("specimen"), **options})
        explorer.tab = str(more.get("tab", explorer.tab))
        return explorer

    def take_session(self, text: str) -> None:
        """Go where a saved session was, on this scan; what is wrong with the text is shown."""
        try:
            more = apply_session(self.state, text)
            self.specimen = more.get("specimen", self.specimen)
            self.tab = str(more.get("tab", self.tab))
        except ValueError as error:
            self._message.value = str(error)

    def reset(self) -> None:
        """Put the state back to where it starts; match and map stay."""
        self._message.value = ""
        reset_state(self.state, self.cube)

    def place(self) -> dict[str, Any]:
        """What a session says besides the state."""
        return {"scan": None if self.path is None else str(self.path), "tab": self.tab, "specimen": self.specimen}

    def _shown(self, change: Any) -> None:
        change["owner"].unobserve(self._shown, "reply")
        Background(lambda _: importlib.import_module("polwidgets.workflow"), done=self._opened, failed=self._opened)

    def _opened(self, *_: Any) -> None:
        column = self._columns[self.tab]
        for name, part in self.parts.items():
            if hasattr(part, "awake"):
                part.awake = name == self.tab
        if not len(column):
            try:
                column[:] = [self.part(self.tab)]
            except Exception as error:  # noqa: BLE001 a tab that cannot be built says why, in its place
                column[:] = [note(f"{type(error).__name__}: {error}", error=True)]

    def _predicted(self, *_: Any) -> None:
        if self.prediction is None:
            return
        try:
            self.map.show_map(self.prediction)
            self._message.value = ""
        except Exception as error:  # noqa: BLE001 a map that does not fit is said where the user looks
            self._message.value = f"{error}"
