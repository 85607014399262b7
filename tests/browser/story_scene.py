# the explorer of a simulated scan that is matched already; its state, its map's errors and what it says of the probe go to a file
import json
from pathlib import Path

import numpy as np

import polwidgets as pw

TRUTH_deg = 90.0
explorer = pw.Explorer.restore("session.json", truth=TRUTH_deg)
state = explorer.state


def write(_=None):
    values = {name: getattr(state, name) for name in state.trait_names()}
    if (shown := explorer.prediction) is not None:
        wrong = np.abs((shown["direction_deg"].values - TRUTH_deg + 180) % 360 - 180) > 22.5
        values |= {"wrong": wrong.tolist(), "probability": shown["probability"].values[state.probe].tolist()}
        values["mapped"] = [shown.attrs["model"], shown.attrs["context"]]
    Path("state.tmp").write_text(json.dumps(values))
    Path("state.tmp").rename("state.json")


state.observe(write)
explorer.param.watch(write, "prediction")
write()
