# what both hosts show: a cube browser, its maps and a specimen matcher on one state, which is written to a file whenever it changes
import json
from pathlib import Path

from synthetic import make_map, make_scan

import polwidgets as pw

scan = make_scan()
prediction = make_map(scan)
browser = pw.CubeBrowser(scan)
state = browser.state
maps = pw.LinkedMaps(prediction, cube=scan, state=state)
matcher = pw.SpecimenMatcher(scan, state, crystal="srtio3", thickness_range_A=(40.0, 120.0))


def write(_=None):
    values = {name: getattr(state, name) for name in state.trait_names()}
    values["thickness_A"] = matcher.view["thickness_A"]
    Path("state.tmp").write_text(json.dumps(values))
    Path("state.tmp").rename("state.json")


state.observe(write)
matcher.observe(write, "view")
write()
