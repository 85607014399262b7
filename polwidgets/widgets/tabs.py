"""What the explorer's tabs hold: each built when it is first opened, each a widget that works alone as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import panel as pn
import traitlets
import xarray as xr

from polwidgets.electron import wave_number
from polwidgets.widgets.form import note
from polwidgets.widgets.specimen_matcher import SpecimenMatcherPane
from polwidgets.widgets.view import View
from polwidgets.widgets.view_state import ViewState

if TYPE_CHECKING:
    from polwidgets.widgets.explorer import Explorer


def _match(explorer: Explorer) -> Any:
    from polwidgets.widgets.specimen_model import SpecimenMatcherModel

    model = SpecimenMatcherModel(explorer.cube, state=explorer.state, specimen=explorer.specimen, crystal=explorer.crystal)
    model.observe(lambda change: explorer.param.update(specimen=change["new"]), "specimen")
    explorer.param.watch(lambda event: model.set_trait("specimen", event.new), "specimen")
    return SpecimenMatcherPane(model)


def _augment(explorer: Explorer) -> Any:
    from polwidgets.widgets.perturbation_panel import PerturbationPanel

    return PerturbationPanel(explorer.cube, state=explorer.state)


def _models(explorer: Explorer) -> Any:
    from polwidgets.widgets.model_selector import ModelSelector

    selector = ModelSelector(explorer.cube, crystal=explorer.crystal, specimen=explorer.specimen, state=explorer.state)
    for name in ("specimen", "prediction"):
        _share(selector, explorer, name)
    return selector


class _Maps(View):
    """Linked maps of whatever is shown now; made anew for another map, since their plots belong to one."""

    def __init__(self, explorer: Explorer) -> None:
        super().__init__()
        self._explorer = explorer
        self._column = pn.Column(margin=0)
        self._links: list[traitlets.link] = []
        explorer.param.watch(self.lazily(self._show), "prediction")
        self._show()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    def _show(self) -> None:
        from polwidgets.widgets.linked_maps import LinkedMaps

        for link in self._links:
            link.unlink()
        if self._explorer.prediction is None:
            self._column[:] = [note("no map yet: train and map in the tab Models")]
            return
        # a state of their own, which can be cut off when these maps are replaced
        shared, own = self._explorer.state, ViewState()
        self._links = [traitlets.link((shared, name), (own, name)) for name in shared.trait_names()]
        self._column[:] = [LinkedMaps(self._explorer.prediction, cube=self._explorer.cube, state=own)]


def _why(explorer: Explorer) -> Any:
    from polwidgets.widgets.periodicity_explorer import PeriodicityExplorer

    return _analysis(explorer, PeriodicityExplorer, truth=explorer.truth)


def _gap(explorer: Explorer) -> Any:
    from polwidgets.widgets.domain_gap_explorer import DomainGapExplorer

    return _analysis(explorer, DomainGapExplorer)


def _defects(explorer: Explorer) -> Any:
    from polwidgets.widgets.defect_explorer import DefectExplorer

    return _analysis(explorer, DefectExplorer)


def _strain(explorer: Explorer) -> Any:
    from polwidgets.widgets.strain_view import StrainView

    view = StrainView(explorer.cube, strain=explorer.strain, state=explorer.state)
    _share(view, explorer, "strain")
    return view


def _analysis(explorer: Explorer, kind: Any, **more: Any) -> Any:
    shown = {"prediction": explorer.prediction, "specimen": explorer.specimen, "crystal": explorer.crystal, "state": explorer.state}
    view = kind(explorer.cube, **shown, **more)
    _share(view, explorer, "specimen")
    explorer.param.watch(lambda event: view.param.update(prediction=event.new), "prediction")
    return view


def _share(first: Any, second: Any, name: str) -> None:
    """Keep a parameter of two objects the same."""

    def follow(other: Any, value: Any) -> None:
        if getattr(other, name) is not value:
            setattr(other, name, value)

    first.param.watch(lambda event: follow(second, event.new), name)
    second.param.watch(lambda event: follow(first, event.new), name)


TABS: Final[dict[str, Callable[[Explorer], Any]]] = {
    "Match": _match,
    "Augment": _augment,
    "Models": _models,
    "Maps": _Maps,
    "Why it fails": _why,
    "Domain gap": _gap,
    "Defects": _defects,
    "Strain": _strain,
}
OF_SEPARATE_DISKS: Final = ("Strain",)
LARGEST_CELL_A: Final = 4.0


def may_be_separate(cube: xr.DataArray) -> bool:
    """Whether disks do not overlap, as far as the optics tell, for a lattice of 4 angstrom; yes where they do not tell."""
    if not {"voltage_kV", "semiangle_mrad"} <= set(cube.attrs):
        return True
    return 2 * wave_number(float(cube.attrs["semiangle_mrad"]), float(cube.attrs["voltage_kV"])) < 1 / LARGEST_CELL_A
