# scene builder and segmentation explorer; what Python knows of them is written to a file whenever it changes
import json
from pathlib import Path

import numpy as np
import torch

import polwidgets as pw
from polwidgets.segmentation.segmenter import Segmenter


class Dark(torch.nn.Module):
    """A network by hand: what is dark is a particle, the surer the darker."""

    multiple = 2

    def forward(self, image):
        return torch.cat([image / 2, -image / 2, torch.full_like(image, -20.0)], 1)


row, column = np.indices((90, 130))
image = np.full(row.shape, 200.0)
for y, x, radius, level in ((25, 30, 12, 60), (60, 90, 18, 60), (30, 75, 7, 110)):
    image[np.hypot(row - y, column - x) <= radius] = level

builder = pw.SceneBuilder("wulff", seed=3, diameter_A=15.0, box_A=40.0, orientation="001")
explorer = pw.SegmentationExplorer(image, weights=Segmenter(Dark(), {}), pixel_size=0.5, views=1)


def write(*_):
    values = {"drawn": builder.image is not None, "trouble": builder._trouble.value, "chosen": explorer._chosen.value}
    if builder.image is not None:
        values |= {"defocus_A": float(builder.image["defocus_A"]), "atoms": len(builder.scene), "mean": float(builder.image.mean())}
    if explorer.statistics is not None:
        values |= {"particles": explorer.statistics.attrs["count"], "threshold": explorer.segmentation.attrs["threshold"]}
    Path("state.tmp").write_text(json.dumps(values))
    Path("state.tmp").rename("state.json")


builder.param.watch(write, ["image", "scene"])
builder._trouble.param.watch(write, "value")
explorer.param.watch(write, ["segmentation", "statistics"])
explorer._chosen.param.watch(write, "value")
write()
