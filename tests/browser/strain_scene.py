# disk explorer and strain maps on one state, which is written to a file whenever it changes
import json
from pathlib import Path

from nanobeam_scan import make_scan, make_strain

import polwidgets as pw

scan, probe = make_scan()
state = pw.ViewState(probe=(0, 1))
disks = pw.DiskExplorer(scan, probe, state=state)
maps = pw.StrainMaps(make_strain(scan), cube=scan, state=state)


def write(_=None):
    values = {
        "probe": state.probe,
        "certainty": disks.detector.certainty,
        "lattice": disks.view["lattice"],
        "axis_deg": maps.view["axis_deg"],
    }
    values["mapped"] = None if disks.strain is None else float(disks.strain["e_xx"][2, 3])
    Path("state.tmp").write_text(json.dumps(values))
    Path("state.tmp").rename("state.json")


state.observe(write)
disks.observe(write, ["view", "strain"])
maps.observe(write, "view")
write()
