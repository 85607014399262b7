from __future__ import annotations

import nanobeam_scan
import pytest

import polwidgets as pw
from polwidgets.widgets.strain_maps import StrainMapsPane
from polwidgets.widgets.strain_view import StrainView
from polwidgets.widgets.tabs import may_be_separate


@pytest.fixture(scope="module")
def cube():
    return nanobeam_scan.make_scan()[0]


def test_disks_are_separate_where_the_optics_do_not_say_otherwise(cube, scan):
    assert may_be_separate(cube)
    assert not may_be_separate(scan)  # 24 mrad
    assert may_be_separate(scan.drop_attrs())


def test_the_explorer_has_the_tab_where_disks_may_be_separate(cube, scan):
    assert "Strain" not in pw.Explorer(scan).tabs
    strain = nanobeam_scan.make_strain(cube)
    explorer = pw.Explorer(cube, strain=strain)
    assert explorer.tab == "Strain"
    part = explorer.part("Strain")
    assert part.strain is strain
    # a map that is made in the tab is the explorer's
    mapped = strain.copy()
    part.disks.strain = mapped
    assert explorer.strain is mapped


def test_other_maps_take_the_place_of_the_first(cube):
    strain = nanobeam_scan.make_strain(cube)
    view = StrainView(cube, state=pw.ViewState(probe=(0, 0)))
    column = view.__panel__()
    assert len(column) == 1
    view.strain = strain
    first = column[1]
    assert isinstance(first, StrainMapsPane)
    view.strain = strain.copy()
    assert column[1] is not first
    view.state.probe = (2, 1)
    assert column[1].view["probe"] == [2, 1]
    assert first.view["probe"] == [0, 0]
