# the explorer in both hosts, with a map that takes no time; its state is written to a file whenever it changes
import json
from pathlib import Path

from synthetic import make_map, make_scan

import polwidgets as pw

scan = make_scan()
explorer = pw.Explorer(scan, prediction=make_map(scan), state=pw.ViewState(probe=(2, 2)))
state = explorer.state


def write(_=None):
    values = {name: getattr(state, name) for name in state.trait_names()}
    Path("state.tmp").write_text(json.dumps(values))
    Path("state.tmp").rename("state.json")


state.observe(write)
write()
