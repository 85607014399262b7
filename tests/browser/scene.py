# what both hosts show: a cube browser and its maps on one state, which is written to a file whenever it changes
import json
from pathlib import Path

from synthetic import make_map, make_scan

import polwidgets as pw

scan = make_scan()
prediction = make_map(scan)
browser = pw.CubeBrowser(scan)
state = browser.state
maps = pw.LinkedMaps(prediction, cube=scan, state=state)


def write(_=None):
    values = {name: getattr(state, name) for name in state.trait_names()}
    Path("state.tmp").write_text(json.dumps(values))
    Path("state.tmp").rename("state.json")


state.observe(write)
write()
